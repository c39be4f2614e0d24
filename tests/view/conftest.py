"""A log, and comms that remember what was sent instead of a kernel that sends it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm
from ipywidgets import Widget

from sparky_nb.log.base import Log
from sparky_nb.log.memory import MemoryLog

_names = count()


class RecordingComm(BaseComm):
    """A comm whose messages stay here: ``sent`` has (thread, type, data, number of buffers)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.sent: list[tuple[str, str, dict[str, Any], int]] = []
        super().__init__(*args, **kwargs)

    def publish_msg(
        self,
        msg_type: str,
        data: Any = None,
        metadata: Any = None,
        buffers: Any = None,
        **keys: Any,
    ) -> None:
        name = threading.current_thread().name
        self.sent.append((name, msg_type, data or {}, len(buffers or ())))


@pytest.fixture
def log() -> Iterator[Log]:
    with MemoryLog(f"view-{next(_names)}") as found:
        yield found


@pytest.fixture
def comms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Widgets open recording comms, as they open real ones in a kernel."""
    monkeypatch.setattr(comm, "create_comm", RecordingComm)
    monkeypatch.setattr(comm, "get_comm_manager", comm._get_comm_manager)
    yield
    Widget.close_all()
