"""How a new Python process of ours is started: the same interpreter, finding the same package."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Final

from sparky_nb.errors import Conflict

KILL: Final = getattr(signal, "SIGUSR1", signal.SIGTERM)
"""Tells a supervisor to end the work at once. (Windows lacks it; there no process is started.)"""

# ``-P``: a file in the working folder must not stand in for a module of the standard library. The
# folder of the package comes last: it matters only where the package is not installed.
_BOOT: Final = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from sparky_nb.process.{half} import boot; boot(*map(int, sys.argv[2:-1]))"
)


def command_line(half: str, *descriptors: int, label: str) -> list[str]:
    """What to execute.

    Args:
        half: the module with ``boot``: ``supervisor`` or ``child``.
        descriptors: for ``boot``.
        label: for whoever looks at a list of processes.
    """
    if not sys.executable:
        raise Conflict("this Python does not know its own executable, so it can't start a process")
    root = str(Path(__file__).resolve().parents[2])
    numbers = [str(number) for number in descriptors]
    options = ["-P", "-X", "faulthandler"]
    return [sys.executable, *options, "-c", _BOOT.format(half=half), root, *numbers, label]
