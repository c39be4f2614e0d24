"""Large payloads become blobs; endless output is cut, and says so."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from sparky_nb.tasks import TaskContext
from tests.tasks.running import Bench, texts

KIB = 1024


def blob(bench: Bench, ref: dict[str, Any]) -> bytes:
    kept = bench.log.get_blob("chat", ref["sha256"])
    assert kept.media_type == ref["media_type"]
    assert len(kept.data) == ref["size"]
    return kept.data


def test_a_large_result_travels_as_a_reference(bench: Bench) -> None:
    value = {"rows": list(range(20_000))}
    result = bench.run(lambda: value)[-1].data["result"]
    assert json.loads(blob(bench, result["ref"])) == value
    assert result["ref"]["preview"].startswith('{"rows":[0,1')


def test_what_is_small_stays_in_the_event(bench: Bench) -> None:
    text = "x" * (63 * KIB)
    assert bench.run(lambda: text)[-1].data["result"] == text


def test_one_large_argument_of_a_tool_call_is_replaced_alone(bench: Bench) -> None:
    def work(task: TaskContext) -> None:
        with task.tool("store", small=1, large="y" * 100_000):
            pass

    args = bench.run(work)[1].data["args"]
    assert args["small"] == 1
    assert blob(bench, args["large"]["ref"]) == b"y" * 100_000


def test_a_large_image_is_a_blob_of_its_own_bytes(bench: Bench) -> None:
    raw = b"\x89PNG" + bytes(100_000)

    class Picture:
        def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
            return {"image/png": base64.b64encode(raw).decode(), "text/plain": "a picture"}

    pytest.importorskip("IPython.core.formatters")
    mime = bench.run(lambda task: task.display(Picture()))[1].data["mime"]
    assert mime["text/plain"] == "a picture"
    assert mime["image/png"]["ref"]["media_type"] == "image/png"
    assert blob(bench, mime["image/png"]["ref"]) == raw


def test_a_large_message_is_a_blob(bench: Bench) -> None:
    data = bench.run(lambda task: task.message("m" * 100_000))[1].data
    assert blob(bench, data["text"]["ref"]) == b"m" * 100_000
    assert data["final"] is True


def test_beyond_the_largest_blob_it_is_cut_and_says_so(make_bench: Any) -> None:
    bench = make_bench(blob_bytes=80_000)
    ref = bench.run(lambda: "z" * 100_000)[-1].data["result"]["ref"]
    kept = blob(bench, ref)
    assert len(kept) == 80_000
    assert kept.endswith("… cut here: 100000 bytes in all, 80000 are kept".encode())


def test_a_large_print_is_stored_in_pieces(bench: Bench) -> None:
    events = bench.run(lambda: print("é" * 100_000, end=""))
    assert texts(events, "stdout") == "é" * 100_000
    assert all(len(e.data["text"]) <= 16 * KIB for e in events[1:-1])


def test_output_beyond_the_bound_is_counted_and_not_kept(make_bench: Any) -> None:
    bench = make_bench(output_bytes=50_000)

    def work(task: TaskContext) -> None:
        for _ in range(10):
            print("a" * 9_999)
        print("more")
        task.message("the rest goes on")

    events = bench.run(work)
    assert texts(events, "stdout") == ("a" * 9_999 + "\n") * 5
    assert [e.data for e in events if e.data.get("truncated")] == [
        {"stream": "stdout", "truncated": True}
    ]
    assert events[-1].data["omitted_bytes"] == 50_005
    assert events[-2].data["text"] == "the rest goes on"


def test_a_gigabyte_is_printed_in_bounded_time_and_space(make_bench: Any) -> None:
    bench = make_bench(output_bytes=1_000_000)
    events = bench.run(lambda: print("x" * 10**9, end=""))
    assert events[-1].data["omitted_bytes"] == 10**9 - 1_000_000
    assert len(texts(events, "stdout")) == 1_000_000


def test_many_middling_arguments_fit_an_event_together(bench: Bench) -> None:
    def work(task: TaskContext) -> None:
        with task.tool("many", **{f"a{n}": "x" * 60_000 for n in range(40)}):
            pass

    events = bench.run(work)
    assert events[-1].data["state"] == "completed"
    assert len(events[1].data["args"]) == 40
