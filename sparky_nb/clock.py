"""The only door to time. Whatever needs a time takes a :class:`Clock` as an argument."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings: one to show to people, one to measure with."""

    def now_ms(self) -> int:
        """Milliseconds UTC since 1970; for display only, never for order."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow; for intervals within one process."""
        ...


class SystemClock:
    """The real clock.

    >>> SystemClock().now_ms() > 1_700_000_000_000
    True
    """

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()
