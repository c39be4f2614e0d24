"""Documentation can fail: what the code has must be in it."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sparky_nb import errors
from sparky_nb.events.model import DATA_TYPES, HIDDEN, REDACTED
from sparky_nb.events.states import STATES
from sparky_nb.stream.close import CloseCode
from sparky_nb.stream.frames import CLIENT_FRAMES, SERVER_FRAMES
from tests.promises import PROMISES

DOCS = Path(__file__).parents[2] / "docs"
LABEXTENSION = DOCS.parent / "labextension"
PROTOCOL = (DOCS / "protocol.md").read_text("utf-8")
OPERATIONS = (DOCS / "operations.md").read_text("utf-8")
ALL = "\n".join(page.read_text("utf-8") for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize("event", [*DATA_TYPES, REDACTED, HIDDEN])
def test_each_event_type_is_in_the_protocol(event: str) -> None:
    assert f"| `{event}` |" in PROTOCOL


@pytest.mark.parametrize("event", list(DATA_TYPES))
def test_each_field_of_an_event_is_in_the_protocol(event: str) -> None:
    (line,) = [line for line in PROTOCOL.splitlines() if line.startswith(f"| `{event}` |")]
    for field in DATA_TYPES[event].__struct_encode_fields__:
        assert re.search(rf"\b{field}\b", line), field


@pytest.mark.parametrize("state", sorted(STATES))
def test_each_state_is_in_the_protocol(state: str) -> None:
    assert state in PROTOCOL


@pytest.mark.parametrize("frame", [*SERVER_FRAMES, *CLIENT_FRAMES])
def test_each_frame_is_in_the_protocol(frame: type) -> None:
    config = frame.__struct_config__  # type: ignore[attr-defined]
    assert re.search(rf"`{config.tag}[ `]", PROTOCOL)


@pytest.mark.parametrize("code", list(CloseCode))
def test_each_close_code_is_in_the_protocol(code: CloseCode) -> None:
    assert f"| {int(code)} |" in PROTOCOL


def test_each_error_code_is_documented() -> None:
    codes = {
        kind.code
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.SparkyError)
    }
    text = (DOCS / "errors.md").read_text("utf-8")
    assert [code for code in sorted(codes) if f"`{code}`" not in text] == []


def test_each_setting_of_the_server_is_documented() -> None:
    from sparky_nb.server.app import SparkyApp

    own = [name for name in SparkyApp.class_own_traits(config=True) if name in vars(SparkyApp)]
    assert own
    assert [name for name in own if f"`{name}`" not in OPERATIONS] == []


def test_each_environment_variable_is_documented() -> None:
    package = Path(errors.__file__).parent
    source = "\n".join(file.read_text("utf-8") for file in package.rglob("*.py"))
    names = set(re.findall(r"\bSPARKY_[A-Z_]+\b", source))
    assert {"SPARKY_LOG_URL"} <= names
    assert [name for name in sorted(names) if name not in ALL] == []


def test_each_promise_has_its_sentence_in_the_docs() -> None:
    text = (DOCS / "promises.md").read_text("utf-8")
    assert [promise for promise in PROMISES if f"**{promise} " not in text] == []


def test_the_readme_s_python_runs_as_it_stands(tmp_path: Path) -> None:
    readme = (DOCS.parent / "README.md").read_text("utf-8")
    (sample,) = re.findall(r"## In Python\n\n```python\n(.*?)```", readme, re.DOTALL)
    assert "handle.result(" in sample
    environment = {**os.environ, "SPARKY_LOG_URL": f"sqlite:///{tmp_path}/log.db"}
    done = subprocess.run(
        [sys.executable, "-c", f"{sample}\nassert handle.result() == 1_000"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]
    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))
        if not (page.parent / link).exists()
    ]
    assert broken == []


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _commands(child, f"{path} {name}")
    else:
        yield path, command


def test_each_command_and_option_of_the_command_line_is_documented() -> None:
    from sparky_nb.cli.main import sparky

    text = (DOCS / "cli.md").read_text("utf-8")
    missing = set()
    for path, command in _commands(sparky, "sparky"):
        if not command.hidden and path not in text:
            missing.add(path)
        for parameter in command.params:
            longest = max(parameter.opts, key=len)
            if isinstance(parameter, click.Option) and longest not in text:
                missing.add(f"{path} {longest}")
    assert sorted(missing) == []


def test_each_setting_of_a_kernel_is_documented() -> None:
    from sparky_nb.agents import AgentSettings
    from sparky_nb.tasks import Settings

    guide = (DOCS / "guide.md").read_text("utf-8") + (DOCS / "agents.md").read_text("utf-8")
    names = [*Settings.__struct_fields__, *AgentSettings.__struct_fields__]
    assert [name for name in names if f"`{name}`" not in guide] == []


def test_each_setting_and_command_of_the_panel_is_documented() -> None:
    text = (DOCS / "panel.md").read_text("utf-8")
    schema = json.loads((LABEXTENSION / "schema" / "plugin.json").read_text("utf-8"))
    plugins = (LABEXTENSION / "src" / "plugins").iterdir()
    source = "\n".join(file.read_text("utf-8") for file in plugins)
    commands = set(re.findall(r"(?:add|addCommand)\(\s*'(sparky:[a-z-]+)'", source))
    assert {"sparky:open-panel", "sparky:allow-notices"} <= commands
    names = [*schema["properties"], *sorted(commands)]
    assert [name for name in names if f"`{name}`" not in text] == []
    keys = [" ".join(s["keys"]) for s in schema["jupyter.lab.shortcuts"]]
    assert [key for key in keys if key not in text] == []


def test_each_state_of_a_connection_is_documented() -> None:
    text = (DOCS / "panel.md").read_text("utf-8")
    stimuli = (LABEXTENSION / "src" / "stream" / "stimuli.ts").read_text("utf-8")
    (union,) = re.findall(r"export type Connection =([^;]+);", stimuli)
    states = re.findall(r"'([a-z-]+)'", union)
    assert len(states) == 7
    assert [state for state in states if f"| `{state}` |" not in text] == []
