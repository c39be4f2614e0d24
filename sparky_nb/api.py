"""The composition root of a process that runs tasks: it joins runner, log, doorbell and view.

Everything is made when it is first needed and taken down at the end of the process (or by
``shutdown``). A forked child starts over with things of its own.
"""

from __future__ import annotations

import atexit
import importlib
import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import sparky_nb.process as process
from sparky_nb.agents.settings import SETTINGS as AGENT_SETTINGS
from sparky_nb.agents.settings import AgentSettings
from sparky_nb.clock import SystemClock
from sparky_nb.errors import InvalidArgument, NoModel, NotFound
from sparky_nb.fanout import Bell, Ringer
from sparky_nb.ids import DEFAULT_CHAT, check_chat_id, new_nonce, notebook_chat_id
from sparky_nb.log import Log, open_log
from sparky_nb.log.base import ChatInfo, TaskRow
from sparky_nb.log.liveness import LeaseObserver, RunnerIdentity
from sparky_nb.log.sweep import sweep
from sparky_nb.tasks import (
    CURRENT,
    Execution,
    Runner,
    Settings,
    TaskContext,
    TaskHandle,
    Work,
    call_work,
    capture,
    cell_work,
    surroundings,
)
from sparky_nb.tasks.runner import user_name
from sparky_nb.view.views import Views

if TYPE_CHECKING:
    from sparky_nb.process import Process

_lock = threading.RLock()
_settings = Settings()
_agent_settings: AgentSettings | None = None
_runner: Runner | None = None
_open: ExitStack | None = None
_pid = os.getpid()


def _after_fork() -> None:
    """Whoever had the lock is not in the child."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def start(
    fn: Callable[..., Any],
    *args: Any,
    chat: str | None = None,
    name: str | None = None,
    on: str | Process | None = None,
    **kwargs: Any,
) -> TaskHandle:
    """Run ``fn(*args, **kwargs)`` in the background as a task.

    Args:
        fn: a plain function, an ``async`` one, or an (async) generator, whose values become events.
            Where its first parameter is named ``task`` or annotated ``TaskContext``, it gets the
            task's context there.
        *args, **kwargs: for ``fn``; keywords named ``chat``, ``name`` or ``on`` through
            ``functools.partial``.
        chat: the chat it belongs to; None: the notebook's own, or ``default``, and inside a task
            that task's.
        name: what people see; None: the function's name.
        on: None: a thread of this process. ``"process"``: a process of its own, which outlives this
            one; ``Process(memory="2GiB", time="30m")``: the same, with limits.

    Returns:
        The handle, at once; the task's first event is stored by then.

    Raises:
        InvalidArgument: ``fn`` can't be called, ``chat``, ``name`` or ``on`` is not legal, or what
            another process needs can't be pickled (``field`` is the path to it).
        TypeError: the arguments do not fit ``fn``.
        LogUnavailable: the log can't be written; nothing was started.

    Example:
        >>> handle = sparky_nb.start(sum, [1, 2])  # doctest: +SKIP
        >>> handle.result()  # doctest: +SKIP
        3
    """
    here, chat_id = runner(), _chat(chat)
    work = call_work(
        fn,
        args,
        kwargs,
        chat_id=chat_id,
        title=_title(chat_id),
        name=name,
        origin=surroundings.origin(),
        rule=here.settings.secret,
    )
    if on is not None:
        return process.start_call(here, work, fn, args, kwargs, on)
    return _started(here, work)


def start_cell(
    source: str,
    *,
    shell: Any,
    chat: str | None = None,
    name: str | None = None,
    kind: str = "cell",
    on: str | Process | None = None,
) -> TaskHandle:
    """Run a cell (or, with ``kind="call"``, an expression) in the background in ``shell``.

    With ``on`` (see ``start``) it gets copies of the variables that it reads, and what it assigns
    stays with it.
    """
    here, chat_id = runner(), _chat(chat)
    work = cell_work(
        source,
        shell=shell,
        chat_id=chat_id,
        title=_title(chat_id),
        name=name,
        kind=kind,
        origin=surroundings.origin(),
        rule=here.settings.secret,
    )
    if on is not None:
        return process.start_cell(here, work, source, shell, on)
    return _started(here, work)


def start_agent(
    instruction: str, *, chat: str | None = None, name: str | None = None, model: str | None = None
) -> TaskHandle:
    """Give the agent an instruction in plain words.

    Args:
        instruction: what the agent shall do.
        chat, name: as for ``start``.
        model: ``provider:model``, ``agent:VARIABLE`` or ``acp:COMMAND``; None: the configured one.

    Raises:
        NoModel: no LLM model is configured; nothing was started.
        InvalidArgument: there is no such agent, or a value is not legal.
        MissingExtra: what the agent needs is not installed.
    """
    chosen = model_name(model)
    here, chat_id, shell = runner(), _chat(chat), surroundings.shell()
    agents = importlib.import_module("sparky_nb.agents")
    work: Work = agents.agent_work(
        instruction,
        model=chosen,
        chat_id=chat_id,
        title=_title(chat_id),
        name=name,
        origin=surroundings.origin(),
        log=here.log,
        clock=here.clock,
        asked_by=user_name(),
        namespace=vars(sys.modules["__main__"]) if shell is None else shell.user_ns,
        shell=shell,
        settings=agent_settings(),
        secret=here.settings.secret,
    )
    return _started(here, work)


def model() -> str | None:
    """The configured LLM model, ``provider:model``."""
    return _settings.model or os.environ.get("SPARKY_MODEL") or None


def model_name(given: str | None) -> str:
    """``given``, else the configured model. Raises NoModel."""
    if chosen := given or model():
        return chosen
    raise NoModel


def current_task() -> TaskContext | None:
    """The context of the task that this code runs in, None outside of tasks."""
    execution: Execution | None = CURRENT.get()
    return None if execution is None else execution.context


def task(task_id: str) -> TaskHandle:
    """The handle of any task in the log, by its id or a unique beginning of it.

    Raises:
        NotFound: there is none.
        InvalidArgument: several begin so.
    """
    here = runner()
    row = here.log.task(task_id if task_id.startswith("task-") else f"task-{task_id}")
    return process.handle_for(here, row) or TaskHandle(here, row.task_id, row.chat_id)


def find_tasks(
    chat: str | None = None, state: str | None = None, limit: int = 100
) -> list[TaskRow]:
    """The tasks in the log, newest first."""
    states = None if state is None else (state,)
    return runner().log.tasks(chat_id=chat, states=states, limit=limit)


def chats() -> list[ChatInfo]:
    """The chats in the log, last updated first."""
    return runner().log.chats()


def watch(task_id: str | None = None) -> Any:
    """The live view of a task: of the newest one where none is named."""
    if task_id is None:
        rows = find_tasks(limit=1)
        if not rows:
            raise NotFound("task", "(there is none yet)")
        task_id = rows[0].task_id
    return task(task_id).view()


def configure(**changes: Any) -> Settings:
    """Change settings of this process (``model``, ``parallel``, ``secret``, …) and return them.

    Without arguments it only returns them. Tasks that run keep the settings they began with.

    Raises:
        InvalidArgument: no such setting, or a value of a wrong kind.
    """
    global _settings, _agent_settings
    with _lock:
        if changes:
            known = (*AGENT_SETTINGS, *Settings.__struct_fields__)
            for name in changes.keys() - known:
                raise InvalidArgument("setting", f"one of {', '.join(sorted(known))}", name)
            of_agents = {k: v for k, v in changes.items() if k in AGENT_SETTINGS}
            of_tasks = {k: v for k, v in changes.items() if k not in AGENT_SETTINGS}
            settings = surroundings.changed(_settings, of_tasks)
            if of_agents:
                _agent_settings = agent_settings().changed(of_agents)
            _settings = settings
            if _runner is not None:
                _runner.settings = _settings
        return _settings


def agent_settings() -> AgentSettings:
    """The settings for agent tasks; ``configure`` changes them too."""
    return _agent_settings or AgentSettings.from_environment(os.environ)


def runner() -> Runner:
    """The runner of this process; made by the first call."""
    global _runner, _open, _pid
    if (started_for := process.runner_here()) is not None:
        return started_for  # this very process is a task's own
    with _lock:
        if _pid != os.getpid():
            # A fork: what the parent opened is the parent's.
            _runner, _open, _pid = None, None, os.getpid()
        if _runner is None:
            _runner, _open = _compose()
            atexit.register(shutdown, surroundings.end_reason())
        return _runner


def shutdown(reason: str = "shut down") -> None:
    """Cancel this process's tasks, say why, and close the log. The next use opens it again."""
    global _runner, _open
    with _lock:
        here, opened, _runner, _open = _runner, _open, None, None
        if here is None or opened is None or _pid != os.getpid():
            return
    atexit.unregister(shutdown)
    capture.uninstall()
    with opened:
        here.close(reason)


