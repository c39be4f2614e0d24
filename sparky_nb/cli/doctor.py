"""``sparky doctor``: what is installed, what is reachable, what is wrong, and the mend.

Each check answers by itself; one that breaks is a finding, not the end of the others.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import click
from msgspec import Struct

from sparky_nb._version import __version__
from sparky_nb.cli import exits
from sparky_nb.cli.options import common_options
from sparky_nb.cli.source import open_local
from sparky_nb.cli.terminal import plain, print_json
from sparky_nb.errors import SparkyError

REQUIRED: Final = ("click", "ipykernel", "ipywidgets", "anywidget", "jupyter_server", "msgspec",
                   "pyzmq", "tornado", "traitlets")  # fmt: skip
OPTIONAL: Final = {
    "jupyterlab": "the panel and inline views: pip install jupyterlab",
    "pydantic-ai-slim": "LLM agents: pip install 'sparky-nb[agent]'",
    "agent-client-protocol": "ACP agents: pip install 'sparky-nb[acp]'",
    "cloudpickle": "tasks in a process of their own: pip install 'sparky-nb[process]'",
}
LABEXTENSION: Final = "share/jupyter/labextensions/@sparky-nb/labextension/package.json"
SERVER_CONFIG: Final = "etc/jupyter/jupyter_server_config.d/sparky_nb.json"
SAFE_WAL: Final = (3, 51, 3)
_SIGN: Final = {"ok": "✓", "note": "·", "wrong": "✗"}


class Finding(Struct, frozen=True, kw_only=True):
    """What one check found. ``wrong`` needs the ``mend``; ``note`` is worth knowing."""

    check: str
    verdict: Literal["ok", "note", "wrong"]
    what: str
    mend: str | None = None


@click.command()
@common_options
def doctor(log_url: str | None, server: str | None, token: str | None, as_json: bool) -> None:
    """What is installed, what is reachable, what is wrong, and how to mend it.

    Exit status 1 where something is wrong.
    """
    checks: list[Callable[[], Iterator[Finding]]] = [
        _versions, _packages, _extras, _extension, _sqlite, lambda: _log(log_url), _model,
    ]  # fmt: skip
    if server is not None:
        checks.append(lambda: _server(server, token))
    findings = [finding for check in checks for finding in check()]
    if as_json:
        print_json(findings)
    else:
        for it in findings:
            click.echo(f"{_SIGN[it.verdict]} {it.check}: {plain(it.what)}")
            if it.mend:
                click.echo(f"    {plain(it.mend)}")
    wrong = any(it.verdict == "wrong" for it in findings)
    click.get_current_context().exit(exits.FAILED if wrong else exits.OK)


def _ok(check: str, what: str) -> Finding:
    return Finding(check=check, verdict="ok", what=what)


def _note(check: str, what: str, mend: str | None = None) -> Finding:
    return Finding(check=check, verdict="note", what=what, mend=mend)


def _wrong(check: str, what: str, mend: str) -> Finding:
    return Finding(check=check, verdict="wrong", what=what, mend=mend)


def _versions() -> Iterator[Finding]:
    yield _ok("sparky_nb", f"{__version__} in {Path(__file__).parent.parent}")
    yield _ok("python", f"{platform.python_version()} at {sys.executable} ({platform.platform()})")


def _packages() -> Iterator[Finding]:
    absent = [name for name in REQUIRED if _version_of(name) is None]
    if absent:
        yield _wrong("packages", f"not installed: {', '.join(absent)}",
                     f"{sys.executable} -m pip install --upgrade sparky-nb")  # fmt: skip
    else:
        shown = ", ".join(f"{name} {_version_of(name)}" for name in REQUIRED)
        yield _ok("packages", shown)


def _extras() -> Iterator[Finding]:
    for name, use in OPTIONAL.items():
        version = _version_of(name)
        if version is None:
            yield _note(name, "not installed", use)
        else:
            yield _ok(name, version)


def _extension() -> Iterator[Finding]:
    places = [Path(sys.prefix), *_jupyter_roots()]
    if any((place / SERVER_CONFIG).exists() for place in places):
        yield _ok("server extension", "enabled")
    else:
        yield _wrong("server extension", "not enabled in this environment",
                     "pip install sparky-nb (an editable install does not enable it), or "
                     "jupyter server extension enable sparky_nb")  # fmt: skip
    if any((place / LABEXTENSION).exists() for place in places):
        yield _ok("JupyterLab extension", "installed")
    else:
        yield _note("JupyterLab extension", "not installed: no panel in JupyterLab",
                    "install sparky-nb from a wheel")  # fmt: skip


def _sqlite() -> Iterator[Finding]:
    if sqlite3.sqlite_version_info < SAFE_WAL:
        yield _note("sqlite", f"{sqlite3.sqlite_version}: checkpoints are taken one at a time")
    else:
        yield _ok("sqlite", sqlite3.sqlite_version)


def _log(log_url: str | None) -> Iterator[Finding]:
    try:
        with open_local(log_url) as log:
            health = log.health()
            if health["kind"] == "memory" and not (log_url or "").startswith("memory:"):
                yield _note("log", "there is none yet; the first task makes it")
                return
            yield _ok("log", f"{log.url}, {health['size']} bytes, durability {log.durability}")
            for warning in health["warnings"]:
                yield _note("log", warning["message"])
            workers = sum(row.role in ("kernel", "worker") for row in log.runners())
            yield _ok("runners", f"{workers} registered")
    except click.UsageError as error:
        yield _wrong("log", error.message, "name another with --log or SPARKY_LOG_URL")
    except SparkyError as error:
        yield _wrong("log", str(error), "name another with --log or SPARKY_LOG_URL")


def _model() -> Iterator[Finding]:
    model = os.environ.get("SPARKY_MODEL")
    if not model:
        yield _note("model", "none is configured: agent tasks need one",
                    "set SPARKY_MODEL=PROVIDER:MODEL, or in a notebook "
                    "%sparky config model=PROVIDER:MODEL")  # fmt: skip
        return
    if model.partition(":")[0] not in ("agent", "acp") and find_spec("pydantic_ai") is None:
        yield _wrong("model", f"{model} is configured, and pydantic-ai is not installed",
                     "pip install 'sparky-nb[agent]'")  # fmt: skip
        return
    if model.startswith("openai:") and not (
        os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL")
    ):
        yield _wrong("model", f"{model} is configured without a key",
                     "set OPENAI_API_KEY, or OPENAI_BASE_URL of a local server")  # fmt: skip
        return
    yield _ok("model", model)


def _server(url: str, token: str | None) -> Iterator[Finding]:
    from sparky_nb.cli.remote import ServerSource

    try:
        source = ServerSource(url, token)
        health = source.health()
    except SparkyError as error:
        yield _wrong("server", str(error), "is the address right, is it running, and --token?")
        return
    yield _ok("server", f"{source.base_url} runs sparky_nb {health['version']}")
    if health["version"] != __version__:
        yield _note("server", f"it runs another version than this one ({__version__})")
    for warning in health["warnings"]:
        yield _note("server", warning["message"])


def _version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _jupyter_roots() -> list[Path]:
    from jupyter_core.paths import jupyter_config_path, jupyter_path

    roots = [Path(it).parent.parent for it in jupyter_config_path()]
    return roots + [Path(it).parent.parent for it in jupyter_path()]
