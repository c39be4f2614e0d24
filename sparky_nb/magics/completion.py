"""Tab completion for ``%sparky``: subcommands, options, task ids, chats, states, settings."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sparky_nb import api
from sparky_nb.errors import SparkyError
from sparky_nb.events.states import STATES
from sparky_nb.magics.catalog import SUBCOMMANDS

PATTERN: Final = r".*%?%sparky\s"
_TAKES_TASK: Final = frozenset("watch cancel retry send answer".split())


def complete(_shell: Any, event: Any) -> list[str]:
    """What may come at the cursor (IPython's ``complete_command`` hook)."""
    _, _, typed = event.text_until_cursor.rpartition("sparky")
    words = typed.split()
    begun = "" if not typed or typed[-1].isspace() else words.pop()
    return [word for word in _candidates(words, begun) if word.startswith(begun)]


def _candidates(words: list[str], begun: str) -> list[str]:
    if not words:
        return list(SUBCOMMANDS)
    command = SUBCOMMANDS.get(words[0])
    if command is None:
        return []
    if words[-1] == "--chat":
        return _from_log(lambda: [c.chat_id for c in api.chats()])
    if words[-1] == "--state":
        return sorted(STATES)
    if begun.startswith("-"):
        options = {o.name for o in (*command.options, *(command.cell or ()))}
        return [*sorted(options - set(words)), "--help"]
    if command.name == "help" and len(words) == 1:
        return list(SUBCOMMANDS)
    if command.name in _TAKES_TASK and not [w for w in words[1:] if not w.startswith("-")]:
        return _from_log(lambda: [row.task_id for row in api.find_tasks()])
    if command.name == "config":
        both = (api.configure(), api.agent_settings())
        return [f"{field.name}=" for one in both for field in msgspec.structs.fields(one)]
    return []


def _from_log(read: Any) -> list[str]:
    try:
        return list(read())
    except SparkyError:  # completing must not raise
        return []
