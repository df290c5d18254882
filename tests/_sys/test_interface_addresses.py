"""Asking the kernel for the machine's addresses, and what if it does not tell."""

import errno
import sys

import pytest
from sockets.helpers import no_descriptors_left
from support.timing import MS

from trunkline import OperationNotSupported, TimedOut, TooManyOpenFiles, WouldBlock
from trunkline._core.route_messages import Dump
from trunkline._sys import interface_addresses
from trunkline._sys.interface_addresses import all_addresses

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@LINUX
@pytest.mark.exact_io("it has no descriptor for anything")
def test_a_shortage_of_descriptors_is_told() -> None:
    with no_descriptors_left(), pytest.raises(TooManyOpenFiles, match=r"^if_addresses: ") as caught:
        all_addresses()
    assert caught.value.errno == errno.EMFILE


def test_where_nobody_tells_the_addresses_an_error_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interface_addresses, "_HAS_TABLES", False)
    with pytest.raises(OperationNotSupported, match=r"^if_addresses: .* on Linux only"):
        all_addresses()


def restless(times: int) -> type[Dump]:
    """Return a dump of a table that is changed so many times while it is read."""
    changes = iter(range(times))

    class Restless(Dump):
        def feed(self, data: bytes) -> None:
            super().feed(data)
            self.was_interrupted = self.is_done and next(changes, None) is not None

    return Restless


@LINUX
def test_a_table_that_has_changed_meanwhile_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = all_addresses()
    monkeypatch.setattr(interface_addresses, "Dump", restless(5))
    assert all_addresses() == expected


@LINUX
def test_a_table_that_changes_all_the_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interface_addresses, "Dump", restless(1000))
    with pytest.raises(WouldBlock, match=r"^if_addresses: .* try again"):
        all_addresses()


@LINUX
def test_a_kernel_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unasked(Dump):
        def __init__(self, table: int, sequence: int) -> None:
            super().__init__(table, sequence)
            self.request = self.request[:6] + bytes(2) + self.request[8:]  # it is no question

    monkeypatch.setattr(interface_addresses, "Dump", Unasked)
    monkeypatch.setattr(interface_addresses, "_PATIENCE", 10 * MS)
    with pytest.raises(TimedOut, match=r"^if_addresses: "):
        all_addresses()
