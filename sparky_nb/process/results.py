"""The result of a task in another process, as the object that it was.

JSON keeps numbers, texts, lists and dicts; that is the result, then. Of anything else the log has
what it always has (its representation), and beside it the object, pickled and sealed.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any, Final

import msgspec

from sparky_nb.errors import InvalidArgument, SparkyError
from sparky_nb.events.codec import decode_event
from sparky_nb.events.jsonable import MAX_SAFE_INTEGER
from sparky_nb.events.model import JsonObject
from sparky_nb.log.base import BLOB_MAX, Log, TaskRow
from sparky_nb.process import pack
from sparky_nb.process.sealed import MEDIA_TYPE, is_sealed, seal

FIELD: Final = "result_object"
_INLINE: Final = 64 * 1024
_DEPTH: Final = 50


def kept(value: Any, task_id: str, put_blob: Callable[[bytes, str], str]) -> JsonObject:
    """What the ending of ``task_id`` has beside ``result``: nothing where that is ``value`` itself.

    Never raises: a result that can't be sent is said to be missing, and the task has completed.
    """
    if _is_plain(value, _DEPTH) and len(msgspec.json.encode(value)) <= _INLINE:
        return {}
    try:
        data = pack.dumps({"result": value})
        if len(data) > BLOB_MAX:
            return {FIELD: {"omitted": f"it has {len(data)} bytes, at most {BLOB_MAX} are kept"}}
        facts = {"size": len(data), "media_type": MEDIA_TYPE, "preview": type(value).__qualname__}
        ref = {"sha256": put_blob(data, MEDIA_TYPE), **facts}
        return {FIELD: {"ref": ref, "seal": seal(data, task_id)}}
    except Exception as error:  # noqa: BLE001  pickling runs the classes' own code; see above
        return {FIELD: {"omitted": f"it can't be sent: {error}"}}


def restored(log: Log, row: TaskRow) -> Any:
    """The result of a completed task, from the log alone.

    Warns where the object is missing and the result is only what the log shows of it.
    """
    page = log.read(row.chat_id, after=row.last - 1, limit=1)
    field = decode_event(page.events[0]).data.get(FIELD) if page.events else None
    if not isinstance(field, dict):
        return row.result
    try:
        missing = field.get("omitted") or None
        if missing is None:
            data = log.get_blob(row.chat_id, field["ref"]["sha256"]).data
            if is_sealed(data, row.task_id, field.get("seal")):
                return pickle.loads(data)["result"]  # sealed: made by a process of this user
            missing = "it was not made by a process of this user"
    except (SparkyError, InvalidArgument, KeyError, TypeError) as error:
        missing = str(error)
    except Exception as error:  # noqa: BLE001  loading runs the classes' own code
        missing = f"it can't be loaded here: {type(error).__name__}: {error}"
    warnings.warn(
        f"the result of {row.task_id} is shown, not whole: {missing}", RuntimeWarning, stacklevel=4
    )
    return row.result


def _is_plain(value: Any, depth: int) -> bool:
    """Whether JSON gives back exactly ``value``."""
    kind = type(value)
    if value is None or kind is bool:
        return True
    if kind is int:
        return bool(-MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER)
    if kind is float:
        return bool(value - value == 0)  # neither NaN nor infinite
    if kind is str:
        return not any("\ud800" <= c <= "\udfff" for c in value) if not value.isascii() else True
    if depth == 0:
        return False
    if kind is list:
        return all(_is_plain(item, depth - 1) for item in value)
    if kind is dict:
        return all(
            type(k) is str and _is_plain(k, 1) and _is_plain(v, depth - 1) for k, v in value.items()
        )
    return False
