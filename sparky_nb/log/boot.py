"""Which run of which machine this is."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import sys
from pathlib import Path

_LINUX = Path("/proc/sys/kernel/random/boot_id")


@functools.cache
def boot_id() -> str:
    """A text that changes with each start of the machine; empty where the system has none.

    Containers of one machine share it.
    """
    try:
        return _LINUX.read_text("ascii").strip()
    except OSError:
        return _sysctl("kern.bootsessionuuid") if sys.platform == "darwin" else ""


def _sysctl(name: str) -> str:
    """macOS: the value of a text in the kernel's table."""
    libc = ctypes.CDLL(ctypes.util.find_library("c"))
    buffer = ctypes.create_string_buffer(64)
    size = ctypes.c_size_t(len(buffer))
    failed = libc.sysctlbyname(name.encode(), buffer, ctypes.byref(size), None, 0)
    return "" if failed else buffer.value.decode("ascii", "replace")
