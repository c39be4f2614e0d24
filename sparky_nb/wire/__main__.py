"""``python -m sparky_nb.wire`` writes v1.json; with ``--check`` it fails where that is stale."""

from __future__ import annotations

import sys

from sparky_nb.wire.schema import SCHEMA_PATH, schema_text


def main(arguments: list[str]) -> int:
    """Write or check; 0 when v1.json is what the Python types say."""
    text = schema_text()
    if arguments == ["--check"]:
        if SCHEMA_PATH.exists() and SCHEMA_PATH.read_text("utf-8") == text:
            return 0
        print(f"{SCHEMA_PATH} is stale: run 'python -m sparky_nb.wire'", file=sys.stderr)
        return 1
    if arguments:
        print("usage: python -m sparky_nb.wire [--check]", file=sys.stderr)
        return 2
    SCHEMA_PATH.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
