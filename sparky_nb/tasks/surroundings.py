"""Where this process runs: in which notebook, in which cell, on which machine."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

import msgspec

from sparky_nb.errors import InvalidArgument
from sparky_nb.events.jsonable import safe_text
from sparky_nb.events.model import JsonObject
from sparky_nb.ids import check_model
from sparky_nb.tasks.ports import Settings
from sparky_nb.tasks.values import setting_value


def shell() -> Any:
    """The running IPython shell, or None; IPython is not imported for it."""
    module = sys.modules.get("IPython.core.interactiveshell")
    shell_class = getattr(module, "InteractiveShell", None)
    return shell_class._instance if shell_class is not None else None


def end_reason() -> str:
    """Why tasks end when this process does."""
    return "kernel shut down" if hasattr(shell(), "kernel") else "the process ended"


def notebook_path() -> str | None:
    """The notebook's path where this kernel has one: Jupyter and VS Code tell."""
    found = getattr(shell(), "user_ns", {}).get("__vsc_ipynb_file__")
    path = found or os.environ.get("JPY_SESSION_NAME")
    if not isinstance(path, str) or not path.endswith(".ipynb"):
        return None  # a console, or a session that is no file
    return safe_text(os.path.abspath(path))


def origin() -> JsonObject | None:
    """The ``origin`` of a task that starts here: notebook, cell, and execution of the cell."""
    found: JsonObject = {}
    if path := notebook_path():
        found["path"] = path
    kernel = getattr(shell(), "kernel", None)
    if kernel is not None:
        request = kernel.get_parent() or {}
        if isinstance(cell_id := request.get("metadata", {}).get("cellId"), str):
            found["cell_id"] = cell_id
            if isinstance(run := request.get("header", {}).get("msg_id"), str):
                found["run"] = run
    return found or None


def facts() -> JsonObject:
    """What people want to know of a runner."""
    return {"host": platform.node(), "pid": os.getpid(), "python": platform.python_version()}


def changed(settings: Settings, changes: JsonObject) -> Settings:
    """``settings`` with ``changes``. Raises InvalidArgument naming the setting."""
    names = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    values: JsonObject = {}
    for name, value in changes.items():
        if name not in names:
            raise InvalidArgument("setting", f"one of {', '.join(sorted(names))}", name)
        if name == "secret":
            if value is not None and not callable(value):
                raise InvalidArgument(name, "a function from a name to bool, or None", value)
            values[name] = value
            continue
        values[name] = setting_value(name, names[name], value)
        if name == "model" and values[name] is not None:
            check_model(values[name])
    return msgspec.structs.replace(settings, **values)
