"""What a shell offers for an id: what is in the log now. A server is not asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

from sparky_nb.cli.source import Source, open_source
from sparky_nb.errors import SparkyError

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def from_log(found: Callable[[Source], Iterable[str]]) -> Complete:
    """Completes with those of ``found`` that begin as the word does."""

    def complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
        given = context.params
        if given.get("server"):
            return []
        try:
            with open_source(log_url=given.get("log_url"), server=None, token=None) as source:
                return [it for it in found(source) if it.startswith(begun)]
        except (SparkyError, click.ClickException):  # a shell has no place for it
            return []

    return complete


task_ids = from_log(
    lambda source: [it["task_id"] for it in source.tasks(chat=None, states=None, limit=1000)]
)
schedule_ids = from_log(lambda source: [it["schedule_id"] for it in source.schedules(None)])
chat_ids = from_log(lambda source: [it["chat_id"] for it in source.chats()])


def timezones(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The IANA names that this machine knows."""
    from zoneinfo import available_timezones

    return sorted(it for it in available_timezones() if it.startswith(begun))
