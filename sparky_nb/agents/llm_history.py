"""A chat's earlier conversation → the messages that a model is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from sparky_nb.agents.memory import Called, Line, Past, ending_of

_LEFT_OUT = "(Some of what happened here is left out.)"


def to_messages(earlier: Iterable[Past]) -> list[ModelMessage]:
    """The messages of ``earlier``; each task ends with a response: any vendor takes that."""
    messages: list[ModelMessage] = []
    for past in earlier:
        messages += _messages_of(past)
    return messages


def resumable(messages: Sequence[ModelMessage]) -> list[ModelMessage]:
    """``messages`` of a run that broke off, up to the last request: from there it can go on."""
    kept = list(messages)
    while kept and not isinstance(kept[-1], ModelRequest):
        kept.pop()
    return kept


def _messages_of(past: Past) -> list[ModelMessage]:
    messages: list[ModelMessage] = []
    parts: list[ModelResponsePart] = []
    returns: list[ToolReturnPart] = []

    def flush() -> None:
        if parts:
            messages.append(ModelResponse(parts=list(parts)))
        if returns:
            messages.append(ModelRequest(parts=list(returns)))
        parts.clear()
        returns.clear()

    for line in past.lines:
        if isinstance(line, Called):
            parts.append(ToolCallPart(line.name, line.args, tool_call_id=line.call_id))
            returns.append(ToolReturnPart(line.name, line.result, tool_call_id=line.call_id))
            continue
        if returns or line.who == "user":
            flush()
        if line.who == "user":
            messages.append(ModelRequest(parts=[UserPromptPart(line.text)]))
        else:
            parts.append(TextPart(line.text))
    flush()
    return messages + _ending(past, messages, past.lines[-1:])


def _ending(past: Past, messages: list[ModelMessage], last: Sequence[Line]) -> list[ModelMessage]:
    notes = [note for note in (_LEFT_OUT if past.cut else None, ending_of(past)) if note]
    if not messages:
        return []
    if isinstance(messages[-1], ModelRequest):
        return [ModelResponse(parts=[TextPart(" ".join(notes) or "(No answer.)")])]
    if notes:
        messages[-1] = ModelResponse(parts=[*messages[-1].parts, TextPart(" ".join(notes))])
    return []
