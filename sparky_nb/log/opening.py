"""Which log a URL names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urlsplit

from sparky_nb.clock import Clock
from sparky_nb.errors import InvalidArgument
from sparky_nb.log.base import Log
from sparky_nb.log.urls import sqlite_path, sqlite_url

URL_RULE: Final = "sqlite:///ABSOLUTE/PATH[?durability=power] or memory://NAME"


def default_url() -> str:
    """``SPARKY_LOG_URL``, else a file in Jupyter's data folder."""
    if url := os.environ.get("SPARKY_LOG_URL"):
        return url
    from jupyter_core.paths import jupyter_data_dir  # costs 20 ms: only where it is needed

    return sqlite_url(Path(jupyter_data_dir()).resolve() / "sparky" / "log.db")


def open_log(
    url: str | None = None,
    *,
    clock: Clock | None = None,
    durability: Literal["process", "power"] = "process",
) -> Log:
    """Open the log that ``url`` names, and make it where there is none.

    Args:
        url: ``sqlite:///abs/path.db`` or ``memory://name``; None: see ``default_url``. With
            ``?durability=power`` it says for whoever opens it what ``durability`` says here.
        clock: the real one where absent.
        durability: ``power`` also fsyncs each commit.

    Raises:
        InvalidArgument: no such kind of URL, or one with a password in it.
        LogRefused: what is there must not be opened (a newer schema, a foreign file, …).
        LogUnavailable: it can't be opened now.

    >>> with open_log("memory://") as log:
    ...     log.kind
    'memory'
    """
    url = url or default_url()
    if durability not in ("process", "power"):
        raise InvalidArgument("durability", "process or power", durability)
    parts = urlsplit(url)
    if parts.password is not None:
        # Without the value: what is refused here ends in logs and on screens.
        raise InvalidArgument(
            "log_url", "a URL without a password: keep it in a file that only you can read"
        )
    if parts.scheme == "memory":
        from sparky_nb.log.memory import MemoryLog

        return MemoryLog(parts.netloc + parts.path, clock=clock)
    if parts.scheme == "sqlite":
        path = sqlite_path(url)
        if path is None:
            raise InvalidArgument("log_url", URL_RULE, url)
        wanted: Any = _query(parts.query, url).get("durability", durability)
        if wanted not in ("process", "power"):
            raise InvalidArgument("log_url", "durability=process or durability=power", url)
        from sparky_nb.log.sqlite import SqliteLog

        return SqliteLog(path, clock=clock, durability=wanted)
    raise InvalidArgument("log_url", URL_RULE, url)


def _query(text: str, url: str) -> dict[str, str]:
    found = {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}
    if found.keys() - {"durability"}:
        raise InvalidArgument("log_url", URL_RULE, url)
    return found
