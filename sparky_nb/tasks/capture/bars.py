"""``tqdm``: a bar inside a task becomes its progress, at tqdm's own pace."""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from typing import Any

from sparky_nb.errors import Conflict
from sparky_nb.tasks.capture.source import MUTED, speaker

_MARK = "_sparky_nb_display"
_CLASSES = {"tqdm.std": "tqdm", "tqdm.notebook": "tqdm_notebook"}


def install() -> None:
    """Stand in front of tqdm, also where it is imported later."""
    for name in _CLASSES:
        if name in sys.modules:
            _patch(sys.modules[name])
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def uninstall() -> None:
    """Put tqdm back."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    for name, cls_name in _CLASSES.items():
        cls = getattr(sys.modules.get(name), cls_name, None)
        if cls is not None and _MARK in vars(cls):
            for method, original in vars(cls)[_MARK].items():
                setattr(cls, method, original)
            delattr(cls, _MARK)


def _patch(module: Any) -> None:
    cls = getattr(module, _CLASSES[module.__name__], None)
    if cls is None or _MARK in vars(cls):
        return
    replaced = {}
    for method, wrap in _WRAPS.items():
        if method in vars(cls):
            replaced[method] = vars(cls)[method]
            setattr(cls, method, wrap(vars(cls)[method]))
    if "status_printer" in vars(cls) and module.__name__ == "tqdm.notebook":
        printer = cls.status_printer
        replaced["status_printer"] = vars(cls)["status_printer"]

        def quiet_printer(*args: Any, **kwargs: Any) -> Any:
            return _NoBox() if speaker() is not None else printer(*args, **kwargs)

        cls.status_printer = staticmethod(quiet_printer)
    setattr(cls, _MARK, replaced)


def _display(original: Any) -> Any:
    def display(self: Any, *args: Any, **kwargs: Any) -> Any:
        return True if _show(self) else original(self, *args, **kwargs)

    return display


def _nothing(original: Any) -> Any:
    """For what moves a terminal's cursor."""

    def outside(self: Any, *args: Any, **kwargs: Any) -> Any:
        return None if speaker() is not None else original(self, *args, **kwargs)

    return outside


def _silent(original: Any) -> Any:
    """For what ends the bar's line on a terminal."""

    def silent(self: Any, *args: Any, **kwargs: Any) -> Any:
        token = MUTED.set(speaker() is not None or MUTED.get())
        try:
            return original(self, *args, **kwargs)
        finally:
            MUTED.reset(token)

    return silent


_WRAPS = {"display": _display, "moveto": _nothing, "clear": _nothing, "close": _silent}


def _show(bar: Any) -> bool:
    execution = speaker()
    if execution is None:
        return False
    data: dict[str, Any] = {"key": f"tqdm-{abs(getattr(bar, 'pos', 0) or 0)}"}
    data["done"] = _number(bar.n)
    if bar.total:
        data["total"] = _number(bar.total)
    if bar.desc:
        data["message"] = str(bar.desc).removesuffix(": ")
    if bar.unit and bar.unit != "it":
        data["unit"] = str(bar.unit)
    try:
        execution.emitter.progress(data)
    except Conflict:  # it has ended in this very moment
        return False
    return True


def _number(value: Any) -> int | float:
    return value if isinstance(value, int) else float(value)


class _NoBox:
    """Stands in for the widget of a notebook bar, which nobody would see."""

    def __init__(self) -> None:
        self.children = [_NoPart(), _NoPart(), _NoPart()]
        self.pbar: Any = None

    def _ipython_display_(self) -> None:
        """Shows nothing."""


class _NoPart:
    def __init__(self) -> None:
        self.style: Any = type("Style", (), {})()
        self.layout: Any = type("Layout", (), {})()
        self.value: Any = None
        self.max: Any = None
        self.bar_style = ""


class _Finder(MetaPathFinder):
    """Patches tqdm's modules right after their import."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in _CLASSES:
            return None
        sys.meta_path.remove(self)
        try:
            spec = find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            spec.loader = _Patching(spec.loader)
        return spec


class _Patching(Loader):
    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        self._loader.exec_module(module)
        _patch(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
