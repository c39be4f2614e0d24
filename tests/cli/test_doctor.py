"""``sparky doctor``: is the configured model one that can be asked?"""

from __future__ import annotations

import json

import pytest

from tests.agents.openai_server import OpenAIServer
from tests.cli.conftest import Sparky

Verdicts = dict[str, tuple[str, str]]


def findings(sparky: Sparky, environment: dict[str, str], **variables: str) -> Verdicts:
    environment |= variables  # the fixture runs its commands with it
    ran = sparky("doctor", "--json")
    found = {it["check"]: (it["verdict"], it["what"]) for it in json.loads(ran.stdout)}
    assert ran.returncode == ("wrong" in {verdict for verdict, _ in found.values()})
    return found


@pytest.mark.parametrize(
    "model, verdict, says",
    [
        ("gpt-5", "wrong", "expected PROVIDER:MODEL"),
        ("nobody:gpt-5", "wrong", "nobody:gpt-5"),
        ("openai:gpt-5", "wrong", "OPENAI_API_KEY"),
        ("acp:no-such-program --now", "wrong", "no-such-program"),
        ("agent:mine", "note", "a function of the notebook"),
    ],
)
def test_a_model_that_can_not_be_asked_is_told_before_a_task_needs_it(
    sparky: Sparky, environment: dict[str, str], model: str, verdict: str, says: str
) -> None:
    told = findings(sparky, environment, SPARKY_MODEL=model)["model"]
    assert told[0] == verdict
    assert says in told[1]


def test_an_endpoint_that_was_named_is_asked_whether_it_is_there(
    sparky: Sparky, environment: dict[str, str]
) -> None:
    with OpenAIServer([]) as server:
        there = findings(
            sparky, environment, SPARKY_MODEL="openai:x", OPENAI_BASE_URL=server.base_url
        )
    assert (there["model"][0], there["endpoint"][0]) == ("ok", "ok")
    gone = findings(sparky, environment)
    assert gone["endpoint"][0] == "wrong"
    assert "can't be reached" in gone["endpoint"][1]


def test_a_setting_that_can_not_be_read_is_told_with_its_variable(
    sparky: Sparky, environment: dict[str, str]
) -> None:
    said = {"SPARKY_AGENT_MAX_COST": "cheap", "SPARKY_MODEL": "openai:m", "OPENAI_API_KEY": "k"}
    told = findings(sparky, environment, **said)
    rule = "SPARKY_AGENT_MAX_COST: expected a number or none, got 'cheap'"
    assert told["settings"] == ("wrong", rule)
    assert told["model"] == ("ok", "openai:m"), "the model is right, whatever the settings are"
