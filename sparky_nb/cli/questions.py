"""The open questions of a task: which one an answer is for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from sparky_nb.cli.source import Source
from sparky_nb.cli.terminal import plain
from sparky_nb.errors import Conflict, InvalidArgument
from sparky_nb.events.model import JsonObject

_LIKE_AN_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def open_questions(source: Source, task: JsonObject) -> list[JsonObject]:
    """The questions that ``task`` waits for, oldest first."""
    if task["state"] != "waiting":
        return []
    asked = source.snapshot(task["chat_id"])["questions"].values()
    return [it for it in asked if it["task_id"] == task["task_id"]]


def answer_to(task: JsonObject, asked: Sequence[JsonObject], words: Sequence[str]) -> JsonObject:
    """``{question_id, answer}`` of the words ``[QUESTION] TEXT…``.

    Raises:
        Conflict: that question is not open, none is, or several are and none is named.
        InvalidArgument: the answer is empty.
    """
    known = {str(it["question_id"]): it for it in asked}
    if not known:
        raise Conflict(f"task {task['task_id']} waits for no answer ({task['state']})")
    first, text = words[0], " ".join(words)
    if first in known:
        question, text = known[first], " ".join(words[1:])
    elif _LIKE_AN_ID.fullmatch(first):
        raise Conflict(f"task {task['task_id']} does not wait for an answer to {first}")
    elif len(known) > 1:
        listed = "; ".join(question_text(it) for it in asked)
        raise Conflict(f"task {task['task_id']} has several open questions, name one: {listed}")
    else:
        (question,) = known.values()
    if not text:
        raise InvalidArgument("answer", "a text")
    return {"question_id": question["question_id"], "answer": text}


def question_text(question: JsonObject) -> str:
    """What is asked, what may be said, and the id.

    >>> question_text({"question_id": "q", "prompt": "Go on?", "choices": ["yes", "no"]})
    'Go on? [yes, no] (id q)'
    """
    choices = ", ".join(map(str, question.get("choices") or ()))
    text = f"{question.get('prompt')}" + (f" [{choices}]" if choices else "")
    return plain(f"{text} (id {question.get('question_id')})")
