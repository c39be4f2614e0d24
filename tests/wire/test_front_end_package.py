"""What the front end's package says of itself agrees with the Python package."""

from __future__ import annotations

import json
import re
from pathlib import Path

import sparky_nb
from sparky_nb.view.bundle import MIME

FRONT_END = Path(__file__).parents[2] / "labextension"


def test_python_and_npm_have_one_version() -> None:
    package = json.loads((FRONT_END / "package.json").read_text("utf-8"))
    assert package["name"] == "@sparky-nb/labextension"
    assert package["version"] == sparky_nb.__version__


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((FRONT_END / "package-lock.json").read_text("utf-8"))
    assert not [name for name, entry in lock["packages"].items() if "resolved" in entry]


def test_both_sides_mean_the_same_media_type() -> None:
    tokens = (FRONT_END / "src" / "tokens.ts").read_text("utf-8")
    assert re.findall(r"MIME_TYPE = '([^']+)'", tokens) == [MIME]


def test_each_setting_has_its_default_in_the_schema() -> None:
    schema = json.loads((FRONT_END / "schema" / "plugin.json").read_text("utf-8"))
    tokens = (FRONT_END / "src" / "tokens.ts").read_text("utf-8")
    defaults = tokens.split("DEFAULTS: Settings = {")[1].split("};")[0]
    assert set(re.findall(r"(\w+):", defaults)) == set(schema["properties"])
    for name, setting in schema["properties"].items():
        said = re.search(rf"{name}: (.+?),?\n", defaults)
        assert said is not None
        assert json.loads(said[1].replace("'", '"')) == setting["default"]
