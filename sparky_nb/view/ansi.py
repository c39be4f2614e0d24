"""Terminal output → runs of styled text that any page can draw without an escape being obeyed.

A *run* is ``[text, style]``; ``style`` is a list of words separated by blanks:

    b d i u s    bold, dim, italic, underlined, struck
    f0 … f15     colour of the text: the terminal's sixteen    f#rrggbb  any other
    g0 … g15     colour behind it, to be mixed in lightly      g#rrggbb

Carriage returns and backspaces overwrite as a terminal would, so that progress bars that were
printed look as they did. Everything else that a terminal obeys is dropped.
"""

from __future__ import annotations

import colorsys
import re
from typing import Final

Run = list[str]

_ESCAPE: Final = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]*)m"  # colours
    r"|(?P<erase>\x1b\[[0-3]?K)"  # erase in line
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"  # other control sequences
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # titles, links, clipboards
    r"|\x1b[PX^_][^\x1b\n]*(?:\x1b\\)?"  # device strings
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROL: Final = re.compile(r"[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_FLAGS: Final = {1: "b", 2: "d", 3: "i", 4: "u", 9: "s"}
_FLAGS_OFF: Final = {22: "bd", 23: "i", 24: "u", 29: "s"}


def plain(text: str) -> str:
    """``text`` as it would stand on a terminal in the end, without any escape or control.

    >>> plain("\\x1b[31m10%\\x1b]0;title\\x07\\r\\x1b[0m99%")
    '99%'
    """
    return "".join(run[0] for run in runs(text))


def runs(text: str) -> list[Run]:
    """``text`` as runs.

    >>> runs("a \\x1b[1;31mred\\x1b[0m word")
    [['a ', ''], ['red', 'b f1'], [' word', '']]
    """
    found: list[Run] = []
    pen = _Pen()
    for line in text.replace("\r\n", "\n").split("\n"):
        _line(line, pen, found)
        _put(found, "\n", "")
    if found[-1][0] == "\n":
        found.pop()
    else:
        found[-1][0] = found[-1][0][:-1]
    return found


def tail(found: list[Run], chars: int) -> tuple[list[Run], bool]:
    """The last ``chars`` characters of ``found``, and whether something was cut off."""
    kept: list[Run] = []
    for text, style in reversed(found):
        if chars <= 0:
            return kept[::-1], True
        kept.append([text[-chars:], style])
        chars -= len(text)
    return kept[::-1], chars < 0


def _line(line: str, pen: _Pen, found: list[Run]) -> None:
    overwrites = "\r" in line or "\b" in line
    cells: list[tuple[str, str]] = []
    column = at = 0
    for match in _ESCAPE.finditer(line):
        column = _write(line[at : match.start()], pen.style, overwrites, cells, column, found)
        if match["sgr"] is not None:
            pen.change(match["sgr"])
        elif match["erase"] and overwrites:
            del cells[column:]
        at = match.end()
    _write(line[at:], pen.style, overwrites, cells, column, found)
    for char, style in cells:
        _put(found, char, style)


def _write(
    text: str,
    style: str,
    overwrites: bool,
    cells: list[tuple[str, str]],
    column: int,
    found: list[Run],
) -> int:
    """Put ``text`` into ``found`` or, where a line overwrites itself, into ``cells``."""
    text = _CONTROL.sub("", text)
    if not overwrites:
        _put(found, text, style)
        return 0
    for char in text:
        if char == "\r":
            column = 0
        elif char == "\b":
            column = max(0, column - 1)
        else:
            cells[column : column + 1] = [(char, style)]
            column += 1
    return column


def _put(found: list[Run], text: str, style: str) -> None:
    if not text:
        return
    if found and found[-1][1] == style:
        found[-1][0] += text
    else:
        found.append([text, style])


class _Pen:
    """The style that the escapes so far have left."""

    def __init__(self) -> None:
        self.style = ""
        self._reset()

    def _reset(self) -> None:
        self._flags: set[str] = set()
        self._fore: str | None = None
        self._back: str | None = None
        self._inverse = False

    def change(self, parameters: str) -> None:
        codes = [int(p[:3]) if p else 0 for p in re.split("[;:]", parameters)]
        at = 0
        while at < len(codes):
            at += self._one(codes, at)
        fore, back = self._fore, self._back
        if self._inverse:
            fore, back = back, fore or "8"
        words = sorted(self._flags)
        words += [f"f{fore}"] if fore is not None else []
        words += [f"g{back}"] if back is not None else []
        self.style = " ".join(words)

    def _one(self, codes: list[int], at: int) -> int:
        """Obey the code at ``at``; how many codes it took."""
        code = codes[at]
        if code == 0:
            self._reset()
        elif code in _FLAGS:
            self._flags.add(_FLAGS[code])
        elif code in _FLAGS_OFF:
            self._flags -= set(_FLAGS_OFF[code])
        elif code in (7, 27):
            self._inverse = code == 7
        elif 30 <= code <= 37 or 90 <= code <= 97:
            self._fore = str(code - 30 if code < 90 else code - 82)
        elif 40 <= code <= 47 or 100 <= code <= 107:
            self._back = str(code - 40 if code < 100 else code - 92)
        elif code in (38, 48):
            colour, taken = _extended(codes[at + 1 : at + 5])
            if code == 38:
                self._fore = _readable(colour)
            else:
                self._back = colour
            return 1 + taken
        elif code == 39:
            self._fore = None
        elif code == 49:
            self._back = None
        return 1


def _extended(codes: list[int]) -> tuple[str | None, int]:
    """The colour after 38 or 48, and how many codes it took."""
    if codes[:1] == [5] and len(codes) >= 2:
        return _indexed(min(codes[1], 255)), 2
    if codes[:1] == [2] and len(codes) >= 4:
        return _hex(*(min(c, 255) for c in codes[1:4])), 4
    return None, len(codes)


def _readable(colour: str | None) -> str | None:
    """``colour`` as it can be read on white and on black: what is chosen for one of them is near
    the middle then, and a white or black is no colour at all."""
    if colour is None or not colour.startswith("#"):
        return colour
    red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
    if max(red, green, blue) - min(red, green, blue) < 24:
        return "8" if 64 <= red <= 192 else None
    hue, light, full = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
    if 0.35 <= light <= 0.55:
        return colour
    mild = colorsys.hls_to_rgb(hue, min(0.45, max(0.4, light)), min(full, 0.7))
    return _hex(*(round(255 * part) for part in mild))


def _indexed(index: int) -> str:
    if index < 16:
        return str(index)
    if index >= 232:
        grey = 8 + 10 * (index - 232)
        return _hex(grey, grey, grey)
    steps = (0, 95, 135, 175, 215, 255)
    index -= 16
    return _hex(steps[index // 36], steps[index // 6 % 6], steps[index % 6])


def _hex(red: int, green: int, blue: int) -> str:
    return f"#{red:02x}{green:02x}{blue:02x}"
