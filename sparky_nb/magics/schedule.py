"""``%sparky schedule``."""

from __future__ import annotations

from typing import Any

from sparky_nb.magics.actions import Request, Text
from sparky_nb.magics.splitting import LineError, first_word, suggestion
from sparky_nb.magics.tables import Table
from sparky_nb.worker import Schedule, find_schedule, find_schedules, schedule
from sparky_nb.worker.works import namespace

RULES = ("--every", "--cron", "--at")
WORDS = ("list", "pause", "resume", "run", "remove")


def act(request: Request) -> Any:
    """With a rule: a new schedule. Without: what is to be done with those that are there."""
    if any(name in request.options for name in RULES):
        return _add(request)
    word, rest = first_word(request.rest)
    if word in ("", "list"):
        return _table()
    if word not in WORDS:
        raise LineError(
            f"no rule is given ({', '.join(RULES)}), and {word!r} is no action"
            f"{suggestion(word, WORDS)}"
        )
    if not rest:
        raise LineError(f"which one? %sparky schedule {word} SCHEDULE")
    found = find_schedule(rest)
    if word == "run":
        return found.run()
    getattr(found, word)()
    return Text(f"{found.schedule_id}: removed") if word == "remove" else found


def _add(request: Request) -> Schedule:
    options = dict(request.options)
    call = options.pop("--call", None)
    if (call is None) == (not request.rest):
        raise LineError("an instruction is missing, or a function: --call NAME (not both)")
    what: Any = request.rest
    if call is not None:
        what = namespace().get(call)
        if not callable(what):
            raise LineError(f"--call: the notebook has no function {call!r}")
    given = {name.removeprefix("--"): value for name, value in options.items()}
    return schedule(what, **given)


def _table() -> Table:
    found = [it.described() for it in find_schedules()]
    return Table(
        ["schedule", "when", "next", "last", "fired", "chat", "what"],
        [
            [
                it["schedule_id"],
                it["words"],
                it["next_words"],
                it["last_words"],
                it["fired"],
                it["chat_id"],
                it["name"] or it["instruction"] or f"{it['call']}()",
            ]
            for it in found
        ],
        empty="no schedules",
    )
