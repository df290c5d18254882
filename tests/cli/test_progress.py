"""How far a long transfer is: when it is shown, what, and that it goes away."""

from collections.abc import Iterator

import pytest

from trunkline import EventBase
from trunkline.cli.connect.progress import Counts, Progress
from trunkline.cli.sizes import amount
from trunkline.testing.clock import ManualClock


class Shown:
    """A transfer on a clock of its own, and what a terminal gets of it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.base = EventBase(clock=self.clock)
        self.counts = Counts(0, 0)
        self.texts: list[str] = []
        self.progress = Progress(self.base, lambda: self.counts, self.show)

    def show(self, text: str) -> None:
        self.texts.append(text)

    def after(self, seconds: float) -> list[str]:
        """Let time pass, and return what was written."""
        self.clock.advance(seconds)
        self.base.dispatch(timeout=0)
        texts, self.texts = self.texts, []
        return texts


@pytest.fixture
def shown() -> Iterator[Shown]:
    shown = Shown()
    with shown.base:
        yield shown


def test_a_short_transfer_shows_nothing(shown: Shown) -> None:
    assert shown.after(0.9) == []
    shown.progress.stop()
    assert shown.after(10) == []


def test_a_long_one_is_shown_again_and_again_and_goes_away(shown: Shown) -> None:
    shown.counts = Counts(3 << 20, 1 << 20)
    assert shown.after(1) == ["\r\x1b[K3.0 MiB sent, 1.0 MiB received, 4.0 MiB/s, 1 s"]
    shown.counts = Counts(3 << 20, 2 << 20)
    assert shown.after(0.25) == ["\r\x1b[K3.0 MiB sent, 2.0 MiB received, 4.0 MiB/s, 1 s"]
    shown.progress.hide()
    shown.progress.hide()
    assert shown.texts == ["\r\x1b[K"]
    shown.texts.clear()
    assert len(shown.after(0.25)) == 1
    shown.progress.stop()
    assert shown.after(1) == ["\r\x1b[K"]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1.5 * 2**20, "1.5 MiB"),
        (10 * 2**30, "10.0 GiB"),
        (5000 * 2**40, "5000.0 TiB"),
    ],
)
def test_numbers_of_bytes_are_read_easily(count: float, text: str) -> None:
    assert amount(count) == text
