"""What each subcommand does: a few lines over ``sparky_nb.api`` each."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import Struct

from sparky_nb import api
from sparky_nb._version import __version__
from sparky_nb.errors import InvalidArgument
from sparky_nb.events.states import ACTIVE, QUEUED, STATES, TERMINAL
from sparky_nb.log.queueing import needs
from sparky_nb.magics.splitting import LineError, first_word, suggestion
from sparky_nb.magics.tables import Table, age, when
from sparky_nb.process import Process
from sparky_nb.process.limits import readable_size
from sparky_nb.tasks import TaskHandle


class Request(Struct, frozen=True, kw_only=True):
    """One line: its options, the rest, the cell (None in the line form) and the shell."""

    options: dict[str, str | None]
    rest: str
    cell: str | None
    shell: Any


class Text:
    """A text that is shown as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def unknown_subcommand(name: str, known: Collection[str]) -> LineError:
    """The error for a word that is none."""
    return LineError(f"unknown subcommand {name!r}{suggestion(name, known)}")


def task(request: Request) -> Any:
    """``%sparky task`` and ``%%sparky task``."""
    chat, name = request.options.get("--chat"), request.options.get("--name")
    if request.cell is not None:
        _nothing_more(request.rest, "the cell is what the task runs")
        if not request.cell.strip():
            raise LineError("the cell is empty: there is nothing to run")
        on = _on(request)
        return api.start_cell(request.cell, shell=request.shell, chat=chat, name=name, on=on)
    if not request.rest:
        raise LineError("an instruction is missing: %sparky task INSTRUCTION…")
    model = request.options.get("--model")
    return api.start_agent(request.rest, chat=chat, name=name, model=model)


def run(request: Request) -> Any:
    """``%sparky run``."""
    if not request.rest:
        raise LineError("an expression is missing: %sparky run EXPRESSION")
    return api.start_cell(
        request.rest,
        shell=request.shell,
        chat=request.options.get("--chat"),
        name=request.options.get("--name"),
        kind="call",
        on=_on(request),
    )


def tasks(request: Request) -> Any:
    """``%sparky tasks``."""
    _nothing_more(request.rest)
    state, limit = request.options.get("--state"), request.options.get("--limit") or "20"
    if state is not None and state not in STATES:
        raise LineError(f"no state {state!r}{suggestion(state, STATES)}")
    if not limit.isdecimal() or not 0 < int(limit) <= 10_000:
        raise InvalidArgument("--limit", "an integer from 1 to 10000", limit)
    rows = api.find_tasks(chat=request.options.get("--chat"), state=state, limit=int(limit))
    now = api.runner().clock.now_ms()
    return Table(
        ["task", "name", "kind", "state", "progress", "chat", "started"],
        [
            [
                r.task_id,
                r.name or r.instruction,
                r.kind,
                _state(r),
                _progress(r),
                r.chat_id,
                age(r.created, now),
            ]
            for r in rows
        ],
        empty="no tasks yet",
    )


def watch(request: Request) -> Any:
    """``%sparky watch``."""
    word, more = first_word(request.rest)
    _nothing_more(more)
    return _handle(request, word).view() if word else api.watch()


def cancel(request: Request) -> Any:
    """``%sparky cancel``."""
    handle, more = _task(request)
    _nothing_more(more)
    state = handle.state
    handle.cancel()
    return Text(f"{handle.task_id}: {_after_cancel(state, handle.state)}")


def retry(request: Request) -> Any:
    """``%sparky retry``."""
    handle, more = _task(request)
    _nothing_more(more)
    return handle.retry()


def send(request: Request) -> Any:
    """``%sparky send``."""
    handle, text = _task(request)
    if not text:
        raise LineError("a text is missing: %sparky send TASK TEXT…")
    handle.send(text)
    return Text(f"{handle.task_id}: sent")


def answer(request: Request) -> Any:
    """``%sparky answer``."""
    handle, text = _task(request)
    if not text:
        raise LineError("a text is missing: %sparky answer TASK TEXT…")
    handle.answer(text, request.options.get("--question"))
    return Text(f"{handle.task_id}: answered")


