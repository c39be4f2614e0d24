"""Options that every command accepts: where it works, and how it prints."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from sparky_nb.cli.source import Source, open_source

_OPTIONS = (
    click.option("--log", "log_url", metavar="URL", help="Work on this log directly."),
    click.option("--server", metavar="URL", help="Work through this running Jupyter server."),
    click.option(
        "--token",
        metavar="TEXT",
        envvar="JUPYTER_TOKEN",
        show_envvar=True,
        help="The server's token.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Machine-readable output."),
)


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``command`` the four options as arguments ``log_url, server, token, as_json``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def with_source(*, create: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the four options, as the arguments ``source`` and ``as_json``.

    Args:
        create: it writes, so a log that is not there yet is made.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def run(
            *args: Any,
            log_url: str | None,
            server: str | None,
            token: str | None,
            as_json: bool,
            **kwargs: Any,
        ) -> Any:
            if log_url and server:
                raise click.UsageError("--log and --server exclude each other")
            place = open_source(log_url=log_url, server=server, token=token, create=create)
            with place as source:
                return command(*args, source=source, as_json=as_json, **kwargs)

        return common_options(run)

    return decorate


__all__ = ["Source", "common_options", "with_source"]
