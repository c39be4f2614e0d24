"""``sparky chats``."""

from __future__ import annotations

import click

from sparky_nb.cli.options import Source, with_source
from sparky_nb.cli.render import age
from sparky_nb.cli.terminal import print_json, print_table
from sparky_nb.clock import SystemClock


@click.command()
@with_source()
def chats(source: Source, as_json: bool) -> None:
    """All chats, last updated first."""
    found = source.chats()
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("No chats.")
        return
    now_ms = SystemClock().now_ms()
    print_table(
        ("CHAT", "UPDATED", "EVENTS", "TASKS", "TITLE"),
        [
            (
                chat["chat_id"],
                age(chat["updated"], now_ms),
                str(chat["head"]),
                ", ".join(f"{n} {state}" for state, n in sorted(chat["tasks"].items())),
                chat.get("title") or "",
            )
            for chat in found
        ],
    )
