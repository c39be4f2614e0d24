"""Keeps one worker: ``python -m sparky_nb.worker``, an ipykernel of its own, started again when it
dies. It is no kernel of the server's own, so that no culler of idle kernels ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from typing import Final

from sparky_nb.clock import Clock

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 60.0
HEALTHY_SECONDS: Final = 30.0
"""A worker that lived so long is started again without a long pause."""

GRACE_SECONDS: Final = 8.0
"""For a worker that is being stopped: it cancels its tasks and says why."""

VARIABLE: Final = "SPARKY_ENABLE_AGENT_LOOP"


def wanted_by_environment() -> bool:
    """Whether ``SPARKY_ENABLE_AGENT_LOOP`` says so.

    >>> wanted_by_environment()
    False
    """
    return os.environ.get(VARIABLE, "").strip().lower() in ("1", "true", "yes", "on")


class AgentLoop:
    """See the module.

    Args:
        clock: measures how long a worker lived.
        log: where the server logs.
        folder: where the worker's files are: the server's root folder.
    """

    def __init__(self, clock: Clock, log: logging.Logger, folder: str | None = None) -> None:
        self._clock, self._log, self._folder = clock, log, folder
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Of the worker that runs now."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Begin to keep a worker; on the loop."""
        self._keeping = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """End the worker cleanly. Twice is fine."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            begun = self._clock.monotonic()
            try:
                status = await self._run()
                self._log.warning("sparky_nb: the worker ended (%s); it is started again", status)
            except OSError as error:
                self._log.error("sparky_nb: the worker can't be started: %s", error)
            lived = self._clock.monotonic() - begun
            pause = FIRST_PAUSE_SECONDS if lived > HEALTHY_SECONDS else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _run(self) -> int:
        """One worker from its start to its end."""
        # It ends with this server, also when that is killed.
        environment = {**os.environ, "JPY_PARENT_PID": str(os.getpid())}
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sparky_nb.worker",
            env=environment, cwd=self._folder, stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        self._log.info("sparky_nb: a worker takes queued tasks, pid %s", process.pid)
        try:
            return await process.wait()
        except asyncio.CancelledError:
            await self._end(process)
            raise
        finally:
            self._process = None

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), GRACE_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