def chats(request: Request) -> Any:
    """``%sparky chats``."""
    _nothing_more(request.rest)
    own = api.runner().chat_id
    rows = [
        [
            f"{c.chat_id} (this notebook)" if c.chat_id == own else c.chat_id,
            c.title,
            ", ".join(f"{n} {state}" for state, n in sorted(c.tasks.items()) if n),
            c.head,
            when(c.updated),
        ]
        for c in api.chats()
    ]
    return Table(["chat", "title", "tasks", "events", "updated"], rows, empty="no chats yet")


def status(request: Request) -> Any:
    """``%sparky status``."""
    _nothing_more(request.rest)
    here = api.runner()
    health = here.log.health()
    active = here.active()
    rows: list[list[Any]] = [
        ["version", __version__],
        ["log", here.log.url],
        ["log id", health.get("id")],
        ["log size", readable_size(int(health["size"]))],
        ["durability", health.get("durability")],
        ["chat", here.chat_id],
        ["runner", here.runner_id],
        ["tasks here", ", ".join(f"{e.task_id} {e.state}" for e in active) or "none"],
        ["not durable", ", ".join(e.task_id for e in active if not e.emitter.durable) or "none"],
        ["processes", ", ".join(sorted(r.role for r in here.log.runners())) or "none"],
        ["model", api.model() or "none (set SPARKY_MODEL or %sparky config model=…)"],
    ]
    rows += [["warning", w.get("message")] for w in health.get("warnings", ())]
    return Table(["what", "value"], rows, cell_max=300)


def config(request: Request) -> Any:
    """``%sparky config``."""
    changes: dict[str, str] = {}
    try:
        words = shlex.split(request.rest)  # a value with spaces stands in quotes
    except ValueError as error:
        raise LineError(f"{error}: a quote in a value stands in quotes of the other kind") from None
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not value:
            raise LineError(f"expected SETTING=VALUE, got {word!r}")
        changes[name] = value
    settings = api.configure(**changes)
    shown = {**msgspec.structs.asdict(settings), **msgspec.structs.asdict(api.agent_settings())}
    if changes:
        return Text("\n".join(f"{name}={shown[name]}" for name in changes))
    return Table(["setting", "value"], [[name, value] for name, value in shown.items()])


def _on(request: Request) -> Process | None:
    """Where the task runs: None in this kernel."""
    memory, time = request.options.get("--memory"), request.options.get("--time")
    if "--process" in request.options:
        return Process(memory=memory, time=time)
    if memory is not None or time is not None:
        raise LineError("--memory and --time bound a process: say --process, too")
    return None


def _task(request: Request) -> tuple[Any, str]:
    word, rest = first_word(request.rest)
    if not word:
        raise LineError("a task is missing: its id, a unique beginning of it, or a variable")
    return _handle(request, word), rest


def _handle(request: Request, word: str) -> Any:
    """The task that a variable of the notebook holds, else the one whose id begins so."""
    held = request.shell.user_ns.get(word)
    return held if isinstance(held, TaskHandle) else api.task(word)


def _nothing_more(rest: str, why: str = "") -> None:
    if rest:
        raise LineError(f"unexpected {rest!r}" + (f": {why}" if why else ""))


def _after_cancel(before: str, state: str) -> str:
    if before in TERMINAL:
        return f"it has ended already ({before})"
    return "cancelled" if state == "cancelled" else "cancelling"


def _state(row: Any) -> str:
    if row.cancelling and row.state in ACTIVE:
        return "cancelling"
    if row.state == QUEUED and row.runner is None:
        needed = needs(row.kind, row.instruction, row.model)
        return f"queued: waits for {needed or 'a runner'}"
    return str(row.state)


def _progress(row: Any) -> str:
    bar = row.progress
    if not bar:
        return ""
    total = bar.get("total")
    return f"{bar.get('done')}/{total}" if total else str(bar.get("done"))
