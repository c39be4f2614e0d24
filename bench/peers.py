"""The machine's own limits: what the bare tools do with the same bytes, in the same run."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path


def raw_sqlite(folder: Path, events: int, batch: int, body: bytes) -> tuple[float, list[float]]:
    """Bare ``INSERT`` of ``body`` into a WAL database: (seconds in all, seconds of each commit)."""
    connection = sqlite3.connect(folder / f"raw-{batch}.db", isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")
    connection.execute("CREATE TABLE events (offset INTEGER PRIMARY KEY, body BLOB)")
    times = []
    start = time.perf_counter()
    for first in range(0, events, batch):
        begun = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO events VALUES (?, ?)",
            [(offset, body) for offset in range(first + 1, first + batch + 1)],
        )
        connection.execute("COMMIT")
        times.append(time.perf_counter() - begun)
    seconds = time.perf_counter() - start
    connection.close()
    return seconds, times
