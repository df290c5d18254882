"""A protocol to which input would be delivered in vain is refused, and told what it lacks."""

from collections.abc import Callable
from typing import Any

import pytest
from multiplex.transport_helpers import Recorder, connected, failures_of, run_until, settle

from trunkline import Blocks, EventBase, Frames, Transport, TransportProtocol, listen, make_socket
from trunkline import connect as connect_transport


class LinesReceived(TransportProtocol):
    """A protocol with a slip of the pen."""

    def lines_received(self, line: str) -> None:
        """Is never called."""


class OnlyData(TransportProtocol):
    def data_received(self, data: bytes) -> None:
        """Take bytes."""


class Plain:
    def connection_made(self, transport: Transport) -> None:
        """Have no method for input."""


class PlainSlip(Plain):
    def data_recieved(self, data: bytes) -> None:
        """Is never called."""


class Deaf(TransportProtocol):
    """A protocol that ignores its input, as it inherited that."""


WRONG: list[tuple[Any, Any, str]] = [
    (LinesReceived(), "lines", r"LinesReceived has no line_received\(\).*perhaps lines_received"),
    (OnlyData(), "lines", r"OnlyData has no line_received\(\).*it has data_received\(\)"),
    (OnlyData(), "text", r"no text_received\(\).*it has data_received\(\)"),
    (OnlyData(), "buffer", r"no get_buffer\(\).*it has data_received\(\)"),
    (OnlyData(), Blocks(5), r"no block_received\(\), to which delivery=Blocks\(size=5\) delivers"),
    (OnlyData(), Frames(), r"no frame_received\(\)"),
    (Plain(), "bytes", r"Plain has no data_received\(\), to which delivery='bytes' delivers$"),
    (PlainSlip(), "bytes", r"perhaps data_recieved\(\) is meant to be it"),
    (None, "bytes", r"NoneType has no data_received\(\)"),
    (OnlyData, "bytes", r"the protocol is an object, and OnlyData a class of them"),
]


@pytest.mark.parametrize(("protocol", "delivery", "message"), WRONG)
def test_it_is_refused_at_once(base: EventBase, protocol: Any, delivery: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Transport(base, protocol, delivery=delivery)
    with pytest.raises(TypeError, match=message):
        connect_transport(base, protocol, remote_host="127.0.0.1", remote_port=9, delivery=delivery)
    assert base.is_empty


@pytest.mark.parametrize(
    ("factory", "delivery", "message"),
    [
        (LinesReceived, "lines", "perhaps lines_received"),
        (OnlyData, "lines", "it has data_received"),
        (OnlyData(), "bytes", "give a class, or a function, and no OnlyData$"),
        (None, "bytes", "and no NoneType$"),
    ],
)
def test_a_factory_of_such_is_refused_at_once(
    base: EventBase, factory: Any, delivery: Any, message: str
) -> None:
    with (
        make_socket(connect="passive", local_host="127.0.0.1") as socket,
        pytest.raises(TypeError, match=message),
    ):
        listen(base, socket, factory, delivery=delivery)
    settle(base)
    assert base.is_empty


def test_what_a_factory_makes_is_looked_at_when_it_is_made(base: EventBase) -> None:
    failures = failures_of(base)
    with make_socket(connect="passive", local_host="127.0.0.1") as socket:
        listen(base, socket, lambda: Plain())  # type: ignore[arg-type, return-value]
        with make_socket("127.0.0.1", socket.local_port) as client:
            run_until(base, lambda: failures)
            assert client.read() == b""
    [failure] = failures
    assert "Plain has no data_received()" in str(failure)


@pytest.mark.parametrize(
    "make",
    [
        Deaf,
        OnlyData,
        Recorder,  # whose methods are made when they are asked for
        lambda: type("Odd", (), {"data_received": staticmethod(print)}),
    ],
)
def test_what_takes_input_or_ignores_it_is_taken(base: EventBase, make: Callable[[], Any]) -> None:
    Transport(base, make()).abort()
    settle(base)


def test_the_delivery_cannot_become_one_that_the_protocol_does_not_take(base: EventBase) -> None:
    with connected(base, OnlyData()) as (transport, _):
        with pytest.raises(TypeError, match="no line_received"):
            transport.set_delivery("lines")
        protocol = Recorder()
        transport.set_protocol(protocol)
        transport.set_delivery("lines")


def test_input_for_a_protocol_that_does_not_take_it_ends_the_connection(base: EventBase) -> None:
    failures = failures_of(base)
    with connected(base, Recorder(), delivery="lines") as (transport, peer):
        transport.set_protocol(OnlyData())
        peer.sendall(b"line\n")
        run_until(base, lambda: transport.is_closing)
    assert "no line_received()" in str(failures[0])
    with connected(base, Recorder()) as (transport, peer):
        transport.set_protocol(Plain())  # type: ignore[arg-type]
        peer.sendall(b"bytes")
        run_until(base, lambda: transport.is_closing)
    assert "no data_received()" in str(failures[1])


@pytest.mark.parametrize(
    ("wrong", "meant"), [("line", "lines"), ("byte", "bytes"), ("txt", "text"), ("binary", "bytes")]
)
def test_a_delivery_that_there_is_not_is_told_what_is_meant(
    base: EventBase, wrong: Any, meant: str
) -> None:
    with pytest.raises(ValueError, match=f"'{wrong}'; perhaps {meant} is meant"):
        Transport(base, Recorder(), delivery=wrong)
    with pytest.raises(ValueError, match="no delivery as 3"):
        Transport(base, Recorder(), delivery=3)  # type: ignore[arg-type]
