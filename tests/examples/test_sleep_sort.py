"""The sleep sort, as a process of its own."""

import signal
from pathlib import Path

import pytest
from processes.helpers import is_gone
from support.processes import example
from support.timing import MS

pytestmark = [pytest.mark.thorough, pytest.mark.usefixtures("backend")]


def test_evented_sleep_sort_prints_numbers_in_order() -> None:
    numbers = [f"{each * 200 * MS:g}" for each in (3, 1, 2, 0)]
    with example("evented_sleep_sort", *numbers) as program:
        assert program.read_to_end().split() == sorted(numbers, key=float)
        assert program.wait() == 0
        assert "Warning" not in program.output


def test_evented_sleep_sort_leaves_no_program_when_it_is_interrupted() -> None:
    with example("evented_sleep_sort", "1000", "0") as program:
        program.wait_for_line("^0$")
        children = f"/proc/{program.process.pid}/task/{program.process.pid}/children"
        [sleeping] = Path(children).read_text().split()
        program.interrupt()
        assert program.wait() == 128 + signal.SIGINT
        assert "Traceback" not in program.output
    while not is_gone(int(sleeping)):
        pass


@pytest.mark.parametrize("number", ["-1", "x", "inf"])
def test_evented_sleep_sort_takes_only_what_can_be_slept_for(number: str) -> None:
    with example("evented_sleep_sort", "--", number) as program:
        assert program.wait() == 2