def _compose() -> tuple[Runner, ExitStack]:
    clock = SystemClock()
    with ExitStack() as stack:
        log: Log = stack.enter_context(open_log(clock=clock))
        ringer = Ringer(clock)
        stack.callback(ringer.close)
        bell = Bell("kernel")
        stack.callback(bell.close)
        observer = LeaseObserver(clock)
        path = surroundings.notebook_path()
        views = Views(
            log,
            clock=clock,
            submit=lambda *command: made.submit(*command),
            not_durable=lambda task_id: made.not_durable(task_id),
        )
        stack.callback(views.close)
        made = Runner(
            log=log,
            clock=clock,
            runner_id=RunnerIdentity.current(new_nonce()).runner_id,
            ringer=_RingerHere(ringer, views.wake),
            bell=bell,
            sweep=lambda: sweep(log, observer, clock),
            chat_id=notebook_chat_id(path) if path else DEFAULT_CHAT,
            title=path,
            settings=_settings,
            info=surroundings.facts(),
        )
        TaskHandle.restore = process.restore
        TaskHandle.make_view = lambda handle: views.task(handle.task_id)
        return made, stack.pop_all()


def _started(here: Runner, work: Work) -> TaskHandle:
    capture.install()
    execution = here.start(work)
    return TaskHandle(here, execution.task_id, execution.chat_id)


def _chat(chat: str | None) -> str:
    if chat is not None:
        return check_chat_id(chat)
    inside = current_task()
    return runner().chat_id if inside is None else inside.chat


def _title(chat_id: str) -> str | None:
    here = runner()
    return here.title if chat_id == here.chat_id else None


class _RingerHere:
    """Rings for others, and wakes the views of this process."""

    def __init__(self, ringer: Ringer, wake: Callable[[], None]) -> None:
        self.set_endpoints, self._ring, self._wake = ringer.set_endpoints, ringer.ring, wake

    def ring(self, chat_id: str) -> None:
        self._wake()
        self._ring(chat_id)


__all__ = [
    "agent_settings",
    "chats",
    "configure",
    "current_task",
    "find_tasks",
    "model",
    "runner",
    "shutdown",
    "start",
    "start_agent",
    "start_cell",
    "task",
    "watch",
]
