"""Room 3 of 7: what is kept. In: appends; out: offsets, pages of event bytes, snapshots, positions.
Never: who watches, how a task runs, what a server is."""

from sparky_nb.log.base import Append, Committed, Fence, Log, Page, Position, Snapshot
from sparky_nb.log.opening import default_url, open_log

__all__ = [
    "Append",
    "Committed",
    "Fence",
    "Log",
    "Page",
    "Position",
    "Snapshot",
    "default_url",
    "open_log",
]
