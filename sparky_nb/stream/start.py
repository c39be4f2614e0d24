"""Where a viewer wants to start: the query of the socket (protocol.md §3)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from sparky_nb.errors import InvalidArgument

OFFSET_MAX: Final = (1 << 53) - 1
LAST_MAX: Final = 10_000
EPOCH_RULE: Final = "1 to 64 letters and digits, as hello named it"

_EPOCH = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DIGITS = re.compile(r"[0-9]{1,16}")


class Start(Struct, frozen=True, kw_only=True):
    """Where to start; at most one of the ways is set.

    Attributes:
        epoch: with ``offset`` a cursor; None: no cursor.
        offset: after this one; 0 without ``epoch`` is from the earliest kept.
        last: the last so many events.
        now: only what comes from now on.
        go_on: where a cursor can't be honoured, go on from the earliest kept event rather than
            close (``on_gap=earliest``).
    """

    epoch: str | None = None
    offset: int = 0
    last: int | None = None
    now: bool = False
    go_on: bool = False

    def query(self) -> dict[str, str]:
        """The inverse of :func:`parse_start`.

        >>> Start(epoch="ab", offset=7).query()
        {'epoch': 'ab', 'offset': '7'}
        """
        query: dict[str, str] = {}
        if self.epoch is not None:
            query |= {"epoch": self.epoch, "offset": str(self.offset)}
        elif self.last is not None:
            query["last"] = str(self.last)
        elif self.now:
            query["from"] = "now"
        if self.go_on:
            query["on_gap"] = "earliest"
        return query


def parse_start(query: Mapping[str, Sequence[str]]) -> Start:
    """The start that ``query`` (each name with its values) asks for; other names are ignored.

    Raises:
        InvalidArgument: naming the field and the rule.

    >>> parse_start({"epoch": ["ab"], "offset": ["7"]})
    Start(epoch='ab', offset=7, last=None, now=False, go_on=False)
    """
    epoch = one(query, "epoch")
    offset = parse_number(query, "offset", low=0, high=OFFSET_MAX)
    last = parse_number(query, "last", low=1, high=LAST_MAX)
    where, on_gap = one(query, "from"), one(query, "on_gap")
    if on_gap not in (None, "earliest"):
        raise InvalidArgument("on_gap", "'earliest' or nothing", on_gap)
    if where not in (None, "now"):
        raise InvalidArgument("from", "'now' or nothing", where)
    cursor = epoch is not None or offset is not None
    if cursor + (last is not None) + (where is not None) > 1:
        raise InvalidArgument(
            "from" if where else "last", "only one of epoch+offset, last and from"
        )
    if epoch is not None:
        check_epoch(epoch)
        if offset is None:
            raise InvalidArgument("offset", "an integer ≥ 0 together with an epoch")
    elif offset:
        raise InvalidArgument("epoch", "an epoch together with an offset above 0")
    return Start(
        epoch=epoch,
        offset=offset or 0,
        last=last,
        now=where is not None,
        go_on=on_gap is not None,
    )


def one(query: Mapping[str, Sequence[str]], field: str) -> str | None:
    """The only value of ``field``, or None; InvalidArgument where it is given twice."""
    values = query.get(field, ())
    if len(values) > 1:
        raise InvalidArgument(field, "at most one value", list(values))
    return values[0] if values else None


def parse_number(
    query: Mapping[str, Sequence[str]], field: str, *, low: int, high: int
) -> int | None:
    """The integer in ``field``, ``low`` … ``high``; None where it is absent."""
    text = one(query, field)
    if text is None:
        return None
    # Only plain ASCII digits: int() would also take '１', ' 1', '1_0' and '+1'.
    if _DIGITS.fullmatch(text) and low <= int(text) <= high:
        return int(text)
    raise InvalidArgument(field, f"an integer from {low} to {high}", text)


def check_epoch(epoch: str) -> str:
    """``epoch`` if it can be one, else InvalidArgument."""
    if not _EPOCH.fullmatch(epoch):
        raise InvalidArgument("epoch", EPOCH_RULE, epoch)
    return epoch
