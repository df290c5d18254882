"""The machine's interfaces: what the system says of them, and what if it does not."""

import socket

import pytest
from sockets.helpers import no_descriptors_left

from trunkline import NoSuchDevice, TooManyOpenFiles
from trunkline._sys.interfaces import interface_index, interface_name, interface_names

NEVER = 2**31 - 1  # the largest index, which no machine comes to


def test_each_interface_is_found_by_its_name_and_by_its_index() -> None:
    found = interface_names("list")
    assert found == socket.if_nameindex()
    for index, name in found:
        assert interface_index(name, "ask", None) == index
        assert interface_name(index, "ask", None) == name


def test_an_interface_that_there_is_not_is_told_with_what_needs_it() -> None:
    with pytest.raises(NoSuchDevice, match=r"^ask nobody: ") as named:
        interface_index("nonesuch0", "ask", "nobody")
    with pytest.raises(NoSuchDevice, match=r"^ask nobody: ") as numbered:
        interface_name(NEVER, "ask", "nobody")
    for caught in (named, numbered):
        assert (caught.value.operation, caught.value.address) == ("ask", "nobody")


@pytest.mark.exact_io("it has no descriptor for anything")
def test_a_shortage_of_descriptors_is_not_taken_for_a_missing_interface() -> None:
    with no_descriptors_left():
        with pytest.raises(TooManyOpenFiles, match=r"^list: "):
            interface_names("list")
        with pytest.raises(TooManyOpenFiles, match=r"^ask: "):
            interface_index("lo", "ask", "lo")
        with pytest.raises(TooManyOpenFiles, match=r"^ask: "):
            interface_name(1, "ask", "lo")
