from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from sparky_nb.fanout import Bell, Ringer


@pytest.fixture
def bell() -> Iterator[Bell]:
    bell = Bell("test")
    yield bell
    bell.close()


@pytest.fixture
def ringer() -> Iterator[Ringer]:
    ringer = Ringer()
    yield ringer
    ringer.close()


def hear(bell: Bell, wanted: set[str]) -> set[str]:
    """What ``bell`` hears until it has heard all of ``wanted``, or 10 s have passed."""
    heard: set[str] = set()
    for _ in range(100):
        heard |= bell.wait(0.1)
        if wanted <= heard:
            break
    return heard


def test_a_ring_is_heard(bell: Bell, ringer: Ringer) -> None:
    ringer.set_endpoints([bell.endpoint])
    ringer.ring("chat-1")
    assert hear(bell, {"chat-1"}) == {"chat-1"}


def test_rings_in_quick_succession_all_arrive_together(bell: Bell, ringer: Ringer) -> None:
    ringer.set_endpoints([bell.endpoint])
    chats = {f"chat-{n}" for n in range(20)}
    for chat in sorted(chats):
        ringer.ring(chat)
    assert hear(bell, chats) == chats


def test_every_listener_hears(bell: Bell, ringer: Ringer) -> None:
    other = Bell("other")
    ringer.set_endpoints([bell.endpoint, other.endpoint])
    ringer.ring("a")
    assert hear(bell, {"a"}) == hear(other, {"a"}) == {"a"}
    ringer.set_endpoints([other.endpoint])
    ringer.ring("b")
    assert hear(other, {"b"}) == {"b"}
    assert bell.wait(0) == set()
    other.close()


def test_a_listener_that_died_blocks_nobody(ringer: Ringer, bell: Bell) -> None:
    dead = Bell("dead")
    endpoint = dead.endpoint
    dead.close()
    ringer.set_endpoints([endpoint, bell.endpoint, "nonsense://x", ""])
    for n in range(3000):
        ringer.ring(f"chat-{n}")
    ringer.ring("last")
    assert "last" in hear(bell, {"last"})


def test_rings_from_many_threads_are_safe(bell: Bell, ringer: Ringer) -> None:
    ringer.set_endpoints([bell.endpoint])

    def ring(n: int) -> None:
        for i in range(200):
            ringer.ring(f"chat-{n}-{i % 3}")

    threads = [threading.Thread(target=ring, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chats = {f"chat-{n}-{i}" for n in range(4) for i in range(3)}
    assert hear(bell, chats) == chats


def test_what_is_not_the_name_of_a_chat_is_ignored(bell: Bell) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context.socket(zmq.PUSH) as socket:
        socket.linger = 1000
        socket.connect(bell.endpoint)
        for message in (b"\xff\xfe", b"../../etc", b"", b"x" * 500, b"good\n_index\n_other"):
            socket.send(message)
        assert hear(bell, {"good"}) == {"good", "_index"}
    context.term()


def test_a_nudge_ends_a_wait(bell: Bell) -> None:
    timer = threading.Timer(0.05, bell.nudge)
    timer.start()
    assert bell.wait(30) == set()
    timer.join()


def test_closing_twice_is_fine_and_ringing_afterwards_does_nothing() -> None:
    bell, ringer = Bell("test"), Ringer()
    ringer.set_endpoints([bell.endpoint])
    for thing in (ringer, ringer, bell, bell):
        thing.close()
    ringer.ring("a")
    ringer.set_endpoints([bell.endpoint])
    bell.nudge()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Unix sockets")
def test_the_socket_is_out_of_reach_for_other_users(bell: Bell) -> None:
    assert bell.endpoint.startswith("ipc://")
    folder = Path(bell.endpoint.removeprefix("ipc://")).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_a_killed_listener_left_is_swept(bell: Bell) -> None:
    import socket

    folder = Path(bell.endpoint.removeprefix("ipc://")).parent
    left = folder / "kernel-1-dead"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(left))
    Bell("next").close()
    assert not left.exists()
    assert Path(bell.endpoint.removeprefix("ipc://")).exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_child_can_ring(bell: Bell, ringer: Ringer) -> None:
    ringer.set_endpoints([bell.endpoint])
    ringer.ring("parent")
    assert hear(bell, {"parent"}) == {"parent"}
    pid = os.fork()
    if pid == 0:  # pragma: no cover (another process)
        status: Callable[[int], None] = os._exit
        ringer.ring("child")
        threading.Event().wait(1.0)  # LINGER 0: stay until the other side has taken it
        status(0)
    assert hear(bell, {"child"}) == {"child"}
    os.waitpid(pid, 0)
