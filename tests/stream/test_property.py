"""Sender and receiver over a network that drops and cuts, and a log that is trimmed, deleted and
made again: what is applied is the log, in order, once, and whatever is missing was announced."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparky_nb.errors import NotFound
from sparky_nb.events.model import NewEvent
from sparky_nb.log import open_log
from sparky_nb.log.base import Append
from sparky_nb.stream import Receiver, Sender, Start, decode_server_frame, encode_batch, stimuli
from sparky_nb.stream.sender import Close, Send
from tests.stream.support import StillClock

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 7)),
        st.tuples(st.just("trim"), st.integers(0, 30)),
        st.tuples(st.just("rebirth"), st.integers(0, 3)),
        st.tuples(st.just("serve"), st.integers(1, 4)),
        st.tuples(st.just("arrive"), st.integers(1, 6)),
        st.tuples(st.just("cut"), st.just(0)),
        st.tuples(st.just("half"), st.just(0)),
        st.tuples(st.just("stall"), st.integers(1, 60)),
        st.tuples(st.just("again"), st.just(0)),
        st.tuples(st.just("wake"), st.just(0)),
        st.tuples(st.just("lose"), st.integers(0, 5)),
        st.tuples(st.just("repeat"), st.integers(0, 5)),
    ),
    max_size=60,
)


class World:
    """A log, a server's senders, a wire with frames under way, and one client."""

    def __init__(self, *, go_on: bool) -> None:
        self.log = open_log("memory://")
        self.clock = StillClock()
        self.ids = count(1)
        self.written: dict[tuple[str, int], str] = {}
        self.receiver = Receiver(Start(go_on=go_on), random=lambda: 0.5)
        self.sender: Sender | None = None
        self.wire: list[bytes | int] = []  # frames, then a close code
        self.applied: list[tuple[str, int]] = []
        self.announced: list[Any] = []
        self.expected: tuple[str, int] | None = None
        self.connection = "connecting"
        self.append(1)
        self.tell(stimuli.Open())

    # -- the log

    def append(self, n: int) -> None:
        for _ in range(n):
            text = f"event {next(self.ids)}"
            event = NewEvent(
                id=text, type="note", time=1, task_id=None, actor="system", data={"text": text}
            )
            done = self.log.commit(Append(chat="a", events=(event,)))
            self.written[done.epoch, done.offsets[0]] = text

    def rebirth(self, n: int) -> None:
        self.log.delete_chat("a", actor="system", now_ms=1)
        self.append(n + 1)

    # -- the server

    def serve(self) -> None:
        """One step of the viewer's loop."""
        if self.sender is None:
            return
        try:
            if self.sender.state == "new":
                out = self.sender.open(self.log.position("a"))
            elif (wants := self.sender.wants) is not None:
                out = self.sender.batch(encode_batch(self.log.read("a", after=wants[1], limit=2)))
                out += self.sender.tick()
            else:
                return
        except NotFound:
            out = self.sender.no_chat()
        for instruction in out:
            if isinstance(instruction, Send):
                self.wire.append(instruction.text)
            elif isinstance(instruction, Close):
                self.wire.append(int(instruction.code))

    # -- the client

    def arrive(self) -> None:
        if not self.wire or self.receiver.phase not in ("opening", "open"):
            return
        thing = self.wire.pop(0)
        if isinstance(thing, int):
            self.tell(stimuli.Closed(thing))
        else:
            self.tell(stimuli.Received(decode_server_frame(thing)))

    def abandon(self) -> None:
        self.sender, self.wire = None, []

    def pass_time(self, seconds: float) -> None:
        self.clock.seconds += seconds
        self.tell(stimuli.Tick())

    def tell(self, stimulus: stimuli.Stimulus) -> None:
        for do in self.receiver.handle(self.clock.seconds * 1000, stimulus):
            match do:
                case stimuli.Connect():
                    self.abandon()
                    start = _start(do.query)
                    self.sender = Sender(
                        chat="a", viewer="v", user="u", start=start, clock=self.clock
                    )
                case stimuli.Reconnect() | stimuli.Abandon():
                    self.abandon()
                case stimuli.Begin():
                    self.begin(do)
                case stimuli.Deliver():
                    self.deliver(do)
                case stimuli.TakeSnapshot():
                    self.announced.append(do.gap)
                    self.take_snapshot()
                case stimuli.SetConnection():
                    self.connection = do.state
                case stimuli.GiveUp():
                    raise AssertionError(do)

    def begin(self, begin: stimuli.Begin) -> None:
        hello = begin.hello
        if hello.gap is not None:
            self.announced.append(hello.gap)
        elif self.expected is not None:
            assert (hello.epoch, hello.next) == self.expected, "resumed elsewhere"
        self.expected = (hello.epoch, hello.next)

    def deliver(self, do: stimuli.Deliver) -> None:
        for n, event in enumerate(do.events):
            at = (do.epoch, do.offset + n)
            assert at == self.expected, "a gap, a duplicate or a swap"
            assert event["offset"] == at[1]
            assert event["data"]["text"] == self.written[at], "other bytes"
            self.applied.append(at)
            self.expected = (at[0], at[1] + 1)

    def take_snapshot(self) -> None:
        at = self.log.position("a")
        self.expected = (at.epoch, at.head + 1)  # the snapshot has what came before
        self.tell(stimuli.SnapshotTaken(stimuli.Cursor(epoch=at.epoch, offset=at.head)))

    # -- what happens

    def act(self, name: str, n: int) -> None:
        match name:
            case "append":
                self.append(n)
            case "trim":
                self.log.trim("a", min(n, self.log.position("a").head + 1))
            case "rebirth":
                self.rebirth(n)
            case "serve":
                for _ in range(n):
                    self.serve()
            case "arrive":
                for _ in range(n):
                    self.arrive()
            case "cut":
                self.wire.clear()
                self.sender = None
                self.tell(stimuli.Closed(1006))
            case "half":
                self.sender = None  # half-open: what is under way arrives, then nothing
            case "stall":
                self.pass_time(n)
            case "again":
                self.wire.clear()
                self.tell(stimuli.Lost())
            case "wake":
                self.tell(stimuli.Wake())
            case "lose" | "repeat":  # no TCP does that; a broken proxy might
                self.append(5)
                for _ in range(4):
                    self.serve()
                batches = [n for n, it in enumerate(self.wire) if b'"t":"events"' in _text(it)]
                if batches:
                    chosen = batches[n % len(batches)]
                    self.wire[chosen : chosen + 1] = [self.wire[chosen]] * 2 * (name == "repeat")

    def heal(self) -> None:
        """The network is good from now on."""
        for _ in range(400):
            self.serve()
            self.arrive()
            if self.sender is None or self.receiver.phase == "waiting":
                self.pass_time(60)
            elif not self.wire:
                self.pass_time(15)
            if self.connection == "live" and self.caught_up:
                return
        raise AssertionError(f"never live again: {self.connection} {self.receiver.cursor}")

    @property
    def caught_up(self) -> bool:
        at = self.log.position("a")
        cursor = self.receiver.cursor
        return cursor is not None and (cursor.epoch, cursor.offset) == (at.epoch, at.head)


def _text(thing: bytes | int) -> bytes:
    return thing if isinstance(thing, bytes) else b""


def _start(query: dict[str, str]) -> Start:
    from sparky_nb.stream import parse_start

    return parse_start({name: [value] for name, value in query.items()})


@pytest.mark.promise("P1", "P4", "P10")
@pytest.mark.timeout(120)
@settings(max_examples=150, deadline=None)
@given(ACTIONS, st.booleans())
def test_what_is_applied_is_the_log_in_order_once_or_the_gap_was_announced(
    actions: list[tuple[str, int]], go_on: bool
) -> None:
    world = World(go_on=go_on)
    for name, n in actions:
        world.act(name, n)
    world.heal()
    at = world.log.position("a")
    if not world.announced:
        assert world.applied == [(at.epoch, n) for n in range(1, at.head + 1)]
