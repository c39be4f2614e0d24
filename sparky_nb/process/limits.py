"""How much a task in a process of its own may take, and the errors when it takes more."""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from msgspec import Struct

from sparky_nb.errors import InvalidArgument

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", re.IGNORECASE)
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)", re.IGNORECASE)
_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SIZE_RULE: Final = "a number of bytes above 0, or a text such as '512M' or '2GiB'"
DURATION_RULE: Final = "a number of seconds above 0, or a text such as '90s', '30m' or '2h'"


class Process(Struct, frozen=True, kw_only=True):
    """Where a task runs: in a process of its own. ``"process"`` is short for one without limits.

    Attributes:
        memory: bytes that the task may take beyond what an idle one has, or a text like ``"2GiB"``;
            None: no limit. It bounds the address space, where the system can (Linux).
        time: seconds that the task may run, or a text like ``"30m"``; None: no limit.

    >>> Process(memory="2GiB", time="30m").checked()
    Process(memory=2147483648, time=1800.0)
    """

    memory: int | str | None = None
    time: float | str | None = None

    def checked(self) -> Process:
        """The same with plain numbers. Raises InvalidArgument naming the field."""
        return Process(memory=parse_size(self.memory), time=parse_duration(self.time))


class TimeLimitExceeded(TimeoutError):
    """The task ran longer than its time limit."""


class MemoryLimitExceeded(MemoryError):
    """The task asked for more memory than its limit."""


# What people see in the log is the name that they can import.
for _error in (TimeLimitExceeded, MemoryLimitExceeded):
    _error.__module__ = "sparky_nb.process"


def chosen(on: object) -> Process:
    """What ``on=`` means. Raises InvalidArgument."""
    if on == "process":
        return Process()
    if isinstance(on, Process):
        return on.checked()
    raise InvalidArgument("on", "'process' or sparky_nb.Process(…)", on)


def parse_size(value: Any) -> int | None:
    """Bytes.

    >>> parse_size("512M"), parse_size(None)
    (536870912, None)
    """
    if isinstance(value, str) and (found := _SIZE.fullmatch(value.strip())):
        value = int(float(found[1]) * 1024 ** " KMGT".index((found[2] or " ").upper()))
    if value is None or (type(value) is int and value > 0):
        return value
    raise InvalidArgument("memory", SIZE_RULE, value)


def parse_duration(value: Any) -> float | None:
    """Seconds.

    >>> parse_duration("1.5h"), parse_duration(20)
    (5400.0, 20.0)
    """
    if isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())):
        value = float(found[1]) * _UNITS[found[2].lower()]
    if value is None:
        return None
    if type(value) in (int, float) and 0 < value < float("inf"):
        return float(value)
    raise InvalidArgument("time", DURATION_RULE, value)


def readable_size(size: int) -> str:
    """``size`` bytes, for people.

    >>> readable_size(536870912)
    '512 MiB'
    """
    value, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:g} {unit}" if value == int(value) else f"{value:.1f} {unit}"


class MemoryLimit:
    """The bound on this process's address space; it begins with ``set`` and ends with ``lift``.

    Args:
        size: bytes beyond what the process has when the bound is set; None: no bound.
    """

    def __init__(self, size: int | None) -> None:
        self.size = size
        self._before: tuple[int, int] | None = None

    def set(self) -> None:
        """Bound the process, where the system can."""
        resource = _resource()
        if self.size is None or resource is None:
            return
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = _address_space() + self.size
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        # Some systems know the name and refuse the value.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
            self._before = soft, hard

    def lift(self) -> None:
        """Take the bound off: telling what happened needs memory, too."""
        resource = _resource()
        if self._before is not None and resource is not None:
            resource.setrlimit(resource.RLIMIT_AS, self._before)
            self._before = None


def _resource() -> ModuleType | None:
    """The module ``resource``, which Windows has not."""
    try:
        return importlib.import_module("resource")
    except ImportError:
        return None


def _address_space() -> int:
    """Bytes of address space that this process has now; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    resource = _resource()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return pages * int(resource.getpagesize()) if resource is not None else 0
