"""Whoever knows Python's sockets, files and streams learns the names that we have for it."""

import io
import re
import socket
from asyncio import StreamReader, StreamWriter
from typing import Any

import pytest

from trunkline import make_socket, make_socket_pair

SOCKET_NAMES = ("getblocking", "getsockname", "getsockopt", "setblocking", "setsockopt")
CONNECTION_NAMES = """
    connect_ex getpeername gettimeout makefile recv recv_into recvfrom send sendall sendto
    settimeout
""".split()  # noqa: SIM905 - one name a line would take a page
STREAM_NAMES = (
    "drain flush readexactly readinto readline readlines readuntil writelines".split()  # noqa: SIM905
)


def teaching(thing: Any, name: str) -> str:
    """Return what the error says, after checking that what it proposes is there."""
    with pytest.raises(AttributeError, match=f"has no {name}: ") as caught:
        getattr(thing, name)
    assert not hasattr(thing, name)
    assert name not in dir(thing)
    return str(caught.value).partition(": ")[2]


@pytest.mark.parametrize("name", [*SOCKET_NAMES, *CONNECTION_NAMES, *STREAM_NAMES])
def test_an_active_socket_has_what_is_proposed_instead(name: str) -> None:
    with make_socket() as sock:
        assert_there_is(sock, teaching(sock, name))


@pytest.mark.parametrize("name", SOCKET_NAMES)
def test_a_passive_socket_has_what_is_proposed_instead(name: str) -> None:
    with make_socket(connect="passive") as sock:
        assert_there_is(sock, teaching(sock, name))


def assert_there_is(sock: object, text: str) -> None:
    """Check that what a text proposes is there, where it is more than a hint."""
    proposed = [call or prop for call, prop in re.findall(r"(\w+)\(|property (\w+)", text)]
    assert proposed or "timeout" in text or "iterator" in text
    assert all(name in dir(sock) for name in proposed)


@pytest.mark.parametrize("name", [*SOCKET_NAMES, *CONNECTION_NAMES])
def test_python_has_what_is_explained_of_sockets(name: str) -> None:
    assert hasattr(socket.socket, name)


@pytest.mark.parametrize("name", STREAM_NAMES)
def test_python_has_what_is_explained_of_streams(name: str) -> None:
    assert any(hasattr(each, name) for each in (io.BufferedRWPair, StreamReader, StreamWriter))


def test_what_nobody_knows_is_an_ordinary_attribute_error() -> None:
    one, other = make_socket_pair()
    with one, other:
        anything: Any = one
        with pytest.raises(
            AttributeError, match="'ActiveSocket' object has no attribute 'nothing'"
        ):
            anything.nothing  # noqa: B018 - it raises
