"""``sparky agent schedule …``."""

from __future__ import annotations

import click

from sparky_nb.cli.completion import chat_ids, schedule_ids, timezones
from sparky_nb.cli.options import Source, with_source
from sparky_nb.cli.terminal import plain, print_json, print_table
from sparky_nb.events.model import JsonObject
from sparky_nb.ids import DEFAULT_CHAT

PREFIX = "sched-"


@click.group("schedule")
def group() -> None:
    """Tasks that start by the clock."""


@group.command()
@click.option("--every", metavar="30m", help="A number with s, m, h or d, at least 1s.")
@click.option("--cron", metavar='"0 8 * * *"', help="Minute, hour, day, month, day of the week.")
@click.option("--at", metavar="TIME", help="Once: 2030-01-31T08:00, or 08:00 (today or tomorrow).")
@click.option(
    "--timezone",
    metavar="Z",
    shell_complete=timezones,
    help="An IANA name; the system's where absent.",
)
@click.option(
    "--chat",
    metavar="CHAT",
    default=DEFAULT_CHAT,
    show_default=True,
    shell_complete=chat_ids,
    help="The chat of its tasks.",
)
@click.option("--name", help="What people see of its tasks.")
@click.option("--model", metavar="PROVIDER:MODEL", help="The model that shall do it.")
@click.argument("instruction", nargs=-1, required=True)
@with_source(create=True)
def add(
    every: str | None,
    cron: str | None,
    at: str | None,
    timezone: str | None,
    chat: str,
    name: str | None,
    model: str | None,
    instruction: tuple[str, ...],
    source: Source,
    as_json: bool,
) -> None:
    """Queue INSTRUCTION for an agent each time a rule fires.

    Give one of --every, --cron and --at. What is missed while nobody is there to fire it, and what
    is due while the task before has not ended, becomes one firing.
    """
    made = source.add_schedule(
        {
            "chat_id": chat,
            "every": every,
            "cron": cron,
            "at": at,
            "timezone": timezone,
            "instruction": " ".join(instruction),
            "name": name,
            "model": model,
        }
    )
    if as_json:
        print_json(made)
    else:
        first = "" if made["kind"] == "at" else "first "
        click.echo(f"{_first_up(plain(made['words']))}, {first}{plain(made['next_words'])}.")
        click.echo(f"Scheduled in {chat}: {made['schedule_id']}")


@group.command("list")
@click.option("--chat", metavar="CHAT", shell_complete=chat_ids, help="Only this chat's.")
@with_source()
def list_schedules(chat: str | None, source: Source, as_json: bool) -> None:
    """All schedules, oldest first, with their next firing."""
    found = source.schedules(chat)
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No schedules.")
    else:
        print_table(
            ("SCHEDULE", "WHEN", "NEXT", "LAST", "FIRED", "CHAT", "WHAT"),
            [
                (
                    it["schedule_id"],
                    it["words"],
                    it["next_words"],
                    it["last_words"],
                    str(it["fired"]),
                    it["chat_id"],
                    it["name"] or it["instruction"] or f"{it['call']}()",
                )
                for it in found
            ],
        )


@group.command()
@click.argument("schedule", shell_complete=schedule_ids)
@with_source()
def pause(schedule: str, source: Source, as_json: bool) -> None:
    """It does not fire until it is resumed."""
    _told(source.change_schedule(_whole(schedule), {"state": "paused"}), as_json)


@group.command()
@click.argument("schedule", shell_complete=schedule_ids)
@with_source()
def resume(schedule: str, source: Source, as_json: bool) -> None:
    """It fires again, from now on."""
    _told(source.change_schedule(_whole(schedule), {"state": "active"}), as_json)


@group.command()
@click.argument("schedule", shell_complete=schedule_ids)
@with_source()
def run(schedule: str, source: Source, as_json: bool) -> None:
    """Fire it now, beside its rule."""
    done = source.change_schedule(_whole(schedule), {"run": True})
    if as_json:
        print_json(done)
    else:
        click.echo(f"Queued in {plain(done['chat_id'])}: {done['last_task']}")


@group.command()
@click.argument("schedule", shell_complete=schedule_ids)
@with_source()
def remove(schedule: str, source: Source, as_json: bool) -> None:
    """Forget it; its tasks stay."""
    schedule_id = source.remove_schedule(_whole(schedule))
    if as_json:
        print_json({"removed": schedule_id})
    else:
        click.echo(f"Removed {schedule_id}")


def _whole(schedule: str) -> str:
    return schedule if schedule.startswith(PREFIX) else PREFIX + schedule


def _told(schedule: JsonObject, as_json: bool) -> None:
    if as_json:
        print_json(schedule)
    else:
        following = plain(schedule["next_words"])
        if schedule["state"] == "active":
            following = f"next {following}"
        click.echo(f"{schedule['schedule_id']}: {plain(schedule['words'])}, {following}")


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]
