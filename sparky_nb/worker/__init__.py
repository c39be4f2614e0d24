"""Above the composition root: who does what is queued. In: queued tasks and schedules that are due;
out: running tasks. A notebook's kernel attends to its own chat, a worker (an ipykernel without a
notebook) to all. Never: a server, a face."""

from sparky_nb.worker.attending import attend
from sparky_nb.worker.scheduling import Schedule, find_schedule, find_schedules, schedule

__all__ = ["Schedule", "attend", "find_schedule", "find_schedules", "schedule"]
