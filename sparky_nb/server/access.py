"""Who may do what: every handler of this room passes through here.

The server's identity provider says who it is, its authorizer whether they may ``read``, ``write``
or ``execute`` on ``sparky_nb:chats``, ``sparky_nb:tasks`` and so on. Names of users are worth
nothing beyond display where the server has only a token or a password: each request of a script is
then a new random user. ``SparkyApp.trust_identities`` says that they are stable (a hub, an identity
provider of one's own); then what was made by one person is deleted, redacted and trimmed only by
that person. Without it, on a server of one person, any authorised writer is the owner.
"""

from __future__ import annotations

import inspect
from http import HTTPStatus
from typing import Any, Final, Literal

import msgspec
from jupyter_server.base.handlers import JupyterHandler
from msgspec import UNSET
from tornado.web import HTTPError

from sparky_nb.errors import Forbidden
from sparky_nb.events.people import SOMEBODY
from sparky_nb.server.service import Service
from sparky_nb.stream.frames import ViewerInfo

Action = Literal["read", "write", "execute"]
JSON: Final = "application/json; charset=utf-8"
NAME_MAX: Final = 100
_CODES: Final = {401: "unauthenticated", 403: "forbidden", 404: "not_found", 405: "no_such_method"}


class Unauthenticated(Forbidden):
    """Nobody has signed in."""

    code = "unauthenticated"
    http_status = 401


class Access(JupyterHandler):
    """A handler that knows the service, and its user."""

    service: Service
    auth_resource = "sparky_nb:chats"

    def initialize(self, service: Service) -> None:
        """Called by Tornado with what the route table has."""
        self.service = service

    async def prepare(self, *args: Any, **kwargs: Any) -> None:
        """Authenticate, check origin and XSRF as Jupyter does."""
        try:
            await super().prepare(*args, **kwargs)
            if not self.check_origin():
                raise HTTPError(403, "this origin is not allowed")
        except HTTPError as error:
            if error.status_code == 403 and self.current_user is None:
                raise HTTPError(401, "sign in first") from error
            raise
        if self.current_user is None:
            # Where allow_unauthenticated_access is on, nobody has asked so far.
            raise HTTPError(401, "sign in first")

    def get_login_url(self) -> str:
        """Nobody is sent to a login page from here."""
        raise HTTPError(403)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Errors of Jupyter and Tornado as the JSON of protocol.md §2."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        message = getattr(error, "log_message", None) or HTTPStatus(status_code).phrase
        code = _CODES.get(status_code, "internal" if status_code >= 500 else "bad_request")
        self.set_header("Content-Type", JSON)
        self.finish(error_body({"code": code, "message": message, "retryable": False}))

    @property
    def content_security_policy(self) -> str:
        """What is served from here is data: whatever it says, no browser runs it."""
        return f"{super().content_security_policy}; default-src 'none'; sandbox"

    @property
    def user(self) -> str:
        """A name to show and to keep beside what they do; see the module for what it is worth."""
        user = self.current_user
        if self.token_authenticated and not self.service.settings.trust_identities:
            return SOMEBODY
        name = getattr(user, "username", None) or getattr(user, "name", None) or SOMEBODY
        return str(name)[:NAME_MAX]

    @property
    def shown_user(self) -> str:
        """The name that other viewers see."""
        name = getattr(self.current_user, "display_name", None) or self.user
        return str(name)[:NAME_MAX]

    def shown_as(self, viewer: str) -> ViewerInfo:
        """What the others see of this user, who watches as ``viewer``."""
        color = getattr(self.current_user, "color", None)
        return ViewerInfo(
            id=viewer, user=self.shown_user, color=str(color)[:NAME_MAX] if color else UNSET
        )

    async def may(self, action: Action, resource: str | None = None) -> bool:
        """Whether the authorizer lets this user."""
        allowed = self.authorizer.is_authorized(
            self, self.current_user, action, resource or self.auth_resource
        )
        return bool(await allowed if inspect.isawaitable(allowed) else allowed)

    async def allow(self, action: Action, resource: str | None = None) -> None:
        """Raise unless the user may.

        Raises:
            Unauthenticated: 401.
            Forbidden: 403.
        """
        if self.current_user is None:
            raise Unauthenticated("sign in first")
        if not await self.may(action, resource):
            name = resource or self.auth_resource
            raise Forbidden(f"you have no right to {action} {name}")

    def check_owner(self, owner: str | None) -> None:
        """The owner's right: whoever may write, or, where names are stable, the owner alone."""
        if self.service.settings.trust_identities and owner is not None and owner != self.user:
            raise Forbidden("only its owner may do that")

    async def still_known(self) -> bool:
        """Ask the identity provider again, with the credentials of the handshake."""
        before = self.current_user
        # It answers from here, if there is something.
        self._jupyter_current_user = None
        try:
            found = self.identity_provider.get_user(self)
            return bool(await found if inspect.isawaitable(found) else found)
        finally:
            self.current_user = self._jupyter_current_user = before


def error_body(error: dict[str, Any]) -> bytes:
    """The body of an answer from 400 on."""
    return msgspec.json.encode({"error": error})
