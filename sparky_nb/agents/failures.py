"""Why an agent could not go on, in words that say what to do."""

from __future__ import annotations

from sparky_nb.errors import SparkyError, UsageError


class MissingExtra(UsageError):
    """An optional part is not installed; ``extra`` names it."""

    code = "missing_extra"

    def __init__(self, what: str, extra: str) -> None:
        self.what, self.extra = what, extra
        super().__init__(f"{what} needs an optional part: pip install 'sparky-nb[{extra}]'")


class AgentFailed(SparkyError):
    """The agent could not do its work."""

    code = "agent_failed"
    speaks_for_itself = True
    """Its words say what to do; frames of a vendor's library would only hide them."""


class ModelFailed(AgentFailed):
    """The model could not be asked, or its answers were of no use.

    Attributes:
        model: ``provider:model``.
        reason: ``auth``, ``quota``, ``rate``, ``unavailable``, ``connection``, ``timeout``,
            ``not_found``, ``context``, ``rejected``, ``answer`` or ``setup``.
    """

    code = "model_failed"

    def __init__(self, model: str, reason: str, text: str) -> None:
        self.model, self.reason = model, reason
        super().__init__(f"{model}: {text}")


class LimitReached(AgentFailed):
    """A limit of the settings ended the task; ``setting`` names it."""

    code = "limit_reached"

    def __init__(self, setting: str, text: str) -> None:
        self.setting = setting
        super().__init__(f"{text} (setting {setting})")
