"""What ends a task's processes when their supervisor is killed: the work, and what it has started.

A shell of a megabyte waits for the end of a pipe that only the supervisor holds. The system closes
that pipe whatever the supervisor dies of, and the shell needs nothing of the work to end it.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import Final

_SCRIPT: Final = 'trap "" INT TERM HUP; read -r word || kill -s KILL -- "-$1"'


class Guard:
    """Kills the process group ``group`` unless it is released before this process dies."""

    def __init__(self, group: int) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "sh", str(group)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )

    def release(self) -> None:
        """The group has ended, or may live on."""
        with suppress(BrokenPipeError):
            self._shell.communicate(b"\n")
