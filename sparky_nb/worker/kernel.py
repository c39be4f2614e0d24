"""A worker: an ipykernel without a notebook, in the foreground, that takes what is queued.

``python -m sparky_nb.worker`` and ``sparky agent worker`` are the same; a Jupyter server that keeps
a worker starts it so. Clients can connect to it as to any kernel.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from typing import Any

from sparky_nb import api
from sparky_nb.ids import check_model
from sparky_nb.worker.attending import attend

STOPPED = "the worker was stopped"
NO_MODEL = "none (SPARKY_MODEL is not set: tasks that name no model of their own will fail)"
_OF_A_NOTEBOOK = ("JPY_SESSION_NAME", "JPY_INTERRUPT_EVENT")


def run_worker(*, with_parent: bool = False) -> int:
    """Run until SIGTERM or SIGINT; the exit status.

    Args:
        with_parent: end with the process in ``JPY_PARENT_PID`` (a Jupyter server).

    Raises:
        LogRefused, LogUnavailable: there is no log to work for.
        InvalidArgument: the model or a setting in the environment; the variable is named.
    """
    for name in (*_OF_A_NOTEBOOK, *(() if with_parent else ("JPY_PARENT_PID",))):
        os.environ.pop(name, None)
    from ipykernel.kernelapp import IPKernelApp  # takes 0.3 s

    # What can't be worked with is said before anything is taken from the queue.
    api.runner()
    model = api.model()
    if model is not None:
        check_model(model, "SPARKY_MODEL")
    api.agent_settings()

    class WorkerApp(IPKernelApp):
        """It says for itself what it is."""

        def log_connection_info(self) -> None: ...

    # TCP on the loopback with a key of its own, as a Jupyter server starts its kernels.
    app: Any = WorkerApp.instance(log_level=logging.ERROR)
    app.initialize([])
    attend("worker")
    app.shell.run_line_magic("load_ext", "sparky_nb")

    def stop(number: int, frame: Any) -> None:
        loop = app.io_loop or app.kernel.io_loop
        loop.add_callback_from_signal(loop.stop)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    print(
        f"sparky worker: pid {os.getpid()}, log {api.runner().log.url}, kernel "
        f"{os.path.basename(app.connection_file)}; model {model or NO_MODEL}",
        file=sys.__stderr__,
        flush=True,
    )
    try:
        app.start()
    finally:
        api.shutdown(STOPPED)
        with contextlib.suppress(OSError):
            app.cleanup_connection_file()
    return 0
