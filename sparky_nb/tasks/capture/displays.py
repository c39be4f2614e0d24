"""Rich display: what ``display(…)`` shows inside a task becomes its ``output``."""

from __future__ import annotations

import sys
from typing import Any

from sparky_nb.errors import Conflict
from sparky_nb.events.jsonable import safe_repr
from sparky_nb.events.model import JsonObject
from sparky_nb.tasks.capture.source import speaker

_MARK = "_sparky_nb_publish"


def bundle(obj: Any) -> JsonObject:
    """The MIME bundle of ``obj``; empty where it displays itself in another way.

    >>> bundle(3)["text/plain"]
    '3'
    """
    try:
        formatter = _formatter()
        if formatter is None:
            return {"text/plain": safe_repr(obj)}
        mime, _ = formatter.format(obj)
    except Exception:  # noqa: BLE001  a user's _repr_…_ may raise anything
        return {"text/plain": safe_repr(obj)}
    if not mime and not hasattr(obj, "_ipython_display_"):
        return {"text/plain": safe_repr(obj)}  # its own way raised
    return dict(mime)


def rich(obj: Any) -> JsonObject:
    """The bundle of ``obj`` where it is more than plain text, else nothing."""
    if obj is None or isinstance(obj, str | int | float | bool | list | tuple | dict):
        return {}
    mime = bundle(obj)
    return mime if set(mime) - {"text/plain"} else {}


def flush_figures() -> None:
    """Show the figures that a cell has drawn, as IPython does after each cell; else they would come
    up under the next cell that somebody runs."""
    inline = sys.modules.get("matplotlib_inline.backend_inline")
    if inline is not None and "matplotlib.pyplot" in sys.modules:
        inline.flush_figures()


def size(mime: JsonObject) -> int:
    """About how many bytes ``mime`` has."""
    return sum(len(v) if isinstance(v, str) else len(str(v)) for v in mime.values())


def install() -> None:
    """Stand in front of IPython's publisher, where IPython is running."""
    publisher = _publisher()
    if publisher is None or _MARK in vars(publisher):
        return
    publish, clear = publisher.publish, publisher.clear_output

    def publish_in_task(data: JsonObject, metadata: Any = None, **kwargs: Any) -> Any:
        execution = speaker()
        if execution is not None:
            more = {}
            if display_id := (kwargs.get("transient") or {}).get("display_id"):
                more = {"display_id": str(display_id), "update": bool(kwargs.get("update"))}
            try:
                execution.show(data, **more)
                return None
            except Conflict:  # it has ended in this very moment
                pass
        return publish(data, metadata, **kwargs)

    def clear_outside(*args: Any, **kwargs: Any) -> Any:
        # What a task has shown is in its log and stays.
        return None if speaker() is not None else clear(*args, **kwargs)

    publisher.publish, publisher.clear_output = publish_in_task, clear_outside
    setattr(publisher, _MARK, True)


def uninstall() -> None:
    """Step out of the way."""
    publisher = _publisher()
    if publisher is not None and _MARK in vars(publisher):
        for name in ("publish", "clear_output", _MARK):
            vars(publisher).pop(name, None)


def _shell() -> Any:
    # Whoever runs in IPython has imported it.
    module = sys.modules.get("IPython.core.interactiveshell")
    shell_class = getattr(module, "InteractiveShell", None)
    return shell_class._instance if shell_class is not None else None


def _publisher() -> Any:
    return getattr(_shell(), "display_pub", None)


def _formatter() -> Any:
    if (shell := _shell()) is not None:
        return shell.display_formatter
    if "IPython" not in sys.modules:
        return None
    from IPython.core.formatters import DisplayFormatter

    return DisplayFormatter()
