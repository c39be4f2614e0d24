"""Python types → one JSON Schema (2020-12) of everything that crosses a process boundary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import msgspec

from sparky_nb.events.fold import FOLD_VERSION
from sparky_nb.events.model import DATA_TYPES, BlobRef, Event, ScheduleDigest, TaskDigest
from sparky_nb.events.states import MOVES, TERMINAL
from sparky_nb.stream.close import CloseCode
from sparky_nb.stream.frames import CLIENT_FRAMES, SERVER_FRAMES

SCHEMA_PATH: Final = Path(__file__).with_name("v1.json")
_REF = "#/$defs/{name}"


def schema() -> dict[str, Any]:
    """The schema as a dict: ``$defs`` by type name, and the tables that clients need.

    ``x-data`` maps each event type to its data; ``x-moves`` is the task state table;
    ``x-server-frames`` and ``x-client-frames`` list the frames by their ``t``;
    ``x-close-codes`` says for each code whether to reconnect.
    """
    digests = [TaskDigest, ScheduleDigest]
    types = [*DATA_TYPES.values(), *digests, BlobRef, Event, *SERVER_FRAMES, *CLIENT_FRAMES]
    _, defs = msgspec.json.schema_components(types, ref_template=_REF)
    defs["Event"]["properties"].pop("extra", None)
    for definition in defs.values():
        _any_is_unknown(definition)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sparky_nb wire format, version 1",
        "x-version": 1,
        "x-fold-version": FOLD_VERSION,
        "x-data": {name: _ref(data) for name, data in DATA_TYPES.items()},
        "x-server-frames": {_tag(frame): _ref(frame) for frame in SERVER_FRAMES},
        "x-client-frames": {_tag(frame): _ref(frame) for frame in CLIENT_FRAMES},
        "x-close-codes": {
            str(int(code)): {"name": code.name.lower(), "reconnect": code.reconnect}
            for code in CloseCode
        },
        "x-moves": {before or "": sorted(after) for before, after in MOVES.items()},
        "x-terminal": sorted(TERMINAL),
        "$defs": dict(sorted(defs.items())),
    }


def schema_text() -> str:
    """The text of ``v1.json``."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _ref(kind: type) -> str:
    return _REF.format(name=kind.__name__)


def _tag(frame: type[msgspec.Struct]) -> str:
    return str(frame.__struct_config__.tag)


def _any_is_unknown(node: Any) -> None:
    """Mark what may be anything, so that TypeScript says ``unknown`` rather than ``any``."""
    if not isinstance(node, dict):
        return
    for name, child in node.get("properties", {}).items():
        if child == {}:
            node["properties"][name] = {"tsType": "unknown"}
        else:
            _any_is_unknown(child)
