"""``sparky agent status``: who runs tasks, and what waits."""

from __future__ import annotations

import os

import click

from sparky_nb.cli.options import Source, with_source
from sparky_nb.cli.render import age
from sparky_nb.cli.tasks import has_runner
from sparky_nb.cli.terminal import plain, print_json, print_table
from sparky_nb.clock import SystemClock
from sparky_nb.events.states import QUEUED, RUNNING, WAITING

RUNNERS = ("kernel", "worker", "process")


@click.command()
@with_source()
def status(source: Source, as_json: bool) -> None:
    """Which runners are alive, what runs, and what waits."""
    health = source.health()
    tasks = source.tasks(chat=None, states=(QUEUED, RUNNING, WAITING), limit=1000)
    runners = [it for it in health["runners"] if it["role"] in RUNNERS]
    model = os.environ.get("SPARKY_MODEL")
    if as_json:
        print_json({"runners": runners, "tasks": tasks, "model": model})
        return
    if runners:
        now_ms = SystemClock().now_ms()
        print_table(
            ("RUNNER", "CHAT", "SINCE", "TASKS"),
            [
                (
                    _described(it),
                    it.get("chat_id") or "any",
                    age(it["started"], now_ms),
                    str(sum(task.get("runner") == it["runner_id"] for task in tasks)),
                )
                for it in runners
            ],
        )
    else:
        click.echo("No runner is alive ('sparky agent worker' starts one).")
    waiting = [it for it in tasks if it["state"] == QUEUED]
    alone = [
        it for it in waiting if not it.get("runner") and not has_runner(runners, it["chat_id"])
    ]
    click.echo(f"{len(tasks) - len(waiting)} under way, {len(waiting)} queued.")
    if alone:
        click.echo(f"{len(alone)} of them wait for a runner that is not there.")
    if "url" in health["log"]:  # what a server's workers have, this machine does not know
        click.echo(f"Model here: {plain(model) if model else 'none (set SPARKY_MODEL)'}")


def _described(runner: dict[str, object]) -> str:
    info = runner.get("info")
    facts = info if isinstance(info, dict) else {}
    where = f" {facts['host']}:{facts['pid']}" if {"host", "pid"} <= facts.keys() else ""
    return f"{runner['role']}{where}"
