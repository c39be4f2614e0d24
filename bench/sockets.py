"""From append to the client of a socket: latency, replay, fan-out, idle viewers, coming back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from bench.table import Row, Table, milli, p50_p99, quantile, rate
from sparky_nb.clock import SystemClock
from sparky_nb.events import NewEvent
from sparky_nb.fanout import Ringer
from sparky_nb.ids import new_event_id
from sparky_nb.log import open_log
from sparky_nb.log.base import Append, Log
from tests.live import LiveServer, free_port

REPLAY = 100_000
FAN_VIEWERS = 20
LATENCY_SECONDS = 4.0
IDLE_VIEWERS = 1_000
IDLE_SECONDS = 10.0
BACK_VIEWERS = 200
TEXT = "x" * 280


def measure(table: Table, folder: Path) -> None:
    """All of it, against one server process on loopback."""
    server = LiveServer(
        folder, "--SparkyApp.max_viewers_per_chat=2000", "--SparkyApp.max_viewers=4000"
    )
    server.start()
    try:
        with open_log(server.log_url) as log:
            # First, as memory that others have used and left would count against it, or for it.
            log.commit(Append(chat="idle", events=(_event({}),)))
            asyncio.run(_idle(table, server))
            for viewers in (1, 10, 100):
                asyncio.run(_latency(table, server, log, viewers))
            _fill(log, "replay", REPLAY)
            asyncio.run(_replay(table, server, folder))
            asyncio.run(_back(table, server, log))
    finally:
        server.close()


def _connect(server: LiveServer, chat: str, query: str = "") -> HTTPRequest:
    url = server.url.replace("http", "ws", 1) + f"sparky/api/v1/chats/{chat}/socket?{query}"
    return HTTPRequest(
        url, headers={"Authorization": f"token {server.token}"}, request_timeout=120,
        connect_timeout=120,
    )  # fmt: skip


async def _open(request: HTTPRequest) -> WebSocketClientConnection:
    return await websocket_connect(request, max_message_size=1 << 26)


def _event(data: dict[str, object]) -> NewEvent:
    now = SystemClock().now_ms()
    return NewEvent(
        id=new_event_id(now), type="bench", time=now, task_id=None, actor="system", data=data
    )


def _fill(log: Log, chat: str, count: int) -> None:
    for _ in range(0, count, 500):
        log.commit(Append(chat=chat, events=tuple(_event({"text": TEXT}) for _ in range(500))))


async def _read_until(connection: WebSocketClientConnection, done: Callable[[str], bool]) -> None:
    while True:
        frame = await connection.read_message()
        if frame is None:
            raise ConnectionError("the server closed a viewer")
        if done(str(frame)):
            return


async def _latency(table: Table, server: LiveServer, log: Log, viewers: int) -> None:
    """50 events/s, each stamped; what every viewer hears, against its stamp."""
    chat = f"latency-{viewers}"
    log.commit(Append(chat=chat, events=(_event({}),)))
    connections = [await _open(_connect(server, chat, "from=now")) for _ in range(viewers)]
    times: list[float] = []
    stop = threading.Event()

    async def listen(connection: WebSocketClientConnection) -> None:
        while (frame := await connection.read_message()) is not None:
            now = time.perf_counter()
            if '"t":"events"' not in frame[:20]:
                continue
            stamps = [event["data"].get("stamp") for event in json.loads(frame)["events"]]
            times.extend(now - stamp for stamp in stamps if stamp)

    def write() -> None:
        ringer = Ringer()
        ringer.set_endpoints([row.endpoint for row in log.runners() if row.endpoint])
        stop.wait(0.5)
        end = time.perf_counter() + LATENCY_SECONDS
        while time.perf_counter() < end:
            log.commit(Append(chat=chat, events=(_event({"stamp": time.perf_counter()}),)))
            ringer.ring(chat)
            stop.wait(0.02)
        ringer.close()

    listeners = [asyncio.ensure_future(listen(connection)) for connection in connections]
    await asyncio.get_running_loop().run_in_executor(None, write)
    await asyncio.sleep(0.5)
    for connection in connections:
        connection.close()
    await asyncio.gather(*listeners)
    bare = await _echo()
    aim = {1: "p50 ≤ 3 ms", 100: "p99 ≤ 25 ms"}.get(viewers, "")
    table.add(
        Row(
            what=f"append → client, {viewers} viewers × 50 events/s",
            figure=p50_p99(times, milli),
            limit=f"bare Tornado echo p50 {milli(quantile(bare, 0.5))}",
            ratio=quantile(times, 0.5) / quantile(bare, 0.5),
            aim=aim,
        )
    )


def _start_raw(port: int, frames: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "bench.raw_server", str(port), str(frames)])


@contextlib.asynccontextmanager
async def _raw(frames: Path) -> AsyncIterator[str]:
    port = free_port()
    process = _start_raw(port, frames)
    url = f"ws://127.0.0.1:{port}/"
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                (await websocket_connect(url)).close()
                break
            await asyncio.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()


async def _echo() -> list[float]:
    """Round trips with bare Tornado: there and back."""
    empty = Path(os.devnull)
    times = []
    async with _raw(empty) as url:
        connection = await websocket_connect(url)
        await connection.read_message()
        for _ in range(200):
            begun = time.perf_counter()
            await connection.write_message("x" * 400)
            await connection.read_message()
            times.append(time.perf_counter() - begun)
        connection.close()
    return times


async def _replay(table: Table, server: LiveServer, folder: Path) -> None:
    """100,000 events to one viewer, then to many at once; and the same bytes by bare Tornado."""
    frames: list[str] = []
    connection = await _open(_connect(server, "replay", "offset=0"))

    def keep(frame: str) -> bool:
        frames.append(frame)
        return frame.startswith('{"t":"live"')

    begun = time.perf_counter()
    await _read_until(connection, keep)
    took = time.perf_counter() - begun
    connection.close()
    encoded = folder / "frames.txt"
    encoded.write_text("\n".join(f for f in frames if f.startswith('{"t":"events"')), "utf-8")

    async def many(url: str | None) -> float:
        async def one() -> None:
            if url is None:
                viewer = await _open(_connect(server, "replay", "offset=0"))
                await _read_until(viewer, lambda frame: frame.startswith('{"t":"live"'))
            else:
                viewer = await websocket_connect(url, max_message_size=1 << 26)
                await _read_until(viewer, lambda frame: frame == "{}")
            viewer.close()

        begun = time.perf_counter()
        await asyncio.gather(*[one() for _ in range(FAN_VIEWERS)])
        return time.perf_counter() - begun

    async with _raw(encoded) as url:
        begun = time.perf_counter()
        bare = await websocket_connect(url, max_message_size=1 << 26)
        await _read_until(bare, lambda frame: frame == "{}")
        bare_took = time.perf_counter() - begun
        bare.close()
        bare_many = await many(url)
    ours_many = await many(None)
    table.add(
        Row(
            what=f"replay of {REPLAY:,} events to one viewer",
            figure=f"{took:.2f} s, {rate(REPLAY, took)}",
            limit=f"the same bytes, bare: {bare_took:.2f} s",
            ratio=took / bare_took,
            aim="≤ 1 s",
        )
    )
    total = REPLAY * FAN_VIEWERS
    table.add(
        Row(
            what=f"fan-out, {FAN_VIEWERS} viewers × {REPLAY:,} events",
            figure=rate(total, ours_many),
            limit=f"the same bytes, bare: {rate(total, bare_many)}",
            ratio=ours_many / bare_many,
            aim="≥ 300,000 /s",
        )
    )


def _rss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _idle(table: Table, server: LiveServer) -> None:
    """1,000 viewers of a chat in which nothing happens."""
    pid = server.pid
    (await _open(_connect(server, "idle"))).close()  # what the first one loads is no viewer's
    await asyncio.sleep(2)
    before = _rss_kib(pid)
    quiet = _cpu_seconds(pid)
    await asyncio.sleep(IDLE_SECONDS)
    quiet = _cpu_seconds(pid) - quiet
    connections = []
    for _ in range(0, IDLE_VIEWERS, 50):
        opening = [_open(_connect(server, "idle", "from=now")) for _ in range(50)]
        connections += await asyncio.gather(*opening)
    await asyncio.sleep(2)
    memory = (_rss_kib(pid) - before) / IDLE_VIEWERS
    cpu = _cpu_seconds(pid)
    await asyncio.sleep(IDLE_SECONDS)
    cpu = _cpu_seconds(pid) - cpu
    for connection in connections:
        connection.close()
    await asyncio.sleep(1)
    table.add(
        Row(
            what=f"an idle viewer, of {IDLE_VIEWERS:,}",
            figure=f"{memory:.0f} KiB, {cpu / IDLE_SECONDS / IDLE_VIEWERS * 1e6:.1f} µs CPU/s",
            limit=f"no viewers: {quiet / IDLE_SECONDS * 1e3:.1f} ms CPU/s in all",
            aim="≤ 40 KiB",
        )
    )


async def _back(table: Table, server: LiveServer, log: Log) -> None:
    """The server is killed and started; how long until the last of 200 viewers is live again."""
    position = log.position("latency-1")
    query = f"epoch={position.epoch}&offset={position.head}"
    server.kill()
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()

    async def come_back() -> float:
        while True:
            try:
                connection = await _open(_connect(server, "latency-1", query))
                await _read_until(connection, lambda frame: frame.startswith('{"t":"live"'))
            except (OSError, ConnectionError):
                await asyncio.sleep(0.1)
                continue
            except Exception as error:  # 503 and the like, while the server is starting
                if getattr(error, "code", 0) not in (404, 503, 599):
                    raise
                await asyncio.sleep(0.1)
                continue
            connection.close()
            return time.perf_counter() - begun

    viewers = [asyncio.ensure_future(come_back()) for _ in range(BACK_VIEWERS)]
    started = loop.run_in_executor(None, server.start)
    times = await asyncio.gather(*viewers)
    await started
    first = min(times)
    table.add(
        Row(
            what=f"server start → the last of {BACK_VIEWERS} viewers is live",
            figure=f"{max(times):.1f} s",
            limit=f"the first of them: {first:.1f} s (Jupyter's own start)",
            ratio=max(times) / first,
        )
    )
