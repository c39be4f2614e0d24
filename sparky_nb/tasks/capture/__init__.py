"""Output of a task becomes its events, with no change to the user's code.

``install`` puts thin routers in front of what prints; each asks one ContextVar whose task is
running and steps aside where there is none. Installing twice installs once.
"""

from __future__ import annotations

import threading

from sparky_nb.tasks.capture import bars, displays, logs, streams, threads

_lock = threading.Lock()


def install() -> None:
    """Route the output of tasks. Cheap where it is in place: called at each start."""
    with _lock:
        threads.install()
        streams.install()
        logs.install()
        displays.install()
        bars.install()


def uninstall() -> None:
    """Put everything back."""
    with _lock:
        bars.uninstall()
        displays.uninstall()
        logs.uninstall()
        streams.uninstall()
        threads.uninstall()
