"""``sparky agent worker``."""

from __future__ import annotations

import os

import click

from sparky_nb.cli.options import common_options


@click.command()
@common_options
def worker(log_url: str | None, server: str | None, token: str | None, as_json: bool) -> None:
    """Take queued tasks of any chat, in the foreground: a runner without a notebook.

    It is an ipykernel of its own. SIGTERM and Ctrl-C end it cleanly: tasks that run are cancelled
    and say why.
    """
    del token, as_json
    if server is not None:
        raise click.UsageError("a worker works on a log: give --log, not --server")
    if log_url is not None:
        os.environ["SPARKY_LOG_URL"] = log_url  # for what its tasks start, too
    from sparky_nb.worker.kernel import run_worker  # takes a second

    click.get_current_context().exit(run_worker())
