"""``python -m bench [append|sockets|viewers|page|command …]``: measure, and print one table."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from bench import append, command, page, sockets, viewers
from bench.table import Table

PARTS = {
    "append": append,
    "sockets": sockets,
    "viewers": viewers,
    "page": page,
    "command": command,
}


def main(names: list[str]) -> None:
    """Run the named parts, or all."""
    if unknown := set(names) - set(PARTS):
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; expected any of {', '.join(PARTS)}")
    table = Table()
    table.header()
    for name in names or PARTS:
        with tempfile.TemporaryDirectory(prefix="sparky-bench-") as folder:
            for variable in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR"):
                os.environ[variable] = str(Path(folder) / variable.lower())
            os.environ["JUPYTER_PLATFORM_DIRS"] = "1"
            Path(os.environ["JUPYTER_RUNTIME_DIR"]).mkdir(mode=0o700)
            PARTS[name].measure(table, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
