"""Which log a URL names."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparky_nb.errors import InvalidArgument
from sparky_nb.log import open_log
from sparky_nb.log.opening import sqlite_url


@pytest.mark.parametrize("folder", ["plain", "with space", "100%41", "q?a#b"])
@pytest.mark.parametrize("durability", ["process", "power"])
def test_the_url_of_a_log_opens_the_same_log_again(
    tmp_path: Path, folder: str, durability: str
) -> None:
    path = tmp_path / folder / "log.db"
    with open_log(sqlite_url(path, durability=durability)) as log:
        assert path.exists()
        with open_log(log.url) as again:
            assert (again.log_id, again.durability) == (log.log_id, durability)


@pytest.mark.parametrize(
    "url",
    ["sqlite://relative.db", "sqlite:///", "mysql://x", "sqlite:///a?b=c", "/plain/path"],
)
def test_other_urls_are_refused_with_the_rule(url: str) -> None:
    with pytest.raises(InvalidArgument, match="sqlite:///ABSOLUTE/PATH"):
        open_log(url)


def test_the_default_is_a_file_in_jupyters_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPARKY_LOG_URL")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "my data"))
    with open_log() as log:
        assert log.url == sqlite_url(tmp_path / "my data" / "sparky" / "log.db")
