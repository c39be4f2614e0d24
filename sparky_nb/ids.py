"""Where ids are minted and checked (protocol.md §1, "Identifiers").

Randomness enters here and nowhere else.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from pathlib import Path

from sparky_nb.errors import InvalidArgument

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
CHAT_ID_RULE = "1 to 128 characters of A-Z a-z 0-9 . _ -, beginning with a letter or a digit"
TASK_ID_RULE = "'task-' and 12 characters of 0-9 a-z without i, l, o, u"
MODEL_RULE = "PROVIDER:MODEL, agent:VARIABLE or acp:COMMAND"
TITLE_MAX = 200
DEFAULT_CHAT = "default"
INDEX_CHAT = "_index"

_CHAT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_TASK_ID = re.compile(rf"task-[{_CROCKFORD}]{{12}}")
_NAMESPACE = uuid.UUID("6f1c1f0e-3a55-5d0b-9a5e-737061726b79")
_NODE_MASK = (1 << 62) - 1
_TASK_MASK = (1 << 60) - 1


def new_event_id(now_ms: int) -> str:
    """A UUID version 7 (RFC 9562 §5.7) for an event made at ``now_ms`` (ms UTC)."""
    rand = secrets.randbits(74)
    value = (now_ms & ((1 << 48) - 1)) << 80 | 0x7 << 76 | (rand >> 62) << 64
    value |= 0b10 << 62 | rand & _NODE_MASK
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def derived_id(*parts: str) -> str:
    """A UUID version 5 made from ``parts``: the same parts give the same id, so whoever
    repeats a step (an index digest, the ending of a dead runner's task) stores it once.

    >>> derived_id("a", "b") == derived_id("a", "b") != derived_id("ab")
    True
    """
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))


def new_task_id() -> str:
    """``task-`` and 12 random Crockford base-32 characters, lower case."""
    return "task-" + _crockford(secrets.randbits(60))


def derived_task_id(*parts: str) -> str:
    """A task id made from ``parts``: whoever repeats a step starts the same task.

    >>> derived_task_id("a") == derived_task_id("a") != derived_task_id("b")
    True
    """
    bits = uuid.uuid5(_NAMESPACE, "\x1f".join(parts)).int & _TASK_MASK
    return "task-" + _crockford(bits)


def new_schedule_id() -> str:
    """``sched-`` and 12 random Crockford base-32 characters, lower case."""
    return "sched-" + _crockford(secrets.randbits(60))


def new_epoch() -> str:
    """The random identity of one life of a chat's log: 16 hex digits."""
    return secrets.token_hex(8)


def new_nonce() -> str:
    """8 random hex digits, the last part of a runner's identity."""
    return secrets.token_hex(4)


def new_fraction() -> float:
    """A random number in [0, 1), for the jitter of waiting times."""
    return secrets.randbits(53) / (1 << 53)


def new_secret() -> bytes:
    """32 random bytes, for a key."""
    return secrets.token_bytes(32)


def notebook_chat_id(path: str | Path) -> str:
    """A notebook's own chat: ``nb-`` and 16 hex digits of SHA-256 of its real path.

    >>> notebook_chat_id("/tmp/a.ipynb").startswith("nb-")
    True
    """
    real = str(Path(path).resolve())
    return "nb-" + hashlib.sha256(real.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def check_chat_id(chat_id: object, *, system: bool = False) -> str:
    """``chat_id`` if it is a legal name, else :class:`InvalidArgument`.

    With ``system`` the names of the system (``_index``) are legal too.
    """
    if isinstance(chat_id, str):
        if _CHAT_ID.fullmatch(chat_id):
            return chat_id
        if system and chat_id == INDEX_CHAT:
            return chat_id
    raise InvalidArgument("chat_id", CHAT_ID_RULE, chat_id)


def check_task_id(task_id: object) -> str:
    """``task_id`` if it is a whole task id, else :class:`InvalidArgument`."""
    if isinstance(task_id, str) and _TASK_ID.fullmatch(task_id):
        return task_id
    raise InvalidArgument("task_id", TASK_ID_RULE, task_id)


def check_model(model: object, field: str = "model") -> str:
    """``model`` if it is shaped like the name of an agent's model, else :class:`InvalidArgument`.

    >>> check_model("openai:gpt-5-mini")
    'openai:gpt-5-mini'
    """
    if isinstance(model, str):
        kind, _, rest = model.partition(":")
        if kind.strip() and rest.strip():
            return model
    raise InvalidArgument(field, MODEL_RULE, model)


def check_title(title: object) -> str:
    """``title`` if it is a text of at most 200 characters, else :class:`InvalidArgument`."""
    if isinstance(title, str) and len(title) <= TITLE_MAX:
        return title
    raise InvalidArgument("title", f"a text of at most {TITLE_MAX} characters", title)


def _crockford(bits: int) -> str:
    return "".join(_CROCKFORD[bits >> shift & 31] for shift in range(0, 60, 5))
