"""``logging``: a record made inside a task becomes one event, and is not printed as well."""

from __future__ import annotations

import logging
from typing import Any

from sparky_nb.errors import Conflict
from sparky_nb.tasks.capture.source import MUTED, speaker
from sparky_nb.tasks.capture.streams import originals

_original = logging.Logger.callHandlers
_FORMAT = logging.Formatter("%(name)s: %(message)s")
_OURS = "sparky_nb"


def install() -> None:
    """See the module."""
    logging.Logger.callHandlers = _call_handlers  # type: ignore[method-assign]  # the purpose


def uninstall() -> None:
    """Put the original method back."""
    if logging.Logger.callHandlers is _call_handlers:
        logging.Logger.callHandlers = _original  # type: ignore[method-assign]  # the purpose


def _call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
    execution = speaker()
    if execution is None or MUTED.get() or record.name.split(".")[0] == _OURS:
        _original(self, record)
        return
    try:
        text = _FORMAT.format(record)
    except Exception as error:  # noqa: BLE001  a record whose arguments do not fit its text
        text = f"{record.name}: {record.msg!r} ({type(error).__name__}: {error})"
    data = {"stream": "log", "level": record.levelname, "text": text + "\n"}
    try:
        execution.emitter.display(data, len(text))
    except Conflict:  # it has ended in this very moment
        _original(self, record)
        return
    token = MUTED.set(True)
    try:
        for handler in _handlers(self):
            if record.levelno >= handler.level and not _prints(handler):
                handler.handle(record)
    finally:
        MUTED.reset(token)


def _handlers(logger: logging.Logger | None) -> list[logging.Handler]:
    found: list[logging.Handler] = []
    while logger is not None:
        found.extend(logger.handlers)
        logger = logger.parent if logger.propagate else None
    return found


def _prints(handler: logging.Handler) -> bool:
    """Whether ``handler`` writes to the streams of the process."""
    stream: Any = getattr(handler, "stream", None)
    return stream is not None and any(stream is one for one in originals())
