"""Why a socket was closed, and what the other side should do about it (protocol.md §3)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class CloseCode(IntEnum):
    """The close codes of the server. Any other code is an accident of the network: reconnect.

    >>> CloseCode.GAP.reconnect, CloseCode.FORBIDDEN.reconnect
    (True, False)
    """

    SHUTDOWN = 4000
    NO_LIFE = 4008
    TOO_SLOW = 4009
    GAP = 4010
    BAD_PROTOCOL = 4400
    SIGNED_OUT = 4401
    FORBIDDEN = 4403
    NO_CHAT = 4404
    FRAME_TOO_LARGE = 4413
    TOO_MANY = 4429

    @property
    def reconnect(self) -> bool:
        """Whether the same client may try again as it is."""
        return self in _RECONNECT

    @property
    def denied(self) -> bool:
        """Whether somebody has to sign in or be given a right first."""
        return self in (CloseCode.SIGNED_OUT, CloseCode.FORBIDDEN)


_RECONNECT: Final = frozenset(
    {
        CloseCode.SHUTDOWN,
        CloseCode.NO_LIFE,
        CloseCode.TOO_SLOW,
        CloseCode.GAP,
        CloseCode.TOO_MANY,
    }
)


def may_reconnect(code: int) -> bool:
    """Whether a client should reconnect after the close code ``code``, known or not.

    >>> may_reconnect(1006), may_reconnect(4404)
    (True, False)
    """
    try:
        return CloseCode(code).reconnect
    except ValueError:
        return not 4400 <= code < 4500
