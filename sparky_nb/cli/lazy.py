"""A group whose commands are imported when they are used: a command must start in 0.3 s."""

from __future__ import annotations

import importlib
from typing import Any

import click


class LazyGroup(click.Group):
    """Knows its commands as ``{name: "module:attribute"}``.

    Example:
        >>> @click.group(cls=LazyGroup, lazy={"tasks": "sparky_nb.cli.tasks:group"})
        ... def agent() -> None: ...
        >>> agent.list_commands(click.Context(agent))
        ['tasks']
    """

    def __init__(self, *args: Any, lazy: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (found := super().get_command(ctx, cmd_name)) is not None:
            return found
        if (address := self._lazy.get(cmd_name)) is None:
            return None
        module, _, attribute = address.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command
