"""Every error that sparky_nb raises on purpose, with a stable code.

SparkyError                      code, retryable, http_status; facts as attributes
├── UsageError                   you misused it: nothing was stored
│   ├── InvalidArgument          400  invalid_argument     field, rule
│   ├── NotFound                 404  chat_not_found | task_not_found | …
│   ├── Conflict                 409  conflict             (illegal now, may be legal later)
│   │   ├── IllegalMove          409  illegal_move         a task state that can't follow
│   │   ├── IdConflict           409  id_conflict          same event id, other content
│   │   ├── LaneTaken            409  lane_taken           another agent task has the chat's turn
│   │   └── GapError             409  gap                  a cursor that can't be honoured
│   ├── PayloadTooLarge          413  too_large
│   ├── Forbidden                403  forbidden
│   ├── RateLimited              429  rate_limited         retry_after (seconds)
│   └── NoModel                  400  no_model             no LLM model is configured
├── Fenced                       409  fenced               another attempt or an ending took over
├── LogUnavailable               503  log_unavailable      busy, full, read-only: try again
├── LogRefused                   503  log_refused          a file that must not be touched
├── ProtocolError                     protocol_error       the other side misbehaved
└── TaskError                         raised by ``TaskHandle.result``
    ├── TaskFailed                    task_failed
    ├── TaskLost                      task_lost
    └── TaskWasCancelled              task_cancelled
TaskCancelled (BaseException)    raised *inside* a task that is being cancelled
"""

from __future__ import annotations

from typing import Any, ClassVar


class SparkyError(Exception):
    """Base of all errors here.

    Attributes:
        code: stable identifier, snake_case; the same in Python, HTTP and on the socket.
        retryable: whether the same call may succeed later without a change.
        http_status: the status the server answers with.
    """

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    http_status: ClassVar[int] = 500

    def to_wire(self) -> dict[str, Any]:
        """The ``error`` object of protocol.md §2, e.g. ``{"code": "fenced", …}``."""
        return {"code": self.code, "message": str(self), "retryable": self.retryable}


class UsageError(SparkyError):
    """The caller asked for something that can't be; nothing was stored."""

    code = "usage"
    http_status = 400


class InvalidArgument(UsageError):
    """A value breaks a rule. ``field`` names it and ``rule`` says what was expected."""

    code = "invalid_argument"

    def __init__(self, field: str, rule: str, got: object = None) -> None:
        self.field, self.rule, self.got = field, rule, got
        super().__init__(field, rule)

    def __str__(self) -> str:
        got = "" if self.got is None else f", got {_short(self.got)}"
        return f"{self.field}: expected {self.rule}{got}"

    def to_wire(self) -> dict[str, Any]:
        return {**super().to_wire(), "field": self.field, "rule": self.rule}


class NotFound(UsageError):
    """There is no such ``what`` (chat, task, blob, schedule, command, event)."""

    code = "not_found"
    http_status = 404

    def __init__(self, what: str, name: str) -> None:
        self.what, self.name = what, name
        super().__init__(what, name)

    def __str__(self) -> str:
        return f"no {self.what} {_short(self.name)}"

    def to_wire(self) -> dict[str, Any]:
        return {**super().to_wire(), "code": f"{self.what}_not_found"}


class Conflict(UsageError):
    """What was asked is illegal in the present state; ``reason`` says why."""

    code = "conflict"
    http_status = 409

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class IllegalMove(Conflict):
    """A task can't go from ``before`` to ``after`` (the table is events/states.py)."""

    code = "illegal_move"

    def __init__(self, task_id: str, before: str | None, after: str) -> None:
        self.task_id, self.before, self.after = task_id, before, after
        super().__init__(f"task {task_id} can't go from {before or 'nothing'} to {after}")


class IdConflict(Conflict):
    """An event, task or command id was used again with other content."""

    code = "id_conflict"

    def __init__(self, used_id: str) -> None:
        self.used_id = used_id
        super().__init__(f"the id {used_id} is already stored with other content")


class LaneTaken(Conflict):
    """Agent tasks of one chat run one after the other, and it is the turn of ``holder``."""

    code = "lane_taken"
    retryable = True

    def __init__(self, task_id: str, holder: str) -> None:
        self.task_id, self.holder = task_id, holder
        super().__init__(f"task {task_id} waits for {holder}: agent tasks of a chat take turns")


class GapError(Conflict):
    """A cursor can't be honoured. ``gap`` is the object of protocol.md §3."""

    code = "gap"

    def __init__(self, gap: dict[str, Any]) -> None:
        self.gap = gap
        super().__init__(f"the cursor can't be honoured: {gap['reason']}")

    def to_wire(self) -> dict[str, Any]:
        return {**super().to_wire(), "gap": self.gap}


class PayloadTooLarge(UsageError):
    """``what`` has ``size`` bytes; at most ``limit`` are taken."""

    code = "too_large"
    http_status = 413

    def __init__(self, what: str, size: int, limit: int) -> None:
        self.what, self.size, self.limit = what, size, limit
        super().__init__(what, size, limit)

    def __str__(self) -> str:
        return f"{self.what} has {self.size} bytes, at most {self.limit} are accepted"


class Forbidden(UsageError):
    """The identity lacks the right."""

    code = "forbidden"
    http_status = 403


class RateLimited(UsageError):
    """Too many requests; try again in ``retry_after`` seconds."""

    code = "rate_limited"
    retryable = True
    http_status = 429

    def __init__(self, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(f"too many requests, try again in {retry_after:g} s")


class NoModel(UsageError):
    """An agent task needs an LLM model and none is configured."""

    code = "no_model"
    speaks_for_itself = True

    def __init__(self, then: str = "nothing was started") -> None:
        super().__init__(
            "no model is configured: set the environment variable SPARKY_MODEL or run "
            f"'%sparky config model=PROVIDER:MODEL' (for example openai:gpt-5-mini); {then}"
        )


class Fenced(SparkyError):
    """The writer has lost its right to append for the task: another attempt or runner has
    taken over, the task has ended, or its chat was deleted or replaced."""

    code = "fenced"
    http_status = 409

    def __init__(self, task_id: str, reason: str) -> None:
        self.task_id, self.reason = task_id, reason
        super().__init__(f"task {task_id}: {reason}; what it still says is refused")


class LogUnavailable(SparkyError):
    """The log can't be used now (busy, full, read-only, unreachable); trying again may help."""

    code = "log_unavailable"
    retryable = True
    http_status = 503


class LogRefused(SparkyError):
    """What is at the log's address must not be opened: a newer schema, a foreign file, …"""

    code = "log_refused"
    http_status = 503


class ProtocolError(SparkyError):
    """The other side of a stream broke the grammar of protocol.md §3."""

    code = "protocol_error"


class TaskError(SparkyError):
    """A task did not complete; raised by ``TaskHandle.result``. ``task_id`` names it."""

    code = "task_error"

    def __init__(self, task_id: str, message: str, error: dict[str, Any] | None = None) -> None:
        self.task_id, self.error = task_id, error
        super().__init__(message)


class TaskFailed(TaskError):
    """The task raised; ``error`` has ``type``, ``message`` and perhaps ``traceback``."""

    code = "task_failed"


class TaskLost(TaskError):
    """The process that ran the task died before the task ended."""

    code = "task_lost"


class TaskWasCancelled(TaskError):
    """The task was cancelled."""

    code = "task_cancelled"


class TaskCancelled(BaseException):
    """Raised inside a task that is being cancelled.

    A ``BaseException``, so that ``except Exception`` in the task's code does not swallow it.
    """


def _short(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
