"""Puts the magics into a shell, and takes them out; doing either twice does it once."""

from __future__ import annotations

import contextlib
import re
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import no_var_expand

from sparky_nb.errors import SparkyError
from sparky_nb.magics import completion
from sparky_nb.magics.actions import Request, unknown_subcommand
from sparky_nb.magics.catalog import SUBCOMMANDS, help_text
from sparky_nb.magics.question_marks import protect
from sparky_nb.magics.splitting import LineError, first_word, split_options
from sparky_nb.worker import attend

_NAME = "sparky"


def load(shell: Any) -> None:
    """Add ``%sparky`` and ``%%sparky`` to ``shell``."""
    unload(shell)

    @no_var_expand
    def sparky(line: str, cell: str | None = None) -> Any:
        """Background tasks that nobody can lose; see %sparky help."""
        return dispatch(shell, line, cell)

    shell.register_magic_function(sparky, "line_cell", _NAME)
    shell.input_transformers_cleanup.insert(0, protect)
    shell.set_hook("complete_command", completion.complete, re_key=completion.PATTERN)
    if hasattr(shell, "kernel"):
        # A notebook's kernel takes what is queued in its chat. A log that can't be opened now is
        # what the first task will say.
        with contextlib.suppress(SparkyError):
            attend()


def unload(shell: Any) -> None:
    """Take them away; tasks that run go on."""
    for magics in shell.magics_manager.magics.values():
        magics.pop(_NAME, None)
    shell.input_transformers_cleanup[:] = [
        transform for transform in shell.input_transformers_cleanup if not _ours(transform)
    ]
    hooks = shell.strdispatchers.get("complete_command")
    if hooks is not None:
        hooks.regexs.pop(re.compile(completion.PATTERN), None)


def dispatch(shell: Any, line: str, cell: str | None) -> Any:
    """Do what a line, or a line with its cell, asks for.

    Raises:
        UsageError: IPython prints it as one line, without a traceback.
    """
    try:
        return _dispatch(shell, line, cell)
    except (LineError, SparkyError) as error:
        raise UsageError(f"sparky: {error}") from None


def _dispatch(shell: Any, line: str, cell: str | None) -> Any:
    name, rest = first_word(line)
    if name in ("", "-h", "--help"):
        return help_text()
    if name not in SUBCOMMANDS:
        raise unknown_subcommand(name, SUBCOMMANDS)
    command = SUBCOMMANDS[name]
    if cell is not None and command.cell is None:
        raise LineError(f"%%sparky {name} takes no cell; only %%sparky task does")
    known = command.options if cell is None else command.cell or ()
    flags = {option.name: option.value is not None for option in known}
    options, rest = split_options(rest, {**flags, "--help": False, "-h": False})
    if "--help" in options or "-h" in options:
        return help_text(name)
    return command.act(Request(options=options, rest=rest, cell=cell, shell=shell))


def _ours(transform: Any) -> bool:
    # By name, so that a reloaded module finds what the one before had put there.
    return getattr(transform, "__module__", "") == protect.__module__
