"""``provider:model`` → a model to ask."""

from __future__ import annotations

import os
from typing import Any, Final

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, infer_model
from pydantic_ai.settings import ModelSettings

from sparky_nb.agents.failures import ModelFailed
from sparky_nb.agents.settings import AgentSettings

_OPENAI: Final = ("openai", "openai-chat")
_RETRYING: Final = ("openai", "anthropic", "groq")
"""Vendors whose clients try again by themselves, unseen; here the agent does it, and says so."""


def build_model(name: str, settings: AgentSettings) -> Model[Any]:
    """The model of that name.

    ``openai:NAME`` with a base URL (the setting, or ``OPENAI_BASE_URL``) is asked for with the chat
    completions API, which every compatible server has; ``openai-responses:NAME`` uses the other.

    Raises:
        ModelFailed: no such provider, its package is missing, or it has no API key.
    """
    provider, _, model = name.partition(":")
    base_url = settings.base_url or os.environ.get("OPENAI_BASE_URL")
    try:
        if provider in _OPENAI and base_url:
            return _compatible(model, base_url)
        return infer_model(name)
    except (UserError, ImportError, ValueError) as error:
        raise ModelFailed(name, "setup", str(error)) from error


def request_settings(model: Model[Any], settings: AgentSettings) -> ModelSettings:
    """How each request is made."""
    made = ModelSettings(timeout=settings.silence)
    homes = [kind.__module__ for kind in type(model).__mro__]
    if any(f"pydantic_ai.models.{vendor}" in home for home in homes for vendor in _RETRYING):
        made["max_retries"] = 0
    return made


def _compatible(model: str, base_url: str) -> Model[Any]:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    # Local servers need no key, and the client insists on one.
    key = os.environ.get("OPENAI_API_KEY") or "none"
    return OpenAIChatModel(model, provider=OpenAIProvider(base_url=base_url, api_key=key))
