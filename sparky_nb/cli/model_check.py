"""Can the configured model be asked? A part of ``sparky doctor``. Nothing is sent to a vendor; an
endpoint that was named (a base URL) is asked for its list of models."""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from sparky_nb.cli.findings import Finding, note, ok, wrong
from sparky_nb.errors import InvalidArgument, SparkyError

_PATIENCE: Final = 5.0
_CONFIGURE: Final = (
    "set SPARKY_MODEL=PROVIDER:MODEL, or in a notebook %sparky config model=PROVIDER:MODEL"
)
_MEND: Final = "install or set what it names, or configure another model"
_LISTED: Final = 5


def check_settings() -> Iterator[Finding]:
    """Whether the ``SPARKY_AGENT_…`` variables can be read: a worker does not start with others."""
    from sparky_nb.agents import AgentSettings

    try:
        AgentSettings.from_environment(os.environ)
    except InvalidArgument as error:
        yield wrong("settings", str(error), f"set {error.field} to that, or unset it")


def check_model() -> Iterator[Finding]:
    """What ``SPARKY_MODEL`` and the variables beside it come to."""
    model = os.environ.get("SPARKY_MODEL")
    if not model:
        yield note("model", "none is configured: agent tasks need one", _CONFIGURE)
        return
    kind, _, rest = model.partition(":")
    if kind == "agent" and rest.strip():
        where = "a function of the notebook, or of the worker's IPython startup files"
        yield note("model", f"{model}: {where}")
        return
    try:
        endpoint = _checked(model, kind, rest)
    except InvalidArgument as error:
        yield wrong("model", str(error), _CONFIGURE)
    except SparkyError as error:
        yield wrong("model", str(error), _MEND)
    else:
        yield ok("model", model)
        if endpoint is not None:
            yield _reached(endpoint, rest)


def _checked(model: str, kind: str, rest: str) -> str | None:
    """The endpoint that was named for ``model``, if any. Raises where it can't be asked."""
    from sparky_nb.agents import AgentSettings
    from sparky_nb.agents.registry import find_agent

    find_agent(model, {})
    if kind == "acp":
        program = rest.split()[0]
        if shutil.which(program) is None:
            raise InvalidArgument("SPARKY_MODEL", "a program that is installed", program)
        return None
    os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")
    from sparky_nb.agents.llm_model import build_model  # takes seconds

    try:
        settings = AgentSettings.from_environment(os.environ)
    except InvalidArgument:
        settings = AgentSettings()  # what is wrong with them is told apart
    build_model(model, settings)
    if kind not in ("openai", "openai-chat"):
        return None
    return settings.base_url or os.environ.get("OPENAI_BASE_URL")


def _reached(base_url: str, model: str) -> Finding:
    key = os.environ.get("OPENAI_API_KEY") or "none"
    url = f"{base_url.rstrip('/')}/models"
    try:
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
            names = _names(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            if error.code in (401, 403):
                return wrong("endpoint", f"{base_url} refuses the key", "set OPENAI_API_KEY")
            return ok("endpoint", f"{base_url} answers")
    except (OSError, ValueError) as error:
        return wrong("endpoint", f"{base_url} can't be reached: {error}",
                     "is the model's server running, and OPENAI_BASE_URL right?")  # fmt: skip
    if names and model not in names:
        shown = ", ".join(names[:_LISTED])
        return note("endpoint", f"{base_url} answers; {model} is not among its models ({shown})")
    return ok("endpoint", f"{base_url} answers")


def _names(body: bytes) -> list[str]:
    """The models of an answer, where it has a list of them."""
    with suppress(ValueError, LookupError, TypeError):
        data: Any = json.loads(body)
        return [str(it["id"]) for it in data["data"]]
    return []
