"""The URLs of logs in a file, written and read."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit


def sqlite_url(path: Path, *, durability: str = "process") -> str:
    """The URL of the SQLite log at ``path``, an absolute path.

    >>> sqlite_url(Path("/home/a b/log.db"))
    'sqlite:///home/a%20b/log.db'
    """
    query = "?durability=power" if durability == "power" else ""
    return f"sqlite://{quote(str(path))}{query}"


def sqlite_path(url: str) -> Path | None:
    """The file that ``url`` means; None: it is no URL of a SQLite log. A slash more at the
    beginning, as other programs want it, is none.

    >>> str(sqlite_path("sqlite:////home/a%20b/log.db"))
    '/home/a b/log.db'
    """
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.scheme != "sqlite" or parts.netloc or not os.path.isabs(path) or path.endswith("/"):
        return None
    return Path("/" + path.lstrip("/"))
