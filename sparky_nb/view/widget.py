"""The ipywidgets view: a model whose synced parts are the parts of the picture.

The drawing code is in a model of its own, once for a kernel, so that a notebook that is saved with
its widgets holds it once and each task only its small picture. Each part is a trait: what has not
changed is not sent, and a page that is opened again gets all of them from the model.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import anywidget
import ipywidgets
import msgspec
import traitlets

from sparky_nb.view.model import Picture

PARTS = ("head", "bars", "question", "entries", "output", "ending")
Heard = Callable[[dict[str, Any]], None]


@functools.cache
def static(name: str) -> str:
    """The text of ``view/static/<name>`` without indentation and lines that only comment."""
    text = files("sparky_nb.view").joinpath("static", name).read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


class TaskCode(ipywidgets.Widget):  # type: ignore[misc]  # ipywidgets ships no types
    """What every task's widget is drawn with."""

    js = traitlets.Unicode().tag(sync=True)
    css = traitlets.Unicode().tag(sync=True)


class TaskWidget(anywidget.AnyWidget):
    """The live picture of one task; ``show`` may be called from one thread only.

    Args:
        picture: the first one.
        code: a ``TaskCode`` that is open.
        heard: called with each message of the page, on whatever thread the kernel brings it.
    """

    _esm = static("load.js")
    code = traitlets.Instance(TaskCode).tag(sync=True, **ipywidgets.widget_serialization)
    head = traitlets.Dict().tag(sync=True)
    bars: traitlets.List[Any] = traitlets.List().tag(sync=True)
    question = traitlets.Dict(None, allow_none=True).tag(sync=True)
    entries: traitlets.List[Any] = traitlets.List().tag(sync=True)
    output = traitlets.Dict().tag(sync=True)
    ending = traitlets.Dict().tag(sync=True)

    def __init__(self, picture: Picture, code: TaskCode, heard: Heard) -> None:
        self._heard = heard
        super().__init__(code=code, **_parts(picture))
        self.on_msg(self._hear)
        _hear_in_a_subshell(self.comm)

    def show(self, picture: Picture) -> None:
        """Send what differs from the picture before, as one message."""
        with self.hold_sync():
            for name, part in _parts(picture).items():
                setattr(self, name, part)

    def tell(self, message: dict[str, Any], *buffers: bytes) -> None:
        """Send a message to all pages that show the task; it is not part of the state."""
        self.send(message, list(buffers))

    def tell_code(self) -> None:
        """For pages whose widget manager does not find other models."""
        self.tell({"type": "code", "js": self.code.js, "css": self.code.css})

    def _hear(self, widget: object, content: object, buffers: object) -> None:
        if isinstance(content, dict):
            self._heard(content)


def new_code() -> TaskCode:
    """The model of the drawing code, to be shared by all tasks of this process."""
    return TaskCode(js=static("task.js"), css=static("task.css"))


def _parts(picture: Picture) -> dict[str, Any]:
    return {name: msgspec.to_builtins(getattr(picture, name)) for name in PARTS}


def _hear_in_a_subshell(comm: Any) -> None:
    """Let a page's messages come while a cell runs.

    JupyterLab sends them to a subshell of the kernel for this; ipykernel 7.4 brings them back to
    the shell that opened the comm, which a cell may keep busy for hours. A task's widget only puts
    them into a queue, so any thread may bring them. Other kernels lack the method.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, asked: asked
