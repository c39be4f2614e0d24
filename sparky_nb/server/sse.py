"""The log as server-sent events, for stock EventSource clients (protocol.md §2).

Each event is one message with ``id: <epoch>.<offset>``; what is not from the log has no id, so that
a client that reconnects always names the last event that it has seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
from tornado.iostream import StreamClosedError

from sparky_nb.errors import InvalidArgument, SparkyError
from sparky_nb.ids import new_nonce
from sparky_nb.log.base import BATCH_BYTES, BATCH_EVENTS, Page
from sparky_nb.server import overview
from sparky_nb.stream import Gap, Start, find_gap, parse_start, resume
from sparky_nb.stream.frames import ViewerInfo
from sparky_nb.stream.start import OFFSET_MAX, check_epoch

if TYPE_CHECKING:
    from sparky_nb.server.routing import RouteHandler

RETRY_MS: Final = 1_000
COALESCE_SECONDS: Final = 0.01
LAST_EVENT_RULE: Final = "<epoch>.<offset>"


def sse_start(last_event_id: str | None, query: Mapping[str, Sequence[str]]) -> Start:
    """Where to start: ``Last-Event-ID`` wins over the query; ``after`` is ``offset`` here.

    Raises:
        InvalidArgument: naming the field.
    """
    if last_event_id:
        epoch, dot, offset = last_event_id.rpartition(".")
        if not dot or not offset.isdecimal() or not offset.isascii() or int(offset) > OFFSET_MAX:
            raise InvalidArgument("Last-Event-ID", LAST_EVENT_RULE, last_event_id)
        return Start(epoch=check_epoch(epoch), offset=int(offset), go_on=True)
    names = {"after": "offset"}
    known = {"epoch", "offset", "after", "last", "from"}
    taken = {names.get(name, name): values for name, values in query.items() if name in known}
    return msgspec.structs.replace(parse_start(taken), go_on=True)


class EventStream:
    """One answer that does not end by itself; a viewer like those on sockets."""

    def __init__(self, handler: RouteHandler, chat_id: str, start: Start) -> None:
        self._handler, self._service = handler, handler.service
        self.chat_id, self._start = chat_id, start
        self.user = handler.user
        self.info = handler.shown_as(new_nonce() + new_nonce())
        self._watching: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Write until the client leaves, the chat ends, or the server stops."""
        handler, service = self._handler, self._service
        position = await service.door.read(overview.position, self.chat_id)
        # Nobody else has a turn from here until it has joined.
        service.presence.check_room(self.chat_id, self.user)
        how = resume(position, self._start)
        handler.set_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.set_header("Cache-Control", "no-store")
        handler.set_header("X-Accel-Buffering", "no")  # or nginx would hold it back
        handler.write(f"retry: {RETRY_MS}\n\n")
        if how.gap is not None:
            self._write_gap(how.gap)
        self._watching = asyncio.ensure_future(self._watch(position.epoch, how.after))
        service.presence.join(self)
        try:
            await self._watching
        except (asyncio.CancelledError, StreamClosedError):
            handler.log.debug("event stream closed chat=%s", self.chat_id)
        except SparkyError as error:
            handler.log.debug("event stream ended chat=%s: %s", self.chat_id, error)
        finally:
            service.presence.leave(self)

    def stop(self) -> None:
        """The client has left."""
        if self._watching is not None:
            self._watching.cancel()

    def show_viewers(self, viewers: list[ViewerInfo]) -> None:
        """There is no word for it in this format."""

    def tick(self) -> None:
        """Its own loop keeps the time."""

    async def shut_down(self) -> None:
        """The server stops: an EventSource comes again by itself."""
        self.stop()

    async def _watch(self, epoch: str, after: int) -> None:
        handler, service = self._handler, self._service
        clock, settings = service.clock, service.settings
        checked = clock.monotonic()
        with service.feed.hub.subscribe(self.chat_id) as wake:
            while not service.closing:
                await handler.flush()
                wake.clear()
                page = await service.door.read(
                    overview.read,
                    self.chat_id,
                    after=after,
                    limit=BATCH_EVENTS,
                    max_bytes=BATCH_BYTES,
                )
                gap = find_gap(_at(page), Start(epoch=epoch, offset=after))
                if gap is not None:
                    self._write_gap(gap)
                    epoch, after = page.epoch, page.earliest - 1
                    continue
                for n, body in enumerate(page.events, page.first):
                    handler.write(b"id: %b.%d\ndata: %b\n\n" % (epoch.encode(), n, body))
                after = max(after, page.first + len(page.events) - 1)
                if after < page.head:
                    continue
                await handler.flush()
                if not await wake.wait(settings.heartbeat_seconds):
                    handler.write(b": heartbeat\n\n")
                elif page.events:
                    await asyncio.sleep(COALESCE_SECONDS)
                if clock.monotonic() - checked >= settings.recheck_seconds:
                    checked = clock.monotonic()
                    if not (await handler.still_known() and await handler.may("read")):
                        return

    def _write_gap(self, gap: Gap) -> None:
        self._handler.write(b"event: gap\ndata: %b\n\n" % msgspec.json.encode(gap))


class _At(msgspec.Struct, frozen=True):
    epoch: str
    earliest: int
    head: int
    lineage: tuple[()] = ()


def _at(page: Page) -> _At:
    return _At(page.epoch, page.earliest, page.head)
