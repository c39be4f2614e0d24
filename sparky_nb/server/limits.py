"""How much one person may ask for: token buckets."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from msgspec import Struct

from sparky_nb.clock import Clock

PEOPLE_MAX: Final = 10_000


class Rate(Struct, frozen=True, kw_only=True):
    """``per_second`` in the long run, ``burst`` at once."""

    per_second: float
    burst: int


class TokenBucket:
    """Lets ``rate`` through."""

    def __init__(self, rate: Rate, clock: Clock) -> None:
        self._rate, self._clock = rate, clock
        self._tokens, self._then = float(rate.burst), clock.monotonic()

    def take(self) -> float:
        """0.0 where one more may pass now, else the seconds until it may."""
        now = self._clock.monotonic()
        grown = self._tokens + (now - self._then) * self._rate.per_second
        self._tokens, self._then = min(float(self._rate.burst), grown), now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate.per_second


class Buckets:
    """One bucket for each name; names that were not seen for long are forgotten."""

    def __init__(self, rate: Rate, clock: Clock) -> None:
        self._rate, self._clock = rate, clock
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, name: str) -> float:
        """As :meth:`TokenBucket.take`, for ``name``."""
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = TokenBucket(self._rate, self._clock)
            if len(self._buckets) > PEOPLE_MAX:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        return bucket.take()
