"""Rules that create tasks. In: a rule, a log and the time; out: queued tasks, each firing once,
whoever looks. Never: a thread, a clock of its own, who executes what it queues."""

from sparky_nb.schedules.book import add, described, listed, pause, remove, resume, run_now
from sparky_nb.schedules.rule import Rule, make_rule, system_timezone
from sparky_nb.schedules.ticker import Fired, tick

__all__ = [
    "Fired",
    "Rule",
    "add",
    "described",
    "listed",
    "make_rule",
    "pause",
    "remove",
    "resume",
    "run_now",
    "system_timezone",
    "tick",
]
