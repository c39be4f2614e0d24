"""``sparky agent tasks …``."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from sparky_nb.cli import exits
from sparky_nb.cli.completion import chat_ids, task_ids
from sparky_nb.cli.options import Source, with_source
from sparky_nb.cli.terminal import plain, print_facts, print_json, print_table
from sparky_nb.clock import SystemClock
from sparky_nb.events.model import JsonObject
from sparky_nb.events.states import QUEUED, STATES
from sparky_nb.ids import DEFAULT_CHAT
from sparky_nb.log.queueing import needs

if TYPE_CHECKING:
    from sparky_nb.cli.render import Renderer

FACTS = ("task_id", "chat_id", "name", "kind", "state", "attempt", "instruction", "model",
         "schedule_id", "retry_of", "progress", "error", "result")  # fmt: skip
TIMES = ("created", "started", "ended")
EVENT_FIELDS = ("offset", "id", "type", "time", "task_id", "actor", "data")


@click.group("tasks")
def group() -> None:
    """Tasks: what they are, and what they say."""


@group.command("list")
@click.option("--chat", metavar="CHAT", shell_complete=chat_ids, help="Only this chat's tasks.")
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
    metavar="N",
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
@click.option(
    "--chat",
    metavar="CHAT",
    default=DEFAULT_CHAT,
    show_default=True,
    shell_complete=chat_ids,
    help="The chat it belongs to.",
)
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
    _queued(source, source.add_task(chat, " ".join(instruction), name=name, model=model), as_json)


@group.command()
@click.argument("task", shell_complete=task_ids)
@with_source()
def retry(task: str, source: Source, as_json: bool) -> None:
    """Do the work of an ended task again, as a new task.

    An instruction is carried out by whoever takes it; code only by the process that ran it.
    """
    _queued(source, source.retry(source.task(task)["task_id"]), as_json)


@group.command()
@click.argument("task", shell_complete=task_ids)
@with_source()
def show(task: str, source: Source, as_json: bool) -> None:
    """One task, and the question it waits for. A unique prefix of its id is enough."""
    found = source.task(task)
    if as_json:
        print_json(found)
        return
    from sparky_nb.cli.questions import open_questions, question_text
    from sparky_nb.cli.render import error_text, moment, progress_text

    now_ms = SystemClock().now_ms()
    times = {name: moment(found[name], now_ms) for name in TIMES if found.get(name) is not None}
    told = {name: found.get(name) for name in FACTS}
    told["state"] = _state(found, source.health()["runners"])
    told["progress"] = progress_text(found.get("progress")) or None
    told["error"] = error_text(found["error"]) if found.get("error") else None
    for number, question in enumerate(open_questions(source, found)):
        told[f"question {number + 1}" if number else "question"] = question_text(question)
    print_facts({**told, **times})


@group.command()
@click.argument("task", shell_complete=task_ids)
@with_source()
def watch(task: str, source: Source, as_json: bool) -> None:
    """Follow a task live until it ends; resumes by itself.

    Leaving with Ctrl-C leaves the task alone. Exit status: 0 completed, 1 failed, 3 lost,
    130 cancelled.
    """
    found = source.task(task)
    state, shown = found["state"], False
    renderer = _renderer(as_json)
    try:
        for event in source.follow(found):
            shown = True
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
    if state not in exits.OF_STATE or not shown:  # its ending was trimmed
        found = source.task(found["task_id"])
        state = found["state"]
        if not as_json:
            click.echo(f"The events of this task were trimmed; it has ended: {state}.", err=True)
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
@click.argument("words", nargs=-1, required=True, metavar="[QUESTION] TEXT...")
@with_source()
def answer(task: str, words: tuple[str, ...], source: Source, as_json: bool) -> None:
    """Answer a question of a task with TEXT.

    QUESTION is its id, as 'show' and 'watch' tell it; where only one is open it may be left out.
    """
    from sparky_nb.cli.questions import answer_to, open_questions

    found = source.task(task)
    args = answer_to(found, open_questions(source, found), words)
    _command(source, found["task_id"], "answer", args, as_json)


def _renderer(as_json: bool) -> Renderer:
    """What suits standard output: bars on a terminal where rich is installed."""
    from sparky_nb.cli.render import Renderer

    terminal = sys.stdout.isatty() and not as_json
    if terminal and os.environ.get("TERM") != "dumb" and find_spec("rich") is not None:
        from sparky_nb.cli.bars import BarRenderer  # takes 0.1 s

        return BarRenderer()
    return Renderer(terminal)


def _queued(source: Source, task: JsonObject, as_json: bool) -> None:
    if as_json:
        print_json(task)
        return
    chat = task["chat_id"]
    if not task.get("runner") and not has_runner(source.health()["runners"], chat):
        click.echo("No runner is alive: it waits until one is there ('sparky agent worker').")
    click.echo(f"Queued in {plain(chat)}: {task['task_id']}")


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
    if state != QUEUED or task.get("runner"):
        return state
    if needed := needs(task["kind"], task.get("instruction"), task.get("model")):
        return f"queued (waits for {needed})"
    return state if has_runner(runners, task["chat_id"]) else "queued (no runner)"


def _command(source: Source, task: str, name: str, args: JsonObject, as_json: bool) -> None:
    task_id = source.task(task)["task_id"]
    done = source.command(task_id, name, args)
    if as_json:
        print_json(done)
    else:
        said = "done" if done.get("outcome") == "applied" else "accepted"
        click.echo(f"{name} {task_id}: {said}, event {done['offset']}")
