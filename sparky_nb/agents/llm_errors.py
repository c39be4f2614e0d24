"""What went wrong with a model: whether asking again can help, and what to tell people."""

from __future__ import annotations

from typing import Final

from pydantic_ai import exceptions as vendor

from sparky_nb.agents.failures import AgentFailed, LimitReached, ModelFailed
from sparky_nb.agents.settings import AgentSettings

_AGAIN: Final = (
    vendor.ModelRateLimitError,
    vendor.ModelUnavailableError,
    vendor.ModelServerError,
    vendor.ModelConnectionError,
    vendor.ModelRequestTimeout,
)
_AGAIN_STATUS: Final = frozenset((408, 409, 425))
_FIRST_WAIT: Final = 1.0
_BODY: Final = 500

# The first that fits; subclasses come before their bases.
_REASONS: Final[tuple[tuple[type[Exception], str, str], ...]] = (
    (vendor.ModelAuthenticationError, "auth", "the credentials were refused; check the API key"),
    (vendor.ModelQuotaExceededError, "quota", "the account's quota is used up"),
    (vendor.ModelRateLimitError, "rate", "too many requests"),
    (vendor.ModelNotFoundError, "not_found", "there is no such model at this endpoint"),
    (vendor.ModelContextWindowExceededError, "context", "the conversation is too long for it"),
    (vendor.ModelRequestRejectedError, "rejected", "the request was rejected"),
    (vendor.ModelTimeoutError, "timeout", "it did not answer in time"),
    (vendor.ModelRequestTimeout, "timeout", "it did not answer in time"),
    (vendor.ModelConnectionError, "connection", "the connection failed or broke off"),
    (vendor.ModelUnavailableError, "unavailable", "it is not available now"),
    (vendor.ModelServerError, "unavailable", "its server failed"),
    (vendor.ContentFilterError, "rejected", "the vendor's content filter stopped it"),
    (vendor.UnexpectedModelBehavior, "answer", "its answers could not be used"),
    (vendor.UserError, "setup", "it could not be set up"),
)
_LIMITS: Final = (
    ("request_limit", "max_steps", "the agent asked the model {} times, as often as it may"),
    ("tokens_limit", "max_tokens", "the agent used up the {} tokens that it may use"),
    ("cost_limit", "max_cost", "the agent used up the {} dollars that it may cost"),
)


def pause(error: Exception, attempt: int, settings: AgentSettings) -> float | None:
    """Seconds to wait before the next try, None where there should be none.

    Args:
        error: why try number ``attempt`` (from 1) failed.
        settings: ``attempts`` and ``longest_wait`` bound it.
    """
    status = getattr(error, "status_code", None)
    if not isinstance(error, _AGAIN) and status not in _AGAIN_STATUS:
        return None
    if attempt >= settings.attempts:
        return None
    asked = getattr(error, "retry_after", None)
    wait = _FIRST_WAIT * 2 ** (attempt - 1) if asked is None else float(asked)
    return wait if wait <= settings.longest_wait else None


def explain(error: Exception, model: str, settings: AgentSettings) -> AgentFailed:
    """``error`` in words that say what to do."""
    if isinstance(error, vendor.UsageLimitExceeded):
        text = str(error)
        for theirs, ours, words in _LIMITS:
            if theirs in text:
                return LimitReached(ours, words.format(getattr(settings, ours)))
        return LimitReached("max_steps", text)
    for kind, reason, words in _REASONS:
        if isinstance(error, kind):
            return ModelFailed(model, reason, f"{words}{_details(error, settings)}")
    return ModelFailed(model, "answer", str(error))


def brief(error: Exception) -> str:
    """A few words for a line that says that the agent tries again."""
    status = getattr(error, "status_code", None)
    words = next((w for kind, _, w in _REASONS if isinstance(error, kind)), "it failed")
    return words if status is None else f"{words} (HTTP {status})"


def _details(error: Exception, settings: AgentSettings) -> str:
    status = getattr(error, "status_code", None)
    if status is None:
        text = str(error.__cause__ or error)
        return f" ({text[:_BODY]})"
    body = getattr(error, "body", None)
    said = body.get("message") if isinstance(body, dict) else body
    wait = getattr(error, "retry_after", None)
    later = "" if wait is None else f"; it asks to wait {wait:g} s"
    if wait is not None and wait > settings.longest_wait:
        later += f", longer than longest_wait = {settings.longest_wait:g} s"
    return f" (HTTP {status}{f': {str(said)[:_BODY]}' if said else ''}{later})"
