"""What a chat holds: pages of events, the same as server-sent events, snapshots and blobs."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from tornado.web import authenticated

from sparky_nb.errors import GapError, InvalidArgument, NotFound
from sparky_nb.ids import check_chat_id
from sparky_nb.log.base import READ_LIMIT, Log, Page, Position
from sparky_nb.server import overview
from sparky_nb.server.models import SnapshotAnswer
from sparky_nb.server.routing import RouteHandler, query_of
from sparky_nb.server.sse import EventStream, sse_start
from sparky_nb.stream import Gap, Start, find_gap, resume
from sparky_nb.stream.start import OFFSET_MAX, check_epoch, one, parse_number

PAGE_LIMIT: Final = 1_000
PAGE_BYTES: Final = 16 * 1024 * 1024
SSE: Final = "text/event-stream"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Events(RouteHandler):
    """``chats/{chat}/events``"""

    _stream: EventStream | None = None

    def on_connection_close(self) -> None:
        """The client has left."""
        super().on_connection_close()
        if self._stream is not None:
            self._stream.stop()

    @authenticated
    async def get(self, chat_id: str) -> None:
        """A page, or, where ``Accept`` names it, a stream."""
        check_chat_id(chat_id, system=True)
        if _accepts_sse(self.request.headers.get("Accept", "")):
            start = sse_start(self.request.headers.get("Last-Event-ID"), query_of(self))
            self._stream = EventStream(self, chat_id, start)
            await self._stream.run()
            return
        query = query_of(self)
        limit = parse_number(query, "limit", low=1, high=READ_LIMIT) or PAGE_LIMIT
        after = parse_number(query, "after", low=0, high=OFFSET_MAX)
        before = parse_number(query, "before", low=1, high=OFFSET_MAX)
        epoch = one(query, "epoch")
        if epoch is not None:
            check_epoch(epoch)
        if before is not None and after is not None:
            raise InvalidArgument("before", "either after or before")
        if before is not None:
            self._answer(await self._before(chat_id, epoch, before, limit), None)
        else:
            self._answer(*await self._after(chat_id, epoch, after or 0, limit))

    async def _after(
        self, chat_id: str, epoch: str | None, after: int, limit: int
    ) -> tuple[Page, Gap | None]:
        page = await self.service.door.read(
            overview.read, chat_id, after=after, limit=limit, max_bytes=PAGE_BYTES
        )
        if epoch is None:
            at = Position(epoch=page.epoch, earliest=page.earliest, head=page.head)
            gap = find_gap(at, Start(epoch=page.epoch, offset=after))
            if gap is not None and gap.reason == "trimmed":
                requested = msgspec.structs.replace(gap.requested, epoch=None)
                return page, msgspec.structs.replace(gap, requested=requested)
            return page, None
        await self._honour(chat_id, Start(epoch=epoch, offset=after))
        return page, None

    async def _before(self, chat_id: str, epoch: str | None, before: int, limit: int) -> Page:
        if epoch is not None:
            await self._honour(chat_id, Start(epoch=epoch, offset=before - 1), trimmed=True)
        return await self.service.door.read(
            overview.read_before, chat_id, before=before, limit=limit
        )

    async def _honour(self, chat_id: str, start: Start, *, trimmed: bool = False) -> None:
        """GapError where ``start`` can't be honoured; ``trimmed``: being trimmed is no reason."""
        how = resume(await self.service.door.read(overview.position, chat_id), start)
        if how.gap is not None and not (trimmed and how.gap.reason == "trimmed"):
            raise GapError(msgspec.to_builtins(how.gap))

    def _answer(self, page: Page, gap: Gap | None) -> None:
        head = b'{"epoch":%b,"earliest":%d,"head":%d,"events":[' % (
            msgspec.json.encode(page.epoch),
            page.earliest,
            page.head,
        )
        tail = b"]}" if gap is None else b'],"gap":%b}' % msgspec.json.encode(gap)
        self.answer(head + b",".join(page.events) + tail)


def _accepts_sse(accept: str) -> bool:
    """Whether ``Accept`` names it, and not to say that it is unwelcome."""
    for part in accept.lower().split(","):
        kind, *parameters = (it.strip() for it in part.split(";"))
        if kind == SSE:
            return not any(re.fullmatch(r"q=0(\.0*)?", it) for it in parameters)
    return False


class Snapshot(RouteHandler):
    """``chats/{chat}/snapshot``"""

    @authenticated
    async def get(self, chat_id: str) -> None:
        """The folded state."""
        check_chat_id(chat_id, system=True)
        taken = await self.service.call(overview.snapshot, chat_id)
        self.answer(SnapshotAnswer(epoch=taken.epoch, offset=taken.offset, state=taken.state))


class BlobHandler(RouteHandler):
    """``chats/{chat}/blobs/{sha256}``"""

    @authenticated
    async def get(self, chat_id: str, sha256: str) -> None:
        """The bytes, as an attachment: no browser shows them in this origin."""
        if not _SHA256.fullmatch(sha256):
            raise NotFound("blob", sha256)
        blob = await self.service.call(Log.get_blob, check_chat_id(chat_id), sha256)
        media_type = blob.media_type if blob.media_type.isascii() else "application/octet-stream"
        self.set_header("Content-Type", re.sub(r"[^\x20-\x7e]", "", media_type))
        self.set_header("Content-Disposition", f'attachment; filename="{sha256[:16]}"')
        self.set_header("X-Content-Type-Options", "nosniff")
        # The address is the content, so a private cache may keep it.
        self.set_header("Cache-Control", "private, max-age=31536000, immutable")
        self.finish(blob.data)
