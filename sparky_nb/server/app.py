"""The server extension: settings with their help, start and stop."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any, Final

from jupyter_server.extension.application import ExtensionApp
from tornado.ioloop import IOLoop
from traitlets import Bool, Enum, Float, Int, Unicode, default

from sparky_nb.clock import SystemClock
from sparky_nb.log import open_log
from sparky_nb.log.base import Log, TaskRow
from sparky_nb.log.opening import default_url
from sparky_nb.server.agent_loop import AgentLoop, wanted_by_environment
from sparky_nb.server.limits import Rate
from sparky_nb.server.routes import handlers
from sparky_nb.server.service import Service
from sparky_nb.server.settings import Settings

LOG_URL: Final = "SPARKY_LOG_URL"


class SparkyApp(ExtensionApp):
    """Durable, resumable background tasks: the log of the kernels here, over HTTP and sockets."""

    name = "sparky_nb"
    app_name = "sparky_nb"
    extension_url = "/sparky/api/v1/health"
    load_other_extensions = True

    log_url = Unicode(
        "",
        help="Where the log is: sqlite:///ABSOLUTE/PATH. Empty: the environment's SPARKY_LOG_URL, "
        "else sparky/log.db in Jupyter's data folder. Kernels of this server get the same.",
    ).tag(config=True)
    durability: Any = Enum(
        ("process", "power"),
        "process",
        help="What a commit survives, of this server and of the kernels that it starts: the crash "
        "of a process, or, with an fsync for each, the loss of power.",
    ).tag(config=True)
    trust_identities = Bool(
        False,
        help="Names of users are stable (a hub, an identity provider of your own). Then what was "
        "made by one person is deleted, redacted and trimmed only by that person. Leave it off "
        "with a token or a password: each login is then another, random user.",
    ).tag(config=True)
    heartbeat_seconds = Float(
        15.0, min=1.0, help="A viewer hears at least so often from the server, in seconds."
    ).tag(config=True)
    write_timeout = Float(
        30.0, min=1.0, help="A viewer that takes nothing for so many seconds is closed with 4009."
    ).tag(config=True)
    recheck_seconds = Float(
        60.0, min=1.0, help="How often identity and rights of an open socket are checked again."
    ).tag(config=True)
    max_viewers = Int(10_000, min=1, help="Connections that watch, in all.").tag(config=True)
    max_viewers_per_chat = Int(2_000, min=1, help="Connections that watch one chat.").tag(
        config=True
    )
    max_viewers_per_user = Int(2_000, min=1, help="Connections of one user.").tag(config=True)
    max_body_bytes = Int(1 << 20, min=1024, help="Bytes of the body of a request.").tag(config=True)
    commands_per_second = Float(
        20.0, min=0.1, help="Commands of one user on sockets; twice as many at once."
    ).tag(config=True)
    requests_per_second = Float(
        50.0, min=0.1, help="Requests of one user that change something; twice as many at once."
    ).tag(config=True)

    enable_agent_loop = Bool(
        help="Keep one worker, an ipykernel of its own that takes queued tasks of any chat and is "
        "started again when it dies. SPARKY_ENABLE_AGENT_LOOP=true does the same.",
    ).tag(config=True)

    service: Service
    agent_loop: AgentLoop | None = None
    _before: str | None = None
    _exported = False

    def initialize_settings(self) -> None:
        """Make the service, and let kernels that are started from now on find the log."""
        self.service = Service(
            self._open_log, self._limits(), SystemClock(), self.log, active=self._touch
        )
        url = self._url()
        if not url.startswith("memory:"):  # of no use to another process
            self._before, self._exported = os.environ.get(LOG_URL), True
            os.environ[LOG_URL] = url
        self.settings["sparky_nb_service"] = self.service

    def initialize_handlers(self) -> None:
        """Add the routes."""
        self.handlers.extend(handlers(self.service))
        # Once the loop runs: nothing here may delay the start of the server.
        IOLoop.current().add_callback(self.service.start)
        if self.enable_agent_loop:
            IOLoop.current().add_callback(self._start_agent_loop)

    @default("enable_agent_loop")
    def _default_enable_agent_loop(self) -> bool:
        return wanted_by_environment()

    def _start_agent_loop(self) -> None:
        assert self.serverapp is not None
        self.agent_loop = AgentLoop(self.service.clock, self.log, self.serverapp.root_dir or None)
        self.agent_loop.start()

    async def stop_extension(self) -> None:
        """Say goodbye to viewers and close everything. Kernels are still alive."""
        if self.agent_loop is not None:
            await self.agent_loop.close()
        await self.service.close()
        if self._exported:
            self._exported = False
            if self._before is None:
                os.environ.pop(LOG_URL, None)
            else:
                os.environ[LOG_URL] = self._before

    def _url(self) -> str:
        url = self.log_url or default_url()
        if self.durability == "power" and url.startswith("sqlite:") and "?" not in url:
            url += "?durability=power"  # so that kernels open it alike
        return url

    def _open_log(self) -> Log:
        return open_log(self._url())

    def _limits(self) -> Settings:
        def rate(per_second: float) -> Rate:
            return Rate(per_second=per_second, burst=max(1, round(2 * per_second)))

        same: dict[str, Any] = {
            name: getattr(self, name) for name in Settings.__struct_fields__ if hasattr(self, name)
        }
        return Settings(
            **same,
            commands=rate(self.commands_per_second),
            requests=rate(self.requests_per_second),
        )

    def _touch(self, rows: list[TaskRow]) -> None:
        """A silent thread is no activity for the culler of idle servers and kernels: this is."""
        now = datetime.fromtimestamp(self.service.clock.now_ms() / 1000, UTC)
        assert self.serverapp is not None
        self.serverapp.web_app.settings["sparky_nb_last_activity"] = now
        busy = {row.runner for row in rows}
        kernels: Any = self.serverapp.kernel_manager
        for runner in self.service.listener.runners:
            kernel_id = runner.info.get("kernel_id")
            if runner.runner_id in busy and kernel_id in kernels:
                kernels.get_kernel(kernel_id).last_activity = now
