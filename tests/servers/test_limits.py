"""The time limits of a connection, by a clock that is moved by hand."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import pytest
from support.timing import PATIENCE

from trunkline import Endpoint, IPv4Address, SocketClosed, TimedOut, WouldBlock
from trunkline._core.deadline import Deadline
from trunkline._sys.socket_descriptor import PEEK
from trunkline.servers.limits import LimitedChannel, TimeLimits
from trunkline.testing.clock import ManualClock

PEER = Endpoint(IPv4Address("192.0.2.1"), 7)


class Line:
    """Stands for a descriptor: what happens while somebody waits for it is said beforehand.

    Attributes:
        happens: What is to be called in the next waits; each returns whether it ends the wait.
        waits: For how long each wait would have gone on.
    """

    where: object = PEER
    reading = writing = contextlib.nullcontext()

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.is_closed = False
        self.happens: list[Callable[[], bool]] = []
        self.waits: list[float | None] = []

    def receive_into(self, buffer: Any, flags: int = 0) -> int:
        return 1

    def receive(self, size: int, flags: int = 0) -> bytes:
        return b"x"

    def bare_send(self, data: Any, flags: int) -> int:
        return len(data)

    def close(self) -> None:
        self.is_closed = True

    def check_open(self, operation: str) -> None:
        if self.is_closed:
            raise SocketClosed(operation=operation, address=self.where)

    def wait_readable(self, deadline: Deadline, operation: str) -> None:
        """Wait: let happen what is to happen, or else let the time pass."""
        remaining = deadline.remaining()
        self.waits.append(remaining)
        if remaining == 0:
            raise TimedOut.expired(operation, self.where)
        if self.happens and self.happens.pop(0)():
            return
        assert remaining is not None, "this would take for ever"
        left = deadline.remaining()
        assert left is not None
        self._clock.advance(left)
        raise TimedOut.expired(operation, self.where)

    wait_ready = wait_writable = wait_readable


class Setting:
    """A limited channel, its line and its clock."""

    def __init__(self, **limits: float) -> None:
        self.clock = ManualClock(1000.0)
        self.line = Line(self.clock)
        self.channel = LimitedChannel(self.line, TimeLimits(**limits), self.clock)  # type: ignore[arg-type]

    def deadline(self, seconds: float | None = None) -> Deadline:
        return Deadline(seconds, self.clock)

    def after(self, seconds: float, *, ends: bool = True, then: Callable[[], Any] = int) -> None:
        """In the next wait, let so much time pass and something happen."""

        def happen() -> bool:
            self.clock.advance(seconds)
            then()
            return ends

        self.line.happens.append(happen)

    def read(self, deadline: Deadline) -> None:
        """Wait for input, and take it."""
        self.channel.wait_readable(deadline, "read_line")
        self.channel.receive_into(bytearray(1))


def test_without_limits_a_call_waits_for_as_long_as_it_likes() -> None:
    setting = Setting()
    setting.after(10_000)
    setting.channel.wait_readable(setting.deadline(), "read")
    setting.after(10_000)
    setting.channel.wait_writable(setting.deadline(20_000), "write")
    assert setting.line.waits == [None, 20_000]


def test_the_calls_own_deadline_comes_first_if_it_is_shorter() -> None:
    setting = Setting(read_timeout=10, write_timeout=10, idle_timeout=10, lifetime=10)
    with pytest.raises(TimedOut, match="time limit passed"):
        setting.channel.wait_readable(setting.deadline(3), "read")
    assert setting.line.waits == [3]
    with pytest.raises(TimedOut, match="time limit passed"):
        setting.channel.wait_readable(setting.deadline(0), "read")


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ({"read_timeout": 5}, "read_timeout"),
        ({"idle_timeout": 5}, "idle_timeout"),
        ({"lifetime": 5}, "lifetime"),
    ],
)
@pytest.mark.parametrize("own", [None, 60])
def test_a_limit_ends_a_reading_call(
    limits: dict[str, float], name: str, own: float | None
) -> None:
    setting = Setting(**limits)
    with pytest.raises(TimedOut) as caught:
        setting.channel.wait_readable(setting.deadline(own), "read_line")
    assert str(caught.value).startswith(f"read_line {PEER}: the {name} has passed")
    assert caught.value.deadline
    assert setting.clock() == 1005


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ({"write_timeout": 5}, "write_timeout"),
        ({"idle_timeout": 5}, "idle_timeout"),
        ({"lifetime": 5}, "lifetime"),
    ],
)
def test_a_limit_ends_a_writing_call(limits: dict[str, float], name: str) -> None:
    setting = Setting(**limits)
    with pytest.raises(TimedOut, match=f"^write {PEER}: the {name} has passed"):
        setting.channel.wait_writable(setting.deadline(), "write")


def test_the_limits_of_the_directions_are_two() -> None:
    setting = Setting(read_timeout=5)
    setting.after(100)
    setting.channel.wait_writable(setting.deadline(), "write")
    setting = Setting(write_timeout=5)
    setting.after(100)
    setting.channel.wait_readable(setting.deadline(), "read")


def test_a_byte_now_and_then_does_not_prolong_a_call() -> None:
    setting = Setting(read_timeout=5, idle_timeout=3)
    call = setting.deadline()
    for _ in range(4):
        setting.after(1)
        setting.read(call)
    with pytest.raises(TimedOut, match="read_timeout"):
        setting.read(call)
    assert setting.clock() == 1005


def test_each_call_has_the_whole_time() -> None:
    setting = Setting(read_timeout=5)
    for _ in range(4):
        setting.after(4)
        setting.read(setting.deadline())
    assert setting.line.waits == [5, 5, 5, 5]


def test_a_byte_now_and_then_does_not_prolong_the_life() -> None:
    setting = Setting(lifetime=5, read_timeout=3, idle_timeout=3)
    for _ in range(4):
        setting.after(1)
        setting.read(setting.deadline())
    with pytest.raises(TimedOut, match="lifetime"):
        setting.read(setting.deadline())


def test_after_its_life_nothing_moves_even_if_nobody_has_to_wait() -> None:
    setting = Setting(lifetime=5)
    setting.clock.advance(4.9)
    setting.channel.receive_into(bytearray(1))
    setting.channel.send(b"x")
    setting.clock.advance(0.1)
    with pytest.raises(TimedOut, match=f"^receive {PEER}: the lifetime has passed"):
        setting.channel.receive_into(bytearray(1))
    with pytest.raises(TimedOut, match=f"^send {PEER}: the lifetime has passed"):
        setting.channel.send(b"x")


@pytest.mark.parametrize("moves", ["receive", "send"])
def test_what_moves_in_the_other_direction_prolongs_a_silence(moves: str) -> None:
    setting = Setting(idle_timeout=5)

    def move() -> None:
        if moves == "receive":
            setting.channel.receive_into(bytearray(1))
        else:
            setting.channel.send(b"x")

    setting.after(3, ends=False, then=move)
    wait = setting.channel.wait_writable if moves == "receive" else setting.channel.wait_readable
    with pytest.raises(TimedOut, match="idle_timeout"):
        wait(setting.deadline(), "wait")
    assert setting.clock() == 1000 + 3 + 5


def test_a_handler_that_does_something_else_makes_no_silence() -> None:
    setting = Setting(idle_timeout=5)
    setting.clock.advance(100)
    setting.after(4)
    setting.read(setting.deadline())


def silent_for(setting: Setting, seconds: float, wait: Callable[..., object]) -> None:
    with pytest.raises(TimedOut, match="time limit passed"):
        wait(setting.deadline(seconds), "wait")


@pytest.mark.parametrize("direction", ["wait_readable", "wait_writable", "wait_ready"])
def test_short_waits_in_a_row_are_a_silence(direction: str) -> None:
    setting = Setting(idle_timeout=5)
    wait = getattr(setting.channel, direction)
    for _ in range(4):
        silent_for(setting, 1.2, wait)
        setting.clock.advance(100)  # by something else than waiting
    with pytest.raises(TimedOut, match="idle_timeout"):
        wait(setting.deadline(1.2), "wait")
    assert sum(filter(None, setting.line.waits)) == pytest.approx(5)


@pytest.mark.parametrize("moves", ["receive_into", "receive", "send"])
def test_what_moves_between_short_waits_ends_the_silence(moves: str) -> None:
    setting = Setting(idle_timeout=5)
    silent_for(setting, 4, setting.channel.wait_readable)
    arguments = {"receive_into": bytearray(1), "receive": 1, "send": b"x"}
    getattr(setting.channel, moves)(arguments[moves])
    silent_for(setting, 4, setting.channel.wait_readable)
    with pytest.raises(TimedOut, match="idle_timeout"):
        setting.channel.wait_readable(setting.deadline(4), "wait")


def test_looking_at_what_has_come_moves_nothing() -> None:
    setting = Setting(idle_timeout=5)
    silent_for(setting, 4, setting.channel.wait_readable)
    setting.channel.receive(1, PEEK)
    setting.channel.receive_into(bytearray(1), PEEK)
    with pytest.raises(TimedOut, match="idle_timeout"):
        setting.channel.wait_readable(setting.deadline(4), "wait")


def test_two_that_wait_at_once_are_one_silence() -> None:
    setting = Setting(idle_timeout=5)
    meanwhile = functools.partial(silent_for, setting, 3, setting.channel.wait_writable)
    setting.after(0, ends=False, then=meanwhile)
    silent_for(setting, 3, setting.channel.wait_readable)
    assert setting.clock() == 1000 + 3
    with pytest.raises(TimedOut, match="idle_timeout"):
        setting.channel.wait_readable(setting.deadline(3), "wait")
    assert setting.clock() == 1000 + 5


def test_two_that_wait_in_turn_are_one_silence() -> None:
    setting = Setting(idle_timeout=5)
    silent_for(setting, 2, setting.channel.wait_readable)
    silent_for(setting, 2, setting.channel.wait_writable)
    with pytest.raises(TimedOut, match="idle_timeout"):
        setting.channel.wait_readable(setting.deadline(2), "wait")
    assert setting.clock() == 1000 + 5


def test_a_wait_that_is_no_call_has_its_limits_too() -> None:
    setting = Setting(read_timeout=1, idle_timeout=5, lifetime=9)
    with pytest.raises(TimedOut, match="idle_timeout"):
        setting.channel.wait_as(setting.line.wait_ready, setting.deadline(), "wait")
    setting.channel.receive(1)
    with pytest.raises(TimedOut, match="lifetime"):
        setting.channel.wait_as(setting.line.wait_ready, setting.deadline(), "wait")
    assert setting.clock() == 1000 + 9


@pytest.mark.parametrize("limit", ["idle_timeout", "lifetime"])
def test_who_goes_on_after_a_limit_has_passed_loses_the_connection(limit: str) -> None:
    setting = Setting(**{limit: 5})
    tries = 0

    def try_again_and_again() -> None:
        nonlocal tries
        while True:
            tries += 1
            with contextlib.suppress(TimedOut):
                setting.channel.wait_readable(setting.deadline(1), "read_line")

    with pytest.raises(SocketClosed):
        try_again_and_again()
    assert 5 < tries < 50
    assert setting.channel.was_overstayed


def test_a_limit_on_a_call_may_pass_as_often_as_it_likes() -> None:
    setting = Setting(read_timeout=5)
    for _ in range(50):
        call = setting.deadline()
        for _ in range(2):
            with pytest.raises(TimedOut, match="read_timeout"):
                setting.channel.wait_readable(call, "read_line")


def test_an_end_can_be_set_and_taken_away() -> None:
    setting = Setting(lifetime=50)
    setting.channel.set_end("preamble_timeout", 5)
    setting.channel.set_end("preamble_timeout", None)
    setting.clock.advance(6)
    setting.channel.receive_into(bytearray(1))
    setting.channel.set_end("preamble_timeout", 5)
    with pytest.raises(TimedOut, match="preamble_timeout"):
        setting.channel.wait_readable(setting.deadline(), "read")


def test_errors_name_the_peer_that_it_has_by_then() -> None:
    setting = Setting(idle_timeout=5)
    other = Endpoint(IPv4Address("192.0.2.2"), 8)
    setting.channel.where = other
    assert setting.line.where is other
    with pytest.raises(TimedOut, match=str(other)):
        setting.channel.wait_readable(setting.deadline(), "read")


def test_an_error_of_the_line_gets_through() -> None:
    setting = Setting(idle_timeout=5)

    def fail() -> None:
        raise WouldBlock(operation="wait")

    setting.after(1, then=fail)
    with pytest.raises(WouldBlock):
        setting.channel.wait_readable(setting.deadline(PATIENCE), "read")
