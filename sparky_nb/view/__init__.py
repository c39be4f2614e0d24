"""Room 7 of 7: the pictures of a task. In: a log and a task id; out: widget, html, text and the
MIME bundle; what pages ask for goes into the log. Never: the runner, the server; `view.feeder` and
`view.widget` (which need ipywidgets) are imported where they are used."""

from sparky_nb.view.bundle import MIME, TaskView, task_bundle
from sparky_nb.view.model import Picture, picture
from sparky_nb.view.timeline import Bounds
from sparky_nb.view.views import Views

__all__ = ["MIME", "Bounds", "Picture", "TaskView", "Views", "picture", "task_bundle"]
