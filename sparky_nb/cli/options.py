"""Options that every command accepts, and how objects are printed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
import msgspec

from sparky_nb.cli.source import Source, open_source

_OPTIONS = (
    click.option("--log", "log_url", metavar="URL", help="Work on this log directly."),
    click.option("--server", metavar="URL", help="Work through this running Jupyter server."),
    click.option(
        "--token",
        envvar="JUPYTER_TOKEN",
        show_envvar=True,
        help="The server's token.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Machine-readable output."),
)


def with_source(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``command`` the four common options, as the arguments ``source`` and ``as_json``."""

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
        with open_source(log_url=log_url, server=server, token=token) as source:
            return command(*args, source=source, as_json=as_json, **kwargs)

    for option in reversed(_OPTIONS):
        run = option(run)
    return run


def print_json(value: object) -> None:
    """One object as one line of JSON."""
    click.echo(msgspec.json.encode(value).decode())


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as they need; the last one is not padded."""
    lines = [list(header), *[[_plain(cell) for cell in row] for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def plain(text: str) -> str:
    """``text`` with control characters shown rather than obeyed: what a task says must not drive
    the terminal. Line feeds and tabs stay."""
    return "".join(c if c in "\n\t" or c.isprintable() else _visible(c) for c in text)


def _visible(character: str) -> str:
    return f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}"


def _plain(cell: str, limit: int = 60) -> str:
    text = plain(cell).replace("\n", " ").replace("\t", " ")
    return text if len(text) <= limit else text[: limit - 1] + "…"


__all__ = ["Source", "plain", "print_json", "print_table", "with_source"]
