"""What ``%sparky`` understands: one table for help, completion, errors and dispatch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from sparky_nb.magics import actions, schedule


class Option(Struct, frozen=True, kw_only=True):
    """``name`` with its dashes; ``value`` names the value it takes, None where it takes none."""

    name: str
    value: str | None
    help: str


class Subcommand(Struct, frozen=True, kw_only=True):
    """One word after ``%sparky``.

    Attributes:
        rest: what follows the options, for the usage line.
        act: gets the line's request (``actions.Request``), returns what is shown.
        cell: the ``%%sparky`` form's own options, None where there is no such form.
    """

    name: str
    rest: str
    help: str
    act: Callable[[actions.Request], Any]
    options: tuple[Option, ...] = ()
    cell: tuple[Option, ...] | None = None
    example: str = ""

    def usage(self) -> str:
        """All that a person needs to use it."""
        lines = [_usage("%sparky", self.name, self.options, self.rest)]
        if self.cell is not None:
            lines.append(_usage("%%sparky", self.name, self.cell, ""))
        lines += ["", self.help]
        every = {o.name: o for o in (*self.options, *(self.cell or ()))}.values()
        if every:
            shown = {f"{o.name} {o.value}" if o.value else o.name: o.help for o in every}
            width = max(map(len, shown))
            lines += ["", *(f"  {left:<{width}}  {right}" for left, right in shown.items())]
        if self.example:
            lines += ["", f"for example: {self.example}"]
        return "\n".join(lines)


def _usage(magic: str, name: str, options: tuple[Option, ...], rest: str) -> str:
    shown = [f"[{o.name} {o.value}]" if o.value else f"[{o.name}]" for o in options]
    return " ".join([magic, name, *shown, *([rest] if rest else [])])


_CHAT: Final = Option(name="--chat", value="C", help="the chat; the notebook's own where absent")
_NAME: Final = Option(name="--name", value="N", help="what people see")
_PROCESS: Final = (
    Option(name="--process", value=None, help="in a process of its own that outlives this kernel"),
    Option(name="--memory", value="SIZE", help="with --process: its limit, for example 2GiB"),
    Option(name="--time", value="T", help="with --process: how long it may run, for example 30m"),
)
_MODEL: Final = Option(name="--model", value="M", help="the LLM model, PROVIDER:MODEL")

SUBCOMMANDS: Final = {
    command.name: command
    for command in (
        Subcommand(
            name="task",
            rest="INSTRUCTION…",
            help="Give the agent an instruction in plain words; as %%sparky, run the cell in the "
            "background.",
            act=actions.task,
            options=(_CHAT, _NAME, _MODEL),
            cell=(_CHAT, _NAME, *_PROCESS),
            example="%sparky task --name 'clean up' Which files are never imported?",
        ),
        Subcommand(
            name="run",
            rest="EXPRESSION",
            help="Call a function in the background.",
            act=actions.run,
            options=(_CHAT, _NAME, *_PROCESS),
            example="%sparky run audit('data', deep=True)",
        ),
        Subcommand(
            name="tasks",
            rest="",
            help="List tasks, newest first.",
            act=actions.tasks,
            options=(
                Option(name="--chat", value="C", help="only those of this chat"),
                Option(name="--state", value="S", help="only those in this state"),
                Option(name="--limit", value="N", help="at most so many (20)"),
            ),
        ),
        Subcommand(
            name="watch",
            rest="[TASK]",
            help="Show the live view of a task; of the newest one where none is named.",
            act=actions.watch,
        ),
        Subcommand(name="cancel", rest="TASK", help="Ask a task to stop.", act=actions.cancel),
        Subcommand(
            name="retry",
            rest="TASK",
            help="Do the work of an ended task again, as a new task.",
            act=actions.retry,
        ),
        Subcommand(name="send", rest="TASK TEXT…", help="Send a task a message.", act=actions.send),
        Subcommand(
            name="answer",
            rest="TASK TEXT…",
            help="Answer a task's question.",
            act=actions.answer,
            options=(
                Option(name="--question", value="Q", help="which one, where several are open"),
            ),
        ),
        Subcommand(
            name="schedule",
            rest="INSTRUCTION… | list | pause ID | resume ID | run ID | remove ID",
            help="Give an instruction by the clock, or look after the schedules that are there.",
            act=schedule.act,
            options=(
                Option(name="--every", value="T", help="every 30s, 15m, 2h, 1d; at least 1s"),
                Option(name="--cron", value="C", help="minute hour day month day-of-week"),
                Option(name="--at", value="T", help="once: 2030-01-31T08:00, or 08:00"),
                Option(name="--timezone", value="Z", help="an IANA name; the machine's if absent"),
                _CHAT,
                _NAME,
                _MODEL,
                Option(
                    name="--call",
                    value="F",
                    help="a function of this notebook in place of an instruction",
                ),
            ),
            example="%sparky schedule --every 30m Run smart maintenance",
        ),
        Subcommand(name="chats", rest="", help="List the chats.", act=actions.chats),
        Subcommand(
            name="status",
            rest="",
            help="Show the log, this runner and what it runs.",
            act=actions.status,
        ),
        Subcommand(
            name="config",
            rest="[SETTING=VALUE…]",
            help="Show or change the settings of this kernel.",
            act=actions.config,
            example="%sparky config model=openai:gpt-5-mini parallel=4",
        ),
        Subcommand(
            name="help", rest="[SUBCOMMAND]", help="Show this.", act=lambda r: help_text(r.rest)
        ),
    )
}


def help_text(name: str = "") -> actions.Text:
    """The help for one subcommand, or for all."""
    if name:
        if name not in SUBCOMMANDS:
            raise actions.unknown_subcommand(name, SUBCOMMANDS)
        return actions.Text(SUBCOMMANDS[name].usage())
    width = max(len(n) for n in SUBCOMMANDS)
    lines = ["%sparky SUBCOMMAND …: background tasks that nobody can lose", ""]
    lines += [f"  {c.name:<{width}}  {c.help}" for c in SUBCOMMANDS.values()]
    lines += [
        "",
        "%sparky SUBCOMMAND --help tells more. TASK is an id, a unique beginning of it, or a",
        "variable that holds the task.",
    ]
    return actions.Text("\n".join(lines))
