"""What happens around each request to a model and each tool call: tries, steering, permission."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import (
    ApprovalRequired,
    CallDeferred,
    ModelRetry,
    RetryModelRequest,
    ToolFailed,
    ToolFailedError,
    ToolRetryError,
)
from pydantic_ai.messages import ModelResponse, ToolCallPart, ToolReturnPart
from pydantic_ai.models import ModelRequestContext
from pydantic_ai.tools import ToolDefinition

from sparky_nb.agents.assignment import Assignment
from sparky_nb.agents.llm_errors import brief, pause
from sparky_nb.events.jsonable import safe_text
from sparky_nb.tasks.results import stored

_CONTROL = (
    ModelRetry,
    ToolFailed,
    ToolFailedError,
    ToolRetryError,
    CallDeferred,
    ApprovalRequired,
)
Outcome = Literal["success", "error", "denied"]


class Hooks(AbstractCapability[None]):
    """See the module.

    Args:
        assignment: what is worked on.

    Attributes:
        given_up: the error after which no further try was made.
        answers: complete answers of the model so far.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self.given_up: Exception | None = None
        self.answers = 0
        self._denied: set[str] = set()
        self._results: dict[str, Any] = {}

    async def on_model_request_error(
        self, ctx: RunContext[None], *, request_context: ModelRequestContext, error: Exception
    ) -> ModelResponse:
        """Try again where that can help, after the pause that the model's vendor asks for."""
        attempt, settings = request_context.attempt, self._assignment.settings
        wait = pause(error, attempt, settings)
        if wait is None:
            self.given_up = error
            raise error
        self._assignment.voice.note(
            f"the model could not be asked: {brief(error)}; "
            f"try {attempt + 1} of {settings.attempts} in {wait:g} s"
        )
        await asyncio.sleep(wait)
        raise RetryModelRequest

    async def after_model_request(
        self,
        ctx: RunContext[None],
        *,
        request_context: ModelRequestContext,
        response: ModelResponse,
    ) -> ModelResponse:
        """What the user has sent meanwhile steers the next step, also where none was meant."""
        self.answers += 1
        self._steer(ctx)
        return response

    async def wrap_tool_execute(
        self,
        ctx: RunContext[None],
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,
        args: dict[str, Any],
        handler: Callable[[dict[str, Any]], Any],
    ) -> Any:
        """Call the tool if that is permitted; its failure is told to the model."""
        call_id, assignment = call.tool_call_id, self._assignment
        tool = assignment.tools.get(call.tool_name)
        own = "ask" if tool is None else tool.policy_for(args)
        shown = call.args_as_dict()
        if (refusal := await assignment.permit(call_id, call.tool_name, shown, own)) is not None:
            self._denied.add(call_id)
            raise ToolFailed(refusal)
        try:
            result = await handler(args)
        except _CONTROL:
            raise
        except Exception as error:  # a tool is the user's code and may raise anything
            notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()) if note)
            raise ToolFailed(safe_text(f"{type(error).__name__}: {error}{notes}")) from error
        finally:
            self._steer(ctx)
        self._results[call_id] = result
        return shortened(result, assignment.settings.result_chars)

    def _steer(self, ctx: RunContext[None]) -> None:
        for text in self._assignment.messages():
            ctx.enqueue(text)

    def outcome(self, part: ToolReturnPart) -> tuple[Outcome, Any]:
        """What came of a call, for people: the whole result where it was shortened."""
        call_id = part.tool_call_id
        if call_id in self._denied:
            return "denied", part.content
        if part.outcome == "success":
            return "success", self._results.pop(call_id, part.content)
        return "error", part.content


def shortened(result: Any, chars: int) -> Any:
    """``result`` as the model is given it: JSON where it serialises, at most so many characters.

    >>> shortened("abcdef", 3)
    'abc… (6 characters in all)'
    """
    plain = stored(result)
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
    return plain if len(text) <= chars else f"{text[:chars]}… ({len(text)} characters in all)"
