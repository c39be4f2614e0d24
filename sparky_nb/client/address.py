"""Where a server is and how to sign in there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

from msgspec import Struct

from sparky_nb.errors import InvalidArgument

ROOT: Final = "sparky/api/v1"
_XSRF: Final = "client"


class Address(Struct, frozen=True, kw_only=True):
    """The base URL of a Jupyter server, without query, with a ``/`` at its end, and a token.

    >>> address = Address.of("http://localhost:8888/lab?token=abc".replace("/lab", "/"))
    >>> address.token, address.api("chats/a b", limit=3)
    ('abc', 'http://localhost:8888/sparky/api/v1/chats/a%20b?limit=3')
    """

    url: str
    token: str | None = None

    @classmethod
    def of(cls, url: str, token: str | None = None) -> Address:
        """The address in ``url``, which may hold ``?token=…`` as Jupyter prints it.

        Args:
            url: ``http://`` or ``https://``, up to and with the server's base URL.
            token: wins over the one in ``url``; without either, ``JUPYTER_TOKEN``.

        Raises:
            InvalidArgument: it is no such URL.
        """
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InvalidArgument("server", "http://HOST:PORT/BASE_URL/", url)
        found = parse_qs(parts.query).get("token", [None])[0]
        base = parts.path if parts.path.endswith("/") else parts.path + "/"
        return cls(
            url=urlunsplit((parts.scheme, parts.netloc, base, "", "")),
            token=token or found or os.environ.get("JUPYTER_TOKEN") or None,
        )

    def api(self, path: str, **query: object) -> str:
        """The URL of ``path`` below the API; values of ``query`` that are None are left out."""
        known = {name: str(value) for name, value in query.items() if value is not None}
        text = f"?{urlencode(known)}" if known else ""
        return f"{self.url}{ROOT}/{quote(path)}{text}"

    def socket(self, chat_id: str, query: Mapping[str, str]) -> str:
        """The URL of a chat's socket."""
        url = self.api(f"chats/{chat_id}/socket", **query)
        return "ws" + url.removeprefix("http")

    @property
    def headers(self) -> dict[str, str]:
        """What goes with each request. Without a token, a server without authentication still
        wants to see that the sender is no page of somebody else: the same word in both places."""
        if self.token is not None:
            return {"Authorization": f"token {self.token}"}
        return {"Cookie": f"_xsrf={_XSRF}", "X-XSRFToken": _XSRF}
