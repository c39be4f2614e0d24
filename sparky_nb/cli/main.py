"""The tree of commands, and what is true for all of them."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, NoReturn

import click

from sparky_nb._version import __version__
from sparky_nb.cli import exits
from sparky_nb.cli.lazy import LazyGroup
from sparky_nb.cli.terminal import plain, print_json
from sparky_nb.errors import SparkyError, UsageError

COMPLETION = "_SPARKY_COMPLETE"
JSON = "--json"
HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(
    cls=LazyGroup,
    context_settings=HELP,
    lazy={
        "chats": "sparky_nb.cli.chats:chats",
        "doctor": "sparky_nb.cli.doctor:doctor",
        "log": "sparky_nb.cli.logs:group",
    },
)
@click.version_option(__version__, prog_name="sparky")
def sparky() -> None:
    """Durable, resumable background tasks for Jupyter.

    With neither --log nor --server a command works on the default log. Both, and --token and
    --json, are accepted after any command.
    """


@sparky.group(
    cls=LazyGroup,
    lazy={
        "schedule": "sparky_nb.cli.schedule:group",
        "status": "sparky_nb.cli.status:status",
        "tasks": "sparky_nb.cli.tasks:group",
        "worker": "sparky_nb.cli.worker:worker",
    },
)
def agent() -> None:
    """Tasks, and who runs them."""


def main() -> NoReturn:
    """Run ``sparky``; errors of ours are one line on standard error, never a traceback."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed before we began
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  as long as the process
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # replaced by something that is no text stream
            # A terminal that lacks a character shows its code.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if COMPLETION in os.environ:
        sparky.main(prog_name="sparky")  # a shell asks for completions
    status: Any = exits.OK
    try:
        # Not click's standalone mode: it takes a broken pipe for a failure.
        status = _run()
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has seen enough
        _print_no_more()
        status = exits.BROKEN_PIPE
    except OSError as error:  # the disk that the output goes to is full, say
        _print_no_more()
        click.echo(f"sparky: {error}", err=True)
        status = exits.UNAVAILABLE
    sys.exit(status if isinstance(status, int) else exits.OK)


def _print_no_more() -> None:
    """What is still buffered must not complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run() -> Any:
    try:
        context = sparky.make_context("sparky", sys.argv[1:])
        with context:
            return sparky.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        if JSON in sys.argv:
            told = UsageError(error.format_message())
            print_json({"error": told.to_wire()}, err=True)
        else:
            error.show()
        return error.exit_code
    except (KeyboardInterrupt, EOFError, click.exceptions.Abort):
        click.echo(err=True)
        return exits.CANCELLED
    except SparkyError as error:
        if JSON in sys.argv:
            print_json({"error": error.to_wire()}, err=True)
        else:
            click.echo(f"sparky: {plain(str(error))}", err=True)
        return exits.of_error(error)
