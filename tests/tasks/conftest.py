from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sparky_nb.log import Log, open_log
from sparky_nb.tasks import capture
from tests.tasks.running import Bench


@pytest.fixture
def log() -> Iterator[Log]:
    with open_log("memory://") as log:
        yield log


@pytest.fixture
def sqlite_log(tmp_path: Path) -> Iterator[Log]:
    with open_log(f"sqlite://{tmp_path}/log.db") as log:
        yield log


@pytest.fixture
def make_bench(log: Log) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(on: Log | None = None, **settings: Any) -> Bench:
        made.append(Bench(on or log, **settings))
        return made[-1]

    yield make
    for bench in made:
        bench.runner.close()


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture(autouse=True)
def _put_the_streams_back() -> Iterator[None]:
    yield
    capture.uninstall()
