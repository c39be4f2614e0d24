"""For every test: the user's own files, log, server and model are out of reach."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No test asserts a time, so none fails because the machine was busy.
settings.register_profile(
    "sparky", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("sparky-ci", settings.get_profile("sparky"), derandomize=True)
settings.load_profile("sparky-ci" if os.environ.get("CI") else "sparky")

# pytest takes plugins from the topmost conftest only; this one brings `jp_serverapp` and its kin.
pytest_plugins = ["pytest_jupyter.jupyter_server"]

# What a Jupyter terminal or a configured model would otherwise let into the tests.
PRIVATE_PREFIXES = ("SPARKY_", "JUPYTER", "JPY_", "IPYTHON", "XDG_", "OPENAI_", "ANTHROPIC_")

_home = pytest.StashKey[Path]()
_environment = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Give this process (each xdist worker for itself) an empty home."""
    # A short path: it holds sockets, whose names have a limit of about 100 bytes.
    home = Path(tempfile.mkdtemp(prefix="sparky-"))
    config.stash[_home] = home
    config.stash[_environment] = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(PRIVATE_PREFIXES):
            del os.environ[name]
    cache = getattr(config, "cache", None)  # absent under -p no:cacheprovider
    (home / "runtime").mkdir(mode=0o700)
    os.environ |= {
        "HOME": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "SPARKY_LOG_URL": f"sqlite:///{home / 'log' / 'log.db'}",
        # The font cache takes seconds to make, and holds nothing of a test.
        "MPLCONFIGDIR": str(cache.mkdir("matplotlib") if cache else home),
    }


def pytest_unconfigure(config: pytest.Config) -> None:
    """Put the environment back and remove the home."""
    if (environment := config.stash.get(_environment, None)) is not None:
        os.environ.clear()
        os.environ.update(environment)
        shutil.rmtree(config.stash[_home], ignore_errors=True)
