"""``%%sparky task --process``: the cell gets copies of what it reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from sparky_nb import api
from sparky_nb.errors import InvalidArgument
from sparky_nb.process.names import names_bound, names_read
from tests.process.started import ending_of, events_of, plain, printed


@pytest.fixture
def shell() -> Iterator[Any]:
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    yield shell
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def start(shell: Any, source: str) -> Any:
    return api.start_cell(source, shell=shell, on="process")


def test_a_cell_reads_variables_functions_and_classes_of_the_notebook(shell: Any) -> None:
    shell.run_cell(
        "import math\nscale = 3\ndef f(x): return x * scale\n"
        "class Point:\n    def __init__(self, x): self.x = x"
    )
    handle = start(
        shell,
        "import asyncio\nawait asyncio.sleep(0)\nscale = 5\ntask.message('hi')\n"
        "print('shown')\nPoint(f(10) + math.floor(2.5))",
    )
    point = handle.result(40)
    assert type(point) is shell.user_ns["Point"]
    # The cell's assignment is seen by the notebook's function there, and by nobody here.
    assert (point.x, shell.user_ns["scale"]) == (52, 3)
    events = events_of(handle)
    assert printed(events) == "shown\n"
    assert events[0].data["kind"] == "cell"


def test_a_variable_that_cannot_be_sent_is_named(shell: Any) -> None:
    shell.run_cell("import threading\nstate = {'lock': threading.Lock()}\ndef f(): return state")
    with pytest.raises(InvalidArgument) as caught:
        start(shell, "len(state)")
    assert caught.value.field == "state['lock']"
    with pytest.raises(InvalidArgument) as caught:
        start(shell, "f()")
    assert caught.value.field == "state (used by f)['lock']"


def test_what_the_cell_does_not_read_stays_at_home(shell: Any) -> None:
    shell.run_cell("import threading\nlock = threading.Lock()\nx = [].append\nused = 2")
    assert start(shell, "used + 1").result(40) == 3


def test_an_open_file_of_the_cells_last_run_is_no_obstacle(shell: Any) -> None:
    shell.run_cell("import threading\nlock = threading.Lock()")
    source = "import threading\nlock = threading.Lock()\nwith lock: n = 7\nn"
    assert start(shell, source).result(40) == 7


def test_a_failing_cell_shows_its_line(shell: Any) -> None:
    ending = ending_of(start(shell, "x = 1\nx / 0"))
    assert ending["error"]["type"] == "ZeroDivisionError"
    assert "x / 0" in plain(ending["error"]["traceback"])


def test_names_are_found_in_nested_code_and_not_in_attributes() -> None:
    code = compile(
        "a = b.c\ndef f(d=e):\n    global g\n    g = h\n    return [i for i in j]\ndel k",
        "",
        "exec",
    )
    assert names_read(code) >= {"b", "e", "h", "j", "k"}
    assert not names_read(code) & {"c", "d", "i"}
    assert names_bound(code) >= {"a", "f"}
