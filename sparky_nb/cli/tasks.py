"""``sparky agent tasks …``."""

from __future__ import annotations

import sys
from typing import Any

import click

from sparky_nb.clock import SystemClock
from sparky_nb.cli.options import Source, plain, print_json, print_table, with_source
from sparky_nb.cli.render import Renderer, age, progress_text
from sparky_nb.events.states import STATES

EXIT_OF_STATE = {"completed": 0, "failed": 1, "lost": 3, "cancelled": 130}


@click.group("tasks")
def group() -> None:
    """Tasks and what they say."""


@group.command("list")
@click.option("--chat", metavar="CHAT", help="Only this chat's tasks.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(sorted(STATES)),
    help="Only tasks in this state; may be given several times.",
)
@with_source
def list_tasks(
    chat: str | None, states: tuple[str, ...], source: Source, as_json: bool
) -> None:
    """All tasks, newest first."""
    tasks = source.tasks(chat=chat, states=states or None)
    if as_json:
        print_json(tasks)
        return
    if not tasks:
        click.echo("No tasks.")
        return
    now_ms = SystemClock().now_ms()
    print_table(
        ("TASK", "STATE", "AGE", "CHAT", "PROGRESS", "NAME"),
        [
            (
                task["task_id"],
                "cancelling" if task.get("cancelling") else task["state"],
                age(task, now_ms),
                task["chat_id"],
                progress_text(task.get("progress")),
                task.get("name") or task.get("instruction") or "",
            )
            for task in tasks
        ],
    )


@group.command()
@click.argument("task")
@with_source
def show(task: str, source: Source, as_json: bool) -> None:
    """One task. A unique prefix of its id is enough."""
    found = source.task(task)
    if as_json:
        print_json(found)
        return
    width = max(map(len, found))
    for name, value in found.items():
        if value is not None:
            click.echo(f"{name.ljust(width)}  {plain(_text_of(value))}")


@group.command()
@click.argument("task")
@with_source
def watch(task: str, source: Source, as_json: bool) -> None:
    """Follow a task live until it ends; resumes by itself.

    Exit status: 0 completed, 1 failed, 3 lost, 130 cancelled.
    """
    found = source.task(task)
    renderer = Renderer(sys.stdout.isatty())
    state = found["state"]
    for event in source.follow(found):
        if event.type == "status":
            state = event.data.get("state")
        if as_json:
            print_json({name: getattr(event, name) for name in _EVENT_FIELDS})
        else:
            renderer.show(event)
    renderer.close()
    sys.exit(EXIT_OF_STATE[state])


@group.command()
@click.argument("task")
@with_source
def cancel(task: str, source: Source, as_json: bool) -> None:
    """Ask a task to stop."""
    _command(source, task, "cancel", {}, as_json)


@group.command()
@click.argument("task")
@click.argument("text")
@with_source
def send(task: str, text: str, source: Source, as_json: bool) -> None:
    """Send TEXT to a task as a message."""
    _command(source, task, "message", {"text": text}, as_json)


@group.command()
@click.argument("task")
@click.argument("question")
@click.argument("text")
@with_source
def answer(task: str, question: str, text: str, source: Source, as_json: bool) -> None:
    """Answer QUESTION (its id) of a task with TEXT."""
    _command(source, task, "answer", {"question_id": question, "answer": text}, as_json)


def _command(source: Source, task: str, name: str, args: dict[str, Any], as_json: bool) -> None:
    done = source.command(source.task(task)["task_id"], name, args)
    if as_json:
        print_json(done)
    else:
        click.echo(f"{name}: accepted at offset {done['offset']}")


def _text_of(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_EVENT_FIELDS = ("offset", "id", "type", "time", "task_id", "actor", "data")
