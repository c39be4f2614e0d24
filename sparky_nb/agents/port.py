"""What this room asks of a task. ``TaskContext`` has it; so may anything else that runs agents."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol


class Writer(Protocol):
    """Takes the pieces of one streamed text."""

    def write(self, piece: str) -> int: ...


class Port(Protocol):
    """The task that an agent works for; see ``TaskContext`` for what each call does."""

    @property
    def id(self) -> str: ...

    @property
    def chat(self) -> str: ...

    @property
    def cancelled(self) -> bool: ...

    def emit(self, type: str, data: dict[str, Any]) -> None: ...  # noqa: A002

    def streaming(self, kind: Literal["thought", "message"]) -> AbstractContextManager[Writer]: ...

    def ask(
        self,
        prompt: str,
        choices: Iterable[str] | None = None,
        timeout: float | None = None,
        *,
        approval: str | None = None,
    ) -> Any: ...

    def receive(self, timeout: float | None = 0) -> str | None: ...

    def use(self, usage: dict[str, Any]) -> None: ...

    def overhear(self) -> AbstractContextManager[list[str]]: ...
