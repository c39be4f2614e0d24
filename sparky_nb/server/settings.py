"""The limits of a server, as plain data; app.py has the traits with their help."""

from __future__ import annotations

from msgspec import Struct

from sparky_nb.server.limits import Rate


class Settings(Struct, frozen=True, kw_only=True):
    """See the traits of ``SparkyApp`` of the same names."""

    trust_identities: bool = False
    heartbeat_seconds: float = 15.0
    write_timeout: float = 30.0
    recheck_seconds: float = 60.0
    max_viewers: int = 10_000
    max_viewers_per_chat: int = 2_000
    max_viewers_per_user: int = 2_000
    max_body_bytes: int = 1 << 20
    commands: Rate = Rate(per_second=20.0, burst=40)
    frames: Rate = Rate(per_second=100.0, burst=1_000)
    requests: Rate = Rate(per_second=50.0, burst=100)
