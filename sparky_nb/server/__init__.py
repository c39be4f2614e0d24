"""Room 6 of 7: the Jupyter server. In: requests and sockets of people; out: what the log holds,
and commands into it. Never: work of its own, and state that a restart would lose."""

from typing import Any

from sparky_nb.server.app import SparkyApp
from sparky_nb.server.routes import OPERATIONS, Operation

__all__ = ["OPERATIONS", "Operation", "SparkyApp"]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "sparky_nb.server", "app": SparkyApp}]
