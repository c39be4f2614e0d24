"""What a runner is handed: its settings, and the shapes of its neighbours.

The composition root (``sparky_nb.api``) joins the rooms; here is only what this room asks of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct

from sparky_nb.events.model import JsonObject

KIB: Final = 1024
MIB: Final = 1024 * 1024


class Settings(Struct, frozen=True, kw_only=True):
    """The numbers of this room; protocol.md §1, §4 and §5 give the defaults.

    Attributes:
        parallel: tasks that run side by side; the rest is queued. Waiting tasks do not count.
        processes: tasks with a process of their own that run side by side on this machine.
        text_hold: seconds that streamed text and output are held at most.
        text_hold_chars: and characters.
        progress_hold: seconds between two stored values of one progress key.
        payload_bytes: a larger payload becomes a blob.
        blob_bytes: a larger payload is cut, and says so.
        output_bytes: output of one task that is kept.
        outbox_bytes: what is kept in memory while the log can't be written.
        outbox_retry: seconds between two attempts to write.
        cancel_grace: seconds after which a cancel is forced.
        shutdown_grace: seconds that a clean shutdown waits for tasks that are being cancelled.
        lease_renewal: seconds between two renewals of the lease.
        busy_poll, idle_poll: seconds between two looks for commands where no bell rang.
        model: the LLM model for agent tasks, ``provider:model``; None where there is none.
        secret: says whether an argument of that name is masked; None: the built-in rule.
    """

    parallel: int = 16
    processes: int = max(4, os.cpu_count() or 1)
    text_hold: float = 0.040
    text_hold_chars: int = 16 * KIB
    progress_hold: float = 0.100
    payload_bytes: int = 64 * KIB
    blob_bytes: int = 32 * MIB
    output_bytes: int = 64 * MIB
    outbox_bytes: int = 16 * MIB
    outbox_retry: float = 0.5
    cancel_grace: float = 5.0
    shutdown_grace: float = 1.5
    lease_renewal: float = 10.0
    busy_poll: float = 0.25
    idle_poll: float = 2.0
    model: str | None = None
    secret: Callable[[str], bool] | None = None


class Ringer(Protocol):
    """Says "this chat has moved" to every listener; never blocks."""

    def set_endpoints(self, endpoints: list[str]) -> None: ...

    def ring(self, chat_id: str) -> None: ...


class Bell(Protocol):
    """Hears which chats have moved; ``nudge`` ends a wait from any thread."""

    @property
    def endpoint(self) -> str: ...

    def wait(self, timeout: float) -> set[str]: ...

    def nudge(self) -> None: ...


class Host(Protocol):
    """What surrounds the work where it has a process of its own."""

    def ending(self, error: BaseException | None) -> BaseException | None:
        """The work has stopped, with ``error`` or with a value; the error that counts."""
        ...

    def kept(self, value: Any, put_blob: Callable[[bytes, str], str]) -> JsonObject:
        """Further fields of the ending that completes the task with ``value``."""
        ...


Sweep = Callable[[], Sequence[str]]
"""Declares the tasks of dead runners lost; the ids of those that this call ended."""


class SilentRinger:
    """A ringer for where nobody listens.

    >>> SilentRinger().ring("default")
    """

    def set_endpoints(self, endpoints: list[str]) -> None: ...

    def ring(self, chat_id: str) -> None: ...
