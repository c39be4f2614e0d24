"""``sparky doctor``: what is installed, what is reachable, what is wrong, and the mend.

Each check answers by itself; one that breaks is a finding, not the end of the others.
"""

from __future__ import annotations

import platform
import sqlite3
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

import click

from sparky_nb._version import __version__
from sparky_nb.cli import exits
from sparky_nb.cli.findings import Finding, note, ok, wrong
from sparky_nb.cli.model_check import check_model, check_settings
from sparky_nb.cli.options import common_options
from sparky_nb.cli.source import NOT_THERE, open_local
from sparky_nb.cli.terminal import plain, print_json, size_text
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


@click.command()
@common_options
def doctor(log_url: str | None, server: str | None, token: str | None, as_json: bool) -> None:
    """What is installed, what is reachable, what is wrong, and how to mend it.

    Exit status 1 where something is wrong.
    """
    checks: list[Callable[[], Iterator[Finding]]] = [
        _versions, _packages, _extras, _extension, _sqlite, lambda: _log(log_url), check_settings,
        check_model,
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
    failed = any(it.verdict == "wrong" for it in findings)
    click.get_current_context().exit(exits.FAILED if failed else exits.OK)


def _versions() -> Iterator[Finding]:
    yield ok("sparky_nb", f"{__version__} in {Path(__file__).parent.parent}")
    yield ok("python", f"{platform.python_version()} at {sys.executable} ({platform.platform()})")


def _packages() -> Iterator[Finding]:
    absent = [name for name in REQUIRED if _version_of(name) is None]
    if absent:
        yield wrong("packages", f"not installed: {', '.join(absent)}",
                     f"{sys.executable} -m pip install --upgrade sparky-nb")  # fmt: skip
    else:
        shown = ", ".join(f"{name} {_version_of(name)}" for name in REQUIRED)
        yield ok("packages", shown)


def _extras() -> Iterator[Finding]:
    for name, use in OPTIONAL.items():
        version = _version_of(name)
        if version is None:
            yield note(name, "not installed", use)
        else:
            yield ok(name, version)


def _extension() -> Iterator[Finding]:
    places = [Path(sys.prefix), *_jupyter_roots()]
    if any((place / SERVER_CONFIG).exists() for place in places):
        yield ok("server extension", "enabled")
    else:
        yield wrong("server extension", "not enabled in this environment",
                     "pip install sparky-nb (an editable install does not enable it), or "
                     "jupyter server extension enable sparky_nb")  # fmt: skip
    if any((place / LABEXTENSION).exists() for place in places):
        yield ok("JupyterLab extension", "installed")
    else:
        yield note("JupyterLab extension", "not installed: no panel in JupyterLab",
                    "install sparky-nb from a wheel")  # fmt: skip


def _sqlite() -> Iterator[Finding]:
    if sqlite3.sqlite_version_info < SAFE_WAL:
        yield note("sqlite", f"{sqlite3.sqlite_version}: checkpoints are taken one at a time")
    else:
        yield ok("sqlite", sqlite3.sqlite_version)


def _log(log_url: str | None) -> Iterator[Finding]:
    try:
        with open_local(log_url) as log:
            health = log.health()
            if log.url == NOT_THERE:
                yield note("log", "there is none yet; the first task makes it")
                return
            size = size_text(health["size"])
            yield ok("log", f"{log.url}, {size}, durability {log.durability}")
            for warning in health["warnings"]:
                yield note("log", warning["message"])
            workers = sum(row.role in ("kernel", "worker") for row in log.runners())
            yield ok("runners", f"{workers} registered")
    except click.UsageError as error:
        yield wrong("log", error.message, "name another with --log or SPARKY_LOG_URL")
    except SparkyError as error:
        yield wrong("log", str(error), "name another with --log or SPARKY_LOG_URL")


def _server(url: str, token: str | None) -> Iterator[Finding]:
    from sparky_nb.cli.remote import ServerSource

    try:
        source = ServerSource(url, token)
        health = source.health()
    except SparkyError as error:
        yield wrong("server", str(error), "is the address right, is it running, and --token?")
        return
    yield ok("server", f"{source.base_url} runs sparky_nb {health['version']}")
    if health["version"] != __version__:
        yield note("server", f"it runs another version than this one ({__version__})")
    for warning in health["warnings"]:
        yield note("server", warning["message"])


def _version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _jupyter_roots() -> list[Path]:
    from jupyter_core.paths import jupyter_config_path, jupyter_path

    roots = [Path(it).parent.parent for it in jupyter_config_path()]
    return roots + [Path(it).parent.parent for it in jupyter_path()]
