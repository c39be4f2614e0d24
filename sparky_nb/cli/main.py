"""The tree of commands, and what is true for all of them."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import NoReturn

import click

from sparky_nb._version import __version__
from sparky_nb.cli import logs, tasks
from sparky_nb.errors import InvalidArgument, SparkyError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CANCELLED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sparky")
def sparky() -> None:
    """Durable, resumable background tasks for Jupyter.

    With neither --log nor --server a command works on the default log.
    """


@sparky.group()
def agent() -> None:
    """Tasks: list, show, watch, cancel, …"""


agent.add_command(tasks.group)
sparky.add_command(logs.group)


def main() -> NoReturn:
    """Run ``sparky``; errors of ours are one line on standard error, never a traceback."""
    with contextlib.suppress(AttributeError, ValueError):  # no SIGPIPE on Windows, or no main thread
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        status = sparky.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except click.exceptions.Abort:
        status = EXIT_CANCELLED
    except SparkyError as error:
        click.echo(f"sparky: {error}", err=True)
        status = EXIT_USAGE if isinstance(error, InvalidArgument) else EXIT_FAILED
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    sys.exit(status if isinstance(status, int) else os.EX_OK)
