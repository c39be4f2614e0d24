"""Every home of a log keeps the one contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from sparky_nb.log import Log, open_log
from sparky_nb.testing.log_contract import LogContract, Opener

_names = count()


def _opener(url: str, **options: str) -> Iterator[Opener]:
    with ExitStack() as stack:

        def another() -> Log:
            return stack.enter_context(open_log(url, **options))  # type: ignore[arg-type]

        yield another


class TestMemoryLog(LogContract):
    @pytest.fixture
    def open_log(self) -> Iterator[Opener]:
        yield from _opener(f"memory://contract-{next(_names)}")


class TestSqliteLog(LogContract):
    @pytest.fixture
    def open_log(self, tmp_path: Path) -> Iterator[Opener]:
        yield from _opener(f"sqlite://{tmp_path / 'log.db'}")
