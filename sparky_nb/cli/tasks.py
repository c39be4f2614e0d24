"""``sparky agent tasks …``."""

from __future__ import annotations

import sys

import click

from sparky_nb.cli import exits
from sparky_nb.cli.options import Source, with_source
from sparky_nb.cli.terminal import print_facts, print_json, print_table
from sparky_nb.clock import SystemClock
from sparky_nb.errors import SparkyError
from sparky_nb.events.model import JsonObject
from sparky_nb.events.states import QUEUED, STATES
from sparky_nb.ids import DEFAULT_CHAT

TIMES = ("created", "started", "ended")
EVENT_FIELDS = ("offset", "id", "type", "time", "task_id", "actor", "data")


def task_ids(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """For the shell: the ids in the log that begin so, newest first; those of a server are not."""
    from sparky_nb.cli.source import open_source

    if context.params.get("server"):
        return []
    try:
        with open_source(log_url=context.params.get("log_url"), server=None, token=None) as source:
            found = source.tasks(chat=None, states=None, limit=1000)
    except (SparkyError, click.ClickException):  # a shell has no place for it
        return []
    return [it["task_id"] for it in found if it["task_id"].startswith(begun)]


@click.group("tasks")
def group() -> None:
    """Tasks: what they are, and what they say."""


@group.command("list")
@click.option("--chat", metavar="CHAT", help="Only this chat's tasks.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(sorted(STATES)),
    help="Only tasks in this state; may be given several times.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=1000,
    show_default=True,
    help="At most so many, the newest.",
)
@with_source()
def list_tasks(
    chat: str | None, states: tuple[str, ...], limit: int, source: Source, as_json: bool
) -> None:
    """All tasks, newest first."""
    from sparky_nb.cli.render import age, progress_text

    tasks = source.tasks(chat=chat, states=states or None, limit=limit)
    if as_json:
        print_json(tasks)
        return
    if not tasks:
        click.echo("No tasks.")
        return
    now_ms, runners = SystemClock().now_ms(), source.health()["runners"]
    print_table(
        ("TASK", "STATE", "AGE", "CHAT", "PROGRESS", "NAME"),
        [
            (
                task["task_id"],
                _state(task, runners),
                age(task["created"], now_ms),
                task["chat_id"],
                progress_text(task.get("progress")),
                task.get("name") or task.get("instruction") or "",
            )
            for task in tasks
        ],
    )
    if len(tasks) == limit:
        click.echo(f"These are the newest {limit}: --limit shows more.", err=True)


@group.command()
@click.argument("instruction", nargs=-1, required=True)
@click.option("--chat", default=DEFAULT_CHAT, show_default=True, help="The chat it belongs to.")
@click.option("--name", help="What people see.")
@click.option("--model", metavar="PROVIDER:MODEL", help="The model that shall do it.")
@with_source(create=True)
def add(
    instruction: tuple[str, ...],
    chat: str,
    name: str | None,
    model: str | None,
    source: Source,
    as_json: bool,
) -> None:
    """Queue an instruction in plain words for an agent.

    A worker takes it ('sparky agent worker'), or the kernel of the chat's own notebook.
    """
    task = source.add_task(chat, " ".join(instruction), name=name, model=model)
    if as_json:
        print_json(task)
        return
    if not has_runner(source.health()["runners"], chat):
        click.echo("No runner is alive: it waits until one is there ('sparky agent worker').")
    click.echo(f"Queued in {chat}: {task['task_id']}")


@group.command()
@click.argument("task", shell_complete=task_ids)
@with_source()
def show(task: str, source: Source, as_json: bool) -> None:
    """One task. A unique prefix of its id is enough."""
    found = source.task(task)
    if as_json:
        print_json(found)
        return
    from sparky_nb.cli.render import moment

    now_ms = SystemClock().now_ms()
    times = {name: moment(found[name], now_ms) for name in TIMES if found.get(name) is not None}
    print_facts({**found, **times})


@group.command()
@click.argument("task", shell_complete=task_ids)
@with_source()
def watch(task: str, source: Source, as_json: bool) -> None:
    """Follow a task live until it ends; resumes by itself.

    Leaving with Ctrl-C leaves the task alone. Exit status: 0 completed, 1 failed, 3 lost,
    130 cancelled.
    """
    from sparky_nb.cli.render import renderer_for

    found = source.task(task)
    state = found["state"]
    renderer = renderer_for(sys.stdout, as_json)
    try:
        for event in source.follow(found):
            if event.type == "status":
                state = event.data.get("state")
            if as_json:
                fields = {name: getattr(event, name) for name in EVENT_FIELDS}
                print_json({**fields, **(event.extra or {})})
            else:
                renderer.show(event)
            if as_json or not renderer.buffers:
                sys.stdout.flush()
    finally:
        renderer.close()
    if state not in exits.OF_STATE:  # its ending was trimmed
        state = source.task(found["task_id"])["state"]
    click.get_current_context().exit(exits.OF_STATE.get(str(state), exits.FAILED))


@group.command()
@click.argument("task", shell_complete=task_ids)
@with_source()
def cancel(task: str, source: Source, as_json: bool) -> None:
    """Ask a task to stop."""
    _command(source, task, "cancel", {}, as_json)


@group.command()
@click.argument("task", shell_complete=task_ids)
@click.argument("text", nargs=-1, required=True)
@with_source()
def send(task: str, text: tuple[str, ...], source: Source, as_json: bool) -> None:
    """Send TEXT to a task as a message."""
    _command(source, task, "message", {"text": " ".join(text)}, as_json)


@group.command()
@click.argument("task", shell_complete=task_ids)
@click.argument("question")
@click.argument("text", nargs=-1, required=True)
@with_source()
def answer(task: str, question: str, text: tuple[str, ...], source: Source, as_json: bool) -> None:
    """Answer QUESTION (its id) of a task with TEXT."""
    _command(source, task, "answer", {"question_id": question, "answer": " ".join(text)}, as_json)


def has_runner(runners: list[JsonObject], chat: str) -> bool:
    """Whether one of ``runners`` would take what is queued in ``chat``: a worker takes anything,
    a notebook's kernel what is its own."""
    return any(
        it["role"] == "worker" or (it["role"] == "kernel" and it.get("chat_id") == chat)
        for it in runners
    )


def _state(task: JsonObject, runners: list[JsonObject]) -> str:
    if task.get("cancelling"):
        return "cancelling"
    state = str(task["state"])
    if state == QUEUED and not task.get("runner") and not has_runner(runners, task["chat_id"]):
        return "queued (no runner)"
    return state


def _command(source: Source, task: str, name: str, args: JsonObject, as_json: bool) -> None:
    task_id = source.task(task)["task_id"]
    done = source.command(task_id, name, args)
    if as_json:
        print_json(done)
    else:
        said = "done" if done.get("outcome") == "applied" else "accepted"
        click.echo(f"{name} {task_id}: {said}, event {done['offset']}")
