"""A question that a task asks: it waits, in the state ``waiting``, until somebody answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from sparky_nb.errors import Conflict, InvalidArgument, NotFound


class Answer(Struct, frozen=True, kw_only=True):
    """What came back: ``text`` and who said it; neither where the time ran out."""

    text: str | None = None
    from_: str | None = None
    expired: bool = False


class Open:
    """One question that waits for its answer."""

    def __init__(self, question_id: str, choices: list[str] | None) -> None:
        self.question_id, self.choices = question_id, choices
        self.answer: Answer | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._done = threading.Event()
        self._lock = threading.Lock()

    def claim(self, answer: Answer) -> bool:
        """Fix the answer; False where there is one already. ``release`` lets the asker go on."""
        with self._lock:
            if self.answer is not None:
                return False
            self.answer = answer
            return True

    def release(self) -> None:
        """The answer is stored: the asker goes on."""
        with self._lock:
            self._done.set()
            callbacks, self._callbacks = self._callbacks, []
        for call in callbacks:
            call()

    def on_settled(self, call: Callable[[], None]) -> None:
        """Call ``call`` when the answer is there, in the thread that gave it."""
        with self._lock:
            if not self._done.is_set():
                self._callbacks.append(call)
                return
        call()


class Questions:
    """The open questions of one task, oldest first."""

    def __init__(self) -> None:
        self._open: dict[str, Open] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._open)

    def ask(self, question: Open) -> None:
        """``question`` waits from now on."""
        with self._lock:
            self._open[question.question_id] = question

    def close(self, question: Open) -> int:
        """``question`` waits no longer; how many others do."""
        with self._lock:
            self._open.pop(question.question_id, None)
            return len(self._open)

    def find(self, question_id: str | None) -> Open:
        """The question of that id; without one, the only one that is open.

        Raises:
            NotFound: it is not open.
            Conflict: several are open and no id was given.
        """
        with self._lock:
            if question_id is not None:
                if question_id not in self._open:
                    raise NotFound("question", question_id)
                return self._open[question_id]
            if not self._open:
                raise Conflict("the task waits for no answer")
            if len(self._open) > 1:
                raise Conflict(f"several questions are open: {', '.join(self._open)}")
            return next(iter(self._open.values()))


def check_answer(question: Open, text: Any) -> str:
    """``text`` if it answers ``question``. Raises InvalidArgument naming the choices."""
    if not isinstance(text, str):
        raise InvalidArgument("answer", "a text", text)
    if question.choices and text not in question.choices:
        raise InvalidArgument("answer", f"one of {', '.join(question.choices)}", text)
    return text


class QuestionExpired(TimeoutError):
    """Nobody answered in time; ``question_id`` names the question."""

    def __init__(self, question_id: str, seconds: float) -> None:
        self.question_id = question_id
        super().__init__(f"nobody answered within {seconds:g} s")
