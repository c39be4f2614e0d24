"""``sparky log …``: look after the log itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sparky_nb.cli import exits
from sparky_nb.cli.completion import chat_ids
from sparky_nb.cli.local import LogSource
from sparky_nb.cli.options import Source, with_source
from sparky_nb.cli.source import NOT_THERE
from sparky_nb.cli.terminal import (
    counted,
    plain,
    print_facts,
    print_json,
    print_table,
    size_text,
)
from sparky_nb.events.model import JsonObject


@click.group("log")
def group() -> None:
    """The log: inspect, export, verify, trim, back up, repair."""


@group.command()
@with_source()
def inspect(source: Source, as_json: bool) -> None:
    """Where the log is, how large, and which chats it holds."""
    health, chats = source.health(), source.chats()
    if health["log"].get("url") == NOT_THERE:
        from sparky_nb.log import default_url

        health["log"] |= {"url": default_url(), "kind": "none", "warnings": []}
        health["warnings"] = []
        if not as_json:
            click.echo(f"There is no log yet at {plain(default_url())}; the first task makes it.")
            return
    if as_json:
        print_json({**health, "chats": chats})
        return
    about = dict(health["log"])
    about.pop("warnings", None)
    print_facts({**about, "size": size_text(about["size"])})
    for warning in health.get("warnings", []):
        click.echo(f"warning  {plain(warning['message'])}")
    click.echo()
    if not chats:
        click.echo("No chats.")
        return
    print_table(
        ("CHAT", "EVENTS", "KEPT FROM", "TASKS", "TITLE"),
        [
            (
                chat["chat_id"],
                str(chat["head"]),
                str(chat["earliest"]),
                ", ".join(f"{n} {state}" for state, n in sorted(chat["tasks"].items())),
                chat.get("title") or "",
            )
            for chat in chats
        ],
    )


@group.command()
@click.option("--chat", metavar="CHAT", shell_complete=chat_ids, help="Only this chat.")
@with_source()
def export(chat: str | None, source: Source, as_json: bool) -> None:
    """All events, one JSON object to a line, each with its chat_id."""
    del as_json  # it is JSON anyway
    names = [chat] if chat is not None else sorted(it["chat_id"] for it in source.chats())
    for name in names:
        for event in source.events(name):
            print_json({"chat_id": name, **event})


@group.command()
@with_source()
def verify(source: Source, as_json: bool) -> None:
    """Check the file and every chat. Exit status 1 where something is wrong."""
    problems = [_problem(it) for it in _log(source, "verify").verify()]
    if as_json:
        print_json(problems)
    else:
        _show(problems)
        if not problems:
            chats = source.chats()
            events = sum(it["head"] - it["earliest"] + 1 for it in chats)
            click.echo(f"Whole: {counted(len(chats), 'chat')}, {counted(events, 'event')}.")
    click.get_current_context().exit(exits.FAILED if problems else exits.OK)


@group.command()
@click.option(
    "--chat", metavar="CHAT", required=True, shell_complete=chat_ids, help="The chat to trim."
)
@click.option("--before", type=click.IntRange(1), metavar="OFFSET", help="Remove what is older.")
@click.option("--keep", type=click.IntRange(0), metavar="N", help="Keep the newest N events.")
@with_source()
def trim(chat: str, before: int | None, keep: int | None, source: Source, as_json: bool) -> None:
    """Remove the oldest events of a chat for good; what they amounted to stays in its snapshot."""
    if (before is None) == (keep is None):
        raise click.UsageError("give one of --before OFFSET and --keep N")
    if before is None:
        assert keep is not None
        before = max(1, source.head(chat) - keep + 1)
    done = source.trim(chat, before)
    if as_json:
        print_json(done)
    else:
        kept = done["head"] - done["earliest"] + 1
        click.echo(f"{plain(chat)}: kept from {done['earliest']} on, {counted(kept, 'event')}")


@group.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@with_source()
def backup(file: Path, force: bool, source: Source, as_json: bool) -> None:
    """Copy the log to FILE while it is in use (cp would miss its newest part)."""
    file = file.absolute()
    if file.exists() and not force:
        raise click.UsageError(f"{file} is there already; --force replaces it")
    _log(source, "backup").backup(file)
    size = file.stat().st_size
    if as_json:
        print_json({"file": str(file), "size": size})
    else:
        click.echo(f"{plain(str(file))}: {size_text(size)}")


@group.command()
@with_source()
def repair(source: Source, as_json: bool) -> None:
    """Mend what verify finds and can be mended. Make a backup first."""
    problems = [_problem(it) for it in _log(source, "repair").repair()]
    if as_json:
        print_json(problems)
    elif problems:
        click.echo("Mended:")
        _show(problems)
    else:
        click.echo("There was nothing to mend.")


def _log(source: Source, command: str) -> Any:
    """The log itself: what looks at files can't go through a server."""
    if not isinstance(source, LogSource):
        raise click.UsageError(f"'sparky log {command}' works on a log, not through a server")
    return source.log


def _problem(problem: Any) -> JsonObject:
    return {name: getattr(problem, name) for name in problem.__struct_fields__}


def _show(problems: list[JsonObject]) -> None:
    for it in problems:
        where = " ".join(str(it[name]) for name in ("chat_id", "offset") if it[name] is not None)
        mend = f" ({it['mend']})" if it["mend"] else ""
        click.echo(plain(f"{where or 'the file'}: {it['what']}{mend}"))
