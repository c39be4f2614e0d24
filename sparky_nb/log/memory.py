"""The twin: the whole contract with dicts and a lock, short enough to be obviously right.

``memory://NAME`` is one log for all of the process that open that name; it ends with the process.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Final, TypeVar

import msgspec

from sparky_nb.clock import Clock, SystemClock
from sparky_nb.errors import NotFound
from sparky_nb.events.model import JsonObject
from sparky_nb.ids import INDEX_CHAT, check_chat_id, new_epoch
from sparky_nb.log.base import (
    BATCH_EVENTS,
    Blob,
    ChatInfo,
    CommandRow,
    Page,
    Position,
    Problem,
    RunnerRow,
    ScheduleRow,
    TaskRow,
)
from sparky_nb.log.engine import EngineLog
from sparky_nb.log.memory_records import MemoryRecords
from sparky_nb.log.reading import (
    chat_info,
    check_blob,
    check_read,
    check_tasks,
    one_schedule,
    one_task,
    take,
)
from sparky_nb.log.records import ChatRow, Records, StoredFold
from sparky_nb.log.verify import verify_chats

T = TypeVar("T")


class _Shared:
    """What all that open one name have in common."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.records = MemoryRecords()
        self.log_id = new_epoch()
        self.writes = 0


_SHARED: Final[dict[str, _Shared]] = {}
_UNNAMED: Final = count(1)


