"""A real server in this process, for clients."""

from __future__ import annotations

from tests.server.conftest import jp_server_config, log, log_url, sparky_config

__all__ = ["jp_server_config", "log", "log_url", "sparky_config"]
