"""An instruction may end in ``?``: IPython would take the line for a request for help.

``protect`` comes first among ``input_transformers_cleanup`` and turns such a line into the call
that IPython would have made of the magic.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_LINE = re.compile(
    r"^(?P<head>\s*(?:[A-Za-z_][\w.\[\]'\", ]*=\s*)?)%sparky\s+"
    r"(?P<rest>(?:task|send|answer)\s.*\?\s*)$",
    re.DOTALL,
)
_BARE = re.compile(r"^(?P<head>\s*)sparky\s+(?P<rest>(?:task|send|answer)\s.*\?\s*)$", re.DOTALL)
_TRIPLE = re.compile(r"\"\"\"|'''")


def protect(lines: Sequence[str]) -> list[str]:
    """``lines`` of a cell with the ``%sparky`` lines that end in ``?`` made into plain calls.

    >>> protect(["h = %sparky task Why?"])
    ["h = get_ipython().run_line_magic('sparky', 'task Why?')\\n"]
    """
    if lines and lines[0].lstrip().startswith("%%"):
        return list(lines)
    made, inside = [], False
    for line in lines:
        found = None if inside else _LINE.match(line) or _BARE.match(line)
        if found is not None:
            call = f"get_ipython().run_line_magic('sparky', {found['rest'].strip()!r})"
            made.append(f"{found['head']}{call}\n")
            continue
        made.append(line)
        if len(_TRIPLE.findall(line)) % 2:
            inside = not inside
    return made
