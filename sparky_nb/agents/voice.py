"""How an agent is heard: what it says, thinks and does becomes the events of its task.

One text is open at a time; a text ends when another begins, a tool is used, or the work ends. A
tool call that has begun always gets its result, also when the agent fails in the middle of it.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any, Literal

from sparky_nb.agents.port import Port, Writer
from sparky_nb.clock import Clock
from sparky_nb.errors import Conflict, TaskCancelled
from sparky_nb.events.jsonable import jsonable
from sparky_nb.events.model import JsonObject
from sparky_nb.tasks.masking import Rule, mask
from sparky_nb.tasks.results import stored

Kind = Literal["thought", "message"]
Outcome = Literal["success", "error", "denied"]


class Voice:
    """See the module.

    Args:
        port: the task.
        clock: measures how long tools take.
        secret: says of a tool's argument whether it is masked; None: the built-in rule.

    Attributes:
        said: the text of the last message, whole.
    """

    def __init__(self, port: Port, clock: Clock, secret: Rule | None = None) -> None:
        self._port, self._clock, self._secret = port, clock, secret
        self._open: tuple[Kind, str] | None = None
        self._writer: Writer | None = None
        self._stack = ExitStack()
        self._calls: dict[str, tuple[str, float]] = {}
        self._pieces: list[str] = []
        self.said = ""

    def text(self, kind: Kind, piece: str, key: str = "") -> None:
        """Add ``piece`` to the open text, or begin another where kind or key differ."""
        if self._open != (kind, key):
            self.end_text()
            if not piece:
                return
            self._writer = self._stack.enter_context(self._port.streaming(kind))
            self._open = (kind, key)
            self._pieces = []
        assert self._writer is not None
        self._writer.write(piece)
        self._pieces.append(piece)

    def end_text(self) -> None:
        """The open text, if any, is complete."""
        if self._open is not None:
            if self._open[0] == "message":
                self.said = "".join(self._pieces)
            self._open = self._writer = None
            self._stack.close()

    def tool_use(self, call_id: str, name: str, args: Any) -> None:
        """A tool is called. Calling it again with the same id says nothing."""
        if call_id in self._calls:
            return
        self.end_text()
        data = {"tool_call_id": call_id, "name": name, "args": self.shown(args)}
        self._port.emit("tool_use", data)
        self._calls[call_id] = (name, self._clock.monotonic())

    def shown(self, args: Any) -> JsonObject:
        """Arguments as people see them: secrets are masked."""
        return jsonable(mask(args, self._secret) if isinstance(args, dict) else {"args": args})  # type: ignore[no-any-return]  # of a dict it makes a dict

    def tool_result(self, call_id: str, status: Outcome, result: Any) -> None:
        """The tool gave back ``result``; ignored where no such call is open."""
        if call_id not in self._calls:
            return
        name, began = self._calls[call_id]
        elapsed = int((self._clock.monotonic() - began) * 1000)
        data = {"tool_call_id": call_id, "name": name, "status": status}
        self._port.emit("tool_result", {**data, "result": stored(result), "duration_ms": elapsed})
        del self._calls[call_id]

    def note(self, text: str) -> None:
        """Tell people something that is not the agent's own words."""
        self.end_text()
        self._port.emit("output", {"stream": "log", "level": "WARNING", "text": f"{text}\n"})

    def close(self, why: str) -> None:
        """The work has ended: so do the open text and the open tool calls."""
        with suppress(Conflict):  # the task has ended meanwhile, and whatever was open with it
            self.end_text()
            for call_id in list(self._calls):
                try:
                    self.tool_result(call_id, "error", why)
                except TaskCancelled:  # it is raised once: this time the result is stored
                    self.tool_result(call_id, "error", why)
