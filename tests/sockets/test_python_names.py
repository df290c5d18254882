"""Whoever knows Python's sockets, files and streams learns the names that we have for it."""

import asyncio
import io
import re
import socket
from asyncio import AbstractEventLoop, StreamReader, StreamWriter
from selectors import BaseSelector
from typing import Any

import pytest

import trunkline
from trunkline import EventBase, Transport, TransportProtocol, make_socket, make_socket_pair

# One name a line would take pages.
SOCKET_NAMES = "family getblocking getsockname getsockopt setblocking setsockopt".split()  # noqa: SIM905
CONNECTION_NAMES = """
    connect_ex getpeername gettimeout makefile recv recv_into recvfrom recvmsg send sendall sendmsg
    sendto settimeout
""".split()  # noqa: SIM905
LISTENER_NAMES = "gettimeout settimeout shutdown".split()  # noqa: SIM905
STREAM_NAMES = """
    at_eof drain flush readexactly readinto readline readlines readuntil write_eof writelines
""".split()  # noqa: SIM905
LOOP_NAMES = """
    add_reader add_signal_handler add_writer call_at call_later is_running remove_reader
    remove_writer run_forever run_until_complete stop time
""".split()  # noqa: SIM905
SELECTOR_NAMES = "modify register select unregister".split()  # noqa: SIM905
TRANSPORT_NAMES = """
    can_write_eof get_extra_info get_protocol get_write_buffer_size is_reading
    set_write_buffer_limits
""".split()  # noqa: SIM905


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


@pytest.mark.parametrize("name", [*SOCKET_NAMES, *LISTENER_NAMES])
def test_a_passive_socket_has_what_is_proposed_instead(name: str) -> None:
    with make_socket(connect="passive") as sock:
        assert_there_is(sock, teaching(sock, name))


@pytest.mark.parametrize("name", [*LOOP_NAMES, *SELECTOR_NAMES, "run", "start"])
def test_an_event_base_has_what_is_proposed_instead(name: str) -> None:
    with EventBase() as event_base:
        assert_there_is(event_base, teaching(event_base, name))


@pytest.mark.parametrize("name", [*TRANSPORT_NAMES, "recv", "send", "sendall", "write_line"])
def test_a_transport_has_what_is_proposed_instead(name: str) -> None:
    with EventBase() as event_base:
        transport = Transport(event_base, TransportProtocol())
        text = teaching(transport, name)
        if "delivery" not in text:
            assert_there_is(transport, text)
        transport.abort()


def assert_there_is(sock: object, text: str) -> None:
    """Check that what a text proposes is there, where it is more than a hint."""
    proposed = {call or prop for call, prop in re.findall(r"(\w+)\(|property (\w+)", text)}
    assert proposed or re.search("timeout|iterator|_name|closed", text)
    assert proposed <= {*dir(sock), *dir(trunkline)}


@pytest.mark.parametrize("name", [*SOCKET_NAMES, *CONNECTION_NAMES, *LISTENER_NAMES])
def test_python_has_what_is_explained_of_sockets(name: str) -> None:
    assert hasattr(socket.socket, name)


@pytest.mark.parametrize("name", STREAM_NAMES)
def test_python_has_what_is_explained_of_streams(name: str) -> None:
    assert any(hasattr(each, name) for each in (io.BufferedRWPair, StreamReader, StreamWriter))


def test_python_has_what_is_explained_of_event_bases_and_transports() -> None:
    assert {*LOOP_NAMES} <= {*dir(AbstractEventLoop)}
    assert {*SELECTOR_NAMES} <= {*dir(BaseSelector)}
    assert {*TRANSPORT_NAMES} <= {*dir(asyncio.Transport)}


def test_what_nobody_knows_is_an_ordinary_attribute_error() -> None:
    one, other = make_socket_pair()
    with one, other:
        anything: Any = one
        with pytest.raises(
            AttributeError, match="'ActiveSocket' object has no attribute 'nothing'"
        ):
            anything.nothing  # noqa: B018 - it raises
