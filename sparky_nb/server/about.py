"""The server about itself: its health, and the document that describes its routes."""

from __future__ import annotations

from typing import Any, Final

from tornado.web import authenticated

from sparky_nb._version import __version__
from sparky_nb.errors import NotFound, SparkyError
from sparky_nb.log.base import Log
from sparky_nb.server.models import HealthAnswer
from sparky_nb.server.routing import RouteHandler

SHOWN: Final = ("runner_id", "role", "chat_id", "started")


class Health(RouteHandler):
    """``health``"""

    @authenticated
    async def get(self) -> None:
        """Also where there is no log: that is what it is for."""
        service = self.service
        warnings: list[dict[str, Any]] = []
        log: dict[str, Any] | None = None
        runners: list[dict[str, Any]] = []
        try:
            log = await service.call(Log.health)
            warnings = list(log.pop("warnings", ()))
            runners = [
                {name: getattr(row, name) for name in SHOWN}
                for row in await service.call(Log.runners)
            ]
        except SparkyError as error:
            log = None
            warnings.append({"code": error.code, "message": str(error)})
        self.answer(
            HealthAnswer(
                ok=log is not None,
                version=__version__,
                log=log,
                runners=runners,
                viewers=len(service.presence),
                warnings=warnings,
            )
        )


class OpenApi(RouteHandler):
    """``openapi.json``"""

    @authenticated
    async def get(self) -> None:
        """The description of all routes."""
        from sparky_nb.server.openapi import document  # it describes this module, too

        self.answer(document())


class NoSuchRoute(RouteHandler):
    """Everything else below ``sparky/api/v1/``."""

    @authenticated
    async def get(self, path: str) -> None:
        """404, as JSON."""
        raise NotFound("route", path)

    post = put = patch = delete = get
