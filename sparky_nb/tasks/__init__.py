"""Room 2 of 7: who makes events. In: functions, cells, commands; out: appends to the log.
Never: a server, a viewer, a backend of the log; it runs where there is none of them."""

from sparky_nb.tasks.calls import call_work
from sparky_nb.tasks.cells import cell_work
from sparky_nb.tasks.context import TaskContext
from sparky_nb.tasks.current import CURRENT
from sparky_nb.tasks.execution import Execution, Work
from sparky_nb.tasks.handle import TaskHandle
from sparky_nb.tasks.ports import Bell, Ringer, Settings
from sparky_nb.tasks.questions import QuestionExpired
from sparky_nb.tasks.runner import Runner

__all__ = [
    "CURRENT",
    "Bell",
    "Execution",
    "QuestionExpired",
    "Ringer",
    "Runner",
    "Settings",
    "TaskContext",
    "TaskHandle",
    "Work",
    "call_work",
    "cell_work",
]
