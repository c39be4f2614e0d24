"""Pickles that are loaded only where this user's own processes made them.

Loading a pickle runs what is in it. So each is sealed with a key that only processes of this user
can read (a 0600 file beside the default log); whoever else can write to the log can't forge one.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
from pathlib import Path
from typing import Final

from sparky_nb.ids import new_secret

MEDIA_TYPE: Final = "application/vnd.sparky-nb.object.v1+pickle"
_FILE: Final = "process.key"


def seal(data: bytes, about: str) -> str:
    """The seal of ``data``, 64 hex digits, which holds for ``about`` (a task's id) only."""
    return hmac.new(_key(), about.encode() + b"\0" + data, hashlib.sha256).hexdigest()


def is_sealed(data: bytes, about: str, given: object) -> bool:
    """Whether ``given`` is the seal of ``data`` by a process of this user."""
    return isinstance(given, str) and hmac.compare_digest(seal(data, about), given)


def _key() -> bytes:
    """The key of this user; made when it is first needed."""
    from jupyter_core.paths import jupyter_data_dir

    folder = Path(jupyter_data_dir()) / "sparky"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / _FILE
    if not path.exists():
        # Whoever is first makes it, whole: a link appears with its content or not at all.
        fresh = folder / f"{_FILE}.{os.getpid()}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(new_secret())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_bytes()