class MemoryLog(EngineLog):
    """A log that lives as long as its process.

    Args:
        name: shared by all that open it; empty: a log of its own.

    >>> MemoryLog("").chats()
    []
    """

    kind = "memory"
    durability = "process"

    def __init__(self, name: str = "", *, clock: Clock | None = None) -> None:
        super().__init__(clock or SystemClock())
        name = name or f"unnamed-{next(_UNNAMED)}"
        self.url = f"memory://{name}"
        self._shared = _SHARED.setdefault(name, _Shared())
        self._lock, self._kept = self._shared.lock, self._shared.records
        self.log_id = self._shared.log_id

    def _write(self, work: Callable[[Records], T]) -> T:
        with self._lock:
            self._shared.writes += 1
            return work(self._kept)

    def _chat(self, chat_id: str) -> ChatRow:
        if (row := self._kept.chat(check_chat_id(chat_id, system=True))) is None:
            raise NotFound("chat", chat_id)
        return row

    # -- reading

    def position(self, chat_id: str) -> Position:
        with self._lock:
            return self._chat(chat_id).position()

    def read(
        self,
        chat_id: str,
        *,
        after: int = 0,
        limit: int = BATCH_EVENTS,
        max_bytes: int | None = None,
    ) -> Page:
        check_read(chat_id, "after", after, limit)
        with self._lock:
            row = self._chat(chat_id)
            first = max(after + 1, row.earliest)
            return self._page(row, range(first, min(first + limit, row.head + 1)), max_bytes)

    def read_before(self, chat_id: str, *, before: int, limit: int = BATCH_EVENTS) -> Page:
        check_read(chat_id, "before", before, limit)
        with self._lock:
            row = self._chat(chat_id)
            end = min(before, row.head + 1)
            return self._page(row, range(max(row.earliest, end - limit), end), None)

    def _page(self, row: ChatRow, offsets: range, max_bytes: int | None) -> Page:
        events = self._kept.lives[row.key].events
        wires = take((events[it] for it in offsets), max_bytes)
        return Page(
            epoch=row.epoch,
            earliest=row.earliest,
            head=row.head,
            first=offsets[0] if wires else row.head + 1,
            events=tuple(wires),
        )

    def chats(self) -> list[ChatInfo]:
        with self._lock:
            rows = [it for it in self._kept.chats.values() if it.chat_id != INDEX_CHAT]
            rows.sort(key=lambda it: (it.updated, it.key), reverse=True)
            return [self._info(it) for it in rows]

    def chat(self, chat_id: str) -> ChatInfo:
        with self._lock:
            return self._info(self._chat(chat_id))

    def _info(self, row: ChatRow) -> ChatInfo:
        tasks = self._kept.tasks.values()
        return chat_info(row, dict(Counter(t.state for t in tasks if t.chat_id == row.chat_id)))

    def task(self, task_id: str) -> TaskRow:
        with self._lock:
            rows = self._kept.tasks.values()
            return one_task(task_id, [it for it in rows if it.task_id.startswith(task_id)])

    def tasks(
        self,
        *,
        chat_id: str | None = None,
        states: Sequence[str] | None = None,
        runner: str | None = None,
        limit: int = 100,
    ) -> list[TaskRow]:
        check_tasks(states, limit)
        with self._lock:
            found = [
                it
                for it in reversed(self._kept.tasks.values())
                if (chat_id is None or it.chat_id == chat_id)
                and (states is None or it.state in states)
                and (runner is None or it.runner == runner)
            ]
        return found[:limit]

    def pending_commands(self, runner: str) -> list[CommandRow]:
        with self._lock:
            held = {it.task_id for it in self._kept.tasks_of_runner(runner)}
            states = self._kept.commands.values()
            return [it.row for it in states if it.outcome == "accepted" and it.row.task_id in held]

    # -- folds

    def _fold_start(
        self, chat_id: str, after: int | None
    ) -> tuple[ChatRow, StoredFold | None] | None:
        check_chat_id(chat_id, system=True)
        with self._lock:
            row = self._kept.chat(chat_id)
            return None if row is None else (row, self._kept.base(row))

    def _wires(self, chat: ChatRow, after: int, limit: int) -> Sequence[bytes]:
        with self._lock:
            events = self._kept.lives[chat.key].events
            offsets = range(after + 1, after + 1 + limit)
            return [events[it] for it in offsets if it in events]

    def _save_checkpoint(self, chat: ChatRow, fold: StoredFold) -> None:
        """A process that ends takes its events along; the cache will do."""

    # -- runners and listeners

    def register(self, row: RunnerRow) -> None:
        with self._lock:
            self._kept.runners[row.runner_id] = row

    def renew(self, runner_id: str) -> bool:
        with self._lock:
            if (row := self._kept.runners.get(runner_id)) is None:
                return False
            row = msgspec.structs.replace(row, version=row.version + 1)
            self._kept.runners[runner_id] = row
            return True

    def unregister(self, runner_id: str) -> None:
        with self._lock:
            self._kept.forget_runner(runner_id)

    def runners(self) -> list[RunnerRow]:
        with self._lock:
            return list(self._kept.runners.values())

    # -- schedules

    def schedule(self, schedule_id: str) -> ScheduleRow:
        with self._lock:
            rows = self._kept.schedules.values()
            found = [it for it in rows if it.schedule_id.startswith(schedule_id)]
        return one_schedule(schedule_id, found)

    def schedules(self, *, chat_id: str | None = None) -> list[ScheduleRow]:
        with self._lock:
            rows = list(self._kept.schedules.values())
        return [it for it in rows if chat_id in (None, it.chat_id)]

    # -- blobs

    def put_blob(self, chat_id: str, data: bytes, media_type: str) -> str:
        sha256 = check_blob(chat_id, data)
        with self._lock:
            blob = Blob(sha256=sha256, media_type=media_type, data=bytes(data))
            self._kept.blobs.setdefault((chat_id, sha256), blob)
        return sha256

    def get_blob(self, chat_id: str, sha256: str) -> Blob:
        with self._lock:
            if (blob := self._kept.blobs.get((chat_id, sha256))) is None:
                raise NotFound("blob", sha256)
            return blob

    # -- the whole

    def change_token(self) -> int:
        return self._shared.writes

    def health(self) -> JsonObject:
        with self._lock:
            lives = self._kept.lives.values()
            size = sum(len(wire) for life in lives for wire in life.events.values())
        return {
            "kind": self.kind,
            "id": self.log_id,
            "size": size,
            "durability": self.durability,
            "warnings": [
                {"code": "not_kept", "message": "this log is in memory: it ends with its process"}
            ],
        }

    def maintain(self) -> None:
        """Nothing piles up."""

    def verify(self) -> Iterator[Problem]:
        with self._lock:
            rows = list(self._kept.chats.values())
        return verify_chats(self, rows)

    def close(self) -> None:
        """The name keeps what it holds, for whoever opens it again."""
