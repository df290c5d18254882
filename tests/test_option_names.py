"""A misspelt option, or one that has another name elsewhere, is told what it is called here."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from trunkline import (
    EventBase,
    TransportProtocol,
    adopt,
    connect,
    evented,
    implementation,
    listen,
    make_socket,
    make_socket_pair,
    reconnect,
)
from trunkline.multiplex import event_base


def listening(**options: Any) -> None:
    with EventBase() as base, make_socket(connect="passive") as sock:
        listen(base, sock, TransportProtocol, **options)


def adopting(**options: Any) -> None:
    one, other = make_socket_pair()
    with EventBase() as base, one, other:
        adopt(base, TransportProtocol(), one, **options)


def connecting(**options: Any) -> None:
    with EventBase() as base:
        connect(base, TransportProtocol(), remote_host="127.0.0.1", remote_port=9, **options)


def reconnecting(**options: Any) -> None:
    with EventBase() as base:
        reconnect(base, TransportProtocol, remote_host="127.0.0.1", remote_port=9, **options)


def in_a_loop(function: Callable[..., object], *arguments: Any) -> Callable[..., None]:
    def call(**options: Any) -> None:
        with evented.EventLoop() as loop:
            function(*arguments, loop=loop, **options)

    return call


def made(**options: Any) -> None:
    make_socket(**options)


tcp_connect = in_a_loop(evented.tcp_connect, "127.0.0.1", 9, None)
tcp_server = in_a_loop(evented.tcp_server, None, 0, None)
init_tcp_socket = in_a_loop(evented.init_tcp_socket, None)
local_connect = in_a_loop(evented.local_connect, "no such path", None)
local_server = in_a_loop(evented.local_server, "no such path", None)


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        (listening, "deliver", r"listen\(\) .* delivery"),
        (listening, "high_watr", r"listen\(\) .* high_water"),
        (listening, "max_conections", r"listen\(\) .* max_connections"),
        (listening, "encoding", r"listen\(\) .* external_format"),
        (adopting, "idle_timout", r"adopt\(\) .* idle_timeout"),
        (adopting, "limit", r"adopt\(\) .* line_limit"),
        (connecting, "idle_timout", r"connect\(\) .* idle_timeout"),
        (connecting, "timeout", r"connect\(\) .* connect_timeout or idle_timeout or read_timeout"),
        (connecting, "high_watr", r"connect\(\) .* high_water"),
        (connecting, "source_address", r"connect\(\) .* local_host or local_filename"),
        (reconnecting, "first_dely", r"reconnect\(\) .* first_delay"),
        (reconnecting, "max_delay", r"reconnect\(\) .* longest_delay"),
        (reconnecting, "initial_delay", r"reconnect\(\) .* first_delay"),
        (reconnecting, "retries", r"reconnect\(\) .* max_attempts"),
        (tcp_connect, "timeout", r"tcp_connect\(\) .* read_timeout"),
        (tcp_connect, "on_error", r"tcp_connect\(\) .* event_cb"),
        (tcp_server, "reuseport", r"tcp_server\(\) .* reuse_port"),
        (tcp_server, "encoding", r"tcp_server\(\) .* external_format"),
        (init_tcp_socket, "on_connect", r"init_tcp_socket\(\) .* connect_cb"),
        (local_connect, "drian", r"local_connect\(\) .* drain"),
        (local_server, "reuse_addr", r"local_server\(\) .* reuse_address"),
        (connecting, "wait", r"connect\(\) .* connect_timeout"),
        (evented.start_event_loop, "catch_errors", r"start_event_loop\(\) .* catch_app_errors"),
        (evented.EventLoop, "on_error", r"EventLoop\(\) .* catch_app_errors"),
        (evented.EventLoop, "max_lookup", r"EventLoop\(\) .* max_lookups"),
        (EventBase, "selector", r"EventBase\(\) .* backend"),
        (EventBase, "exit_when_emtpy", r"EventBase\(\) .* exit_when_empty"),
        (made, "source_address", r"an active .* local_host"),
        (made, "dual_stack", r"an active .* address_family"),
    ],
)
def test_the_error_says_which_option_is_meant(
    call: Callable[..., object], name: str, expected: str
) -> None:
    expected = expected.replace(".*", f"does not take {name}; perhaps", 1)
    expected = expected.replace("an active does", "an active internet stream socket does")
    arguments: tuple[Any, ...] = (print,) if call is evented.start_event_loop else ()
    with pytest.raises(TypeError, match=f"^{expected} is meant$"):
        call(*arguments, **{name: 1})


@pytest.mark.parametrize(
    ("call", "name"), [(adopting, "reuse_port"), (EventBase, "debug"), (evented.EventLoop, "name")]
)
def test_nothing_is_guessed_at_where_nothing_is_meant(
    call: Callable[..., object], name: str
) -> None:
    with pytest.raises(TypeError, match=f"does not take {name}$"):
        call(**{name: 1})


def test_an_option_that_is_like_none_is_told_no_other() -> None:
    with pytest.raises(TypeError, match=r"^listen\(\) does not take xyzzy$"):
        listening(xyzzy=1)


@pytest.mark.skipif(implementation().name == "native", reason="of compiled classes it is not known")
def test_the_options_of_an_event_base_are_those_that_it_takes() -> None:
    taken = inspect.signature(EventBase).parameters.keys()
    assert {*event_base._OPTIONS} == taken - {"misspelt"}
