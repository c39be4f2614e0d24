"""Where a command reads and writes: a log directly, or a running server.

Both answer with the objects of protocol.md §2 as dicts, so a command does not care which it has.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import click

from sparky_nb.events.model import Event, JsonObject

NOT_THERE: Final = "memory://not-there-yet"
"""What stands for a log that nobody has written yet."""


class Source(Protocol):
    """What the commands need of a log or a server."""

    def tasks(
        self, *, chat: str | None, states: Sequence[str] | None, limit: int
    ) -> list[JsonObject]:
        """Tasks as in ``GET tasks``, newest first."""
        ...

    def task(self, task_id: str) -> JsonObject:
        """One task; a unique prefix of its id is enough, with or without ``task-``."""
        ...

    def command(self, task_id: str, name: str, args: JsonObject) -> JsonObject:
        """Ask the task's runner for something; ``{command_id, offset}``."""
        ...

    def add_task(
        self, chat: str, instruction: str, *, name: str | None, model: str | None
    ) -> JsonObject:
        """Queue an instruction; the task."""
        ...

    def retry(self, task_id: str) -> JsonObject:
        """Queue an ended task once more; the new task."""
        ...

    def follow(self, task: JsonObject) -> Iterator[Event]:
        """The events of the task from its first to its last, live."""
        ...

    def chats(self) -> list[JsonObject]:
        """Chats as in ``GET chats``, last updated first."""
        ...

    def events(self, chat_id: str) -> Iterator[JsonObject]:
        """All that is kept of a chat up to its present head, oldest first."""
        ...

    def head(self, chat_id: str) -> int:
        """The offset of its newest event; of ``_index``, too."""
        ...

    def snapshot(self, chat_id: str) -> JsonObject:
        """The folded state of a chat: its tasks, open questions and latest entries."""
        ...

    def trim(self, chat_id: str, before: int) -> JsonObject:
        """Remove what is below ``before``; ``{epoch, earliest, head}``."""
        ...

    def schedules(self, chat: str | None) -> list[JsonObject]:
        """Schedules as in ``GET schedules``, oldest first."""
        ...

    def add_schedule(self, wanted: JsonObject) -> JsonObject:
        """Make one of the body of ``POST schedules``."""
        ...

    def change_schedule(self, schedule_id: str, change: JsonObject) -> JsonObject:
        """The body of ``PATCH schedules/{id}``; the schedule as it is then."""
        ...

    def remove_schedule(self, schedule_id: str) -> str:
        """Forget it; its tasks stay. Its whole id."""
        ...

    def health(self) -> JsonObject:
        """As ``GET health``: ``log``, ``runners``, ``warnings``, …"""
        ...


@contextlib.contextmanager
def open_source(
    *, log_url: str | None, server: str | None, token: str | None, create: bool = False
) -> Iterator[Source]:
    """The source that the common options name; closed at the end.

    Raises:
        click.UsageError: the server's address is no http or https URL, or the log that was named
            is not there (and ``create`` is not set).
    """
    if server is not None:
        if not server.startswith(("http://", "https://")):
            raise click.UsageError("--server: expected a URL that begins with http:// or https://")
        from sparky_nb.cli.remote import ServerSource

        yield ServerSource(server, token)
        return
    from sparky_nb.cli.local import LogSource

    with open_local(log_url, create=create) as log:
        yield LogSource(log)


@contextlib.contextmanager
def open_local(log_url: str | None, *, create: bool = False) -> Iterator[Any]:
    """The log itself. One that nobody has written yet reads as empty and is not made."""
    from sparky_nb.log import default_url, open_log

    url = log_url or default_url()
    if not create and not _is_there(url):
        if log_url is not None:
            raise click.UsageError(f"--log: there is no log at {url}")
        url = NOT_THERE
    with open_log(url) as log:
        yield log


def _is_there(url: str) -> bool:
    """Whether a file is there; what the URL is worth is for ``open_log`` to say."""
    from sparky_nb.log.urls import sqlite_path

    path = sqlite_path(url)
    return path is None or path.exists()
