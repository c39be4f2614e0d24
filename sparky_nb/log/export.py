"""All events of a log as lines of JSON, each with its ``chat_id``."""

from __future__ import annotations

from collections.abc import Iterator

from sparky_nb.errors import NotFound
from sparky_nb.log.base import Log

PAGE = 1000


def export(log: Log, chat_id: str | None = None) -> Iterator[bytes]:
    r"""One line for each kept event, without its newline: oldest first, chat after chat.

    Args:
        chat_id: only this chat.

    Raises:
        NotFound: no such chat.

    >>> from sparky_nb.log import open_log
    >>> list(export(open_log("memory://")))
    []
    """
    names = [chat_id] if chat_id is not None else sorted(it.chat_id for it in log.chats())
    for name in names:
        prefix = b'{"chat_id":"%s",' % name.encode("ascii")
        after = 0
        while True:
            try:
                page = log.read(name, after=after, limit=PAGE)
            except NotFound:
                if chat_id is not None:
                    raise
                break  # deleted meanwhile
            for wire in page.events:
                yield prefix + wire[1:]
            if not page.events:
                break
            after = page.first + len(page.events) - 1
