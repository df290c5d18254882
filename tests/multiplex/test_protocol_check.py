"""A protocol to which input would be delivered in vain is refused, and told what it lacks."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from multiplex.transport_helpers import Recorder, connected, failures_of, run_until, settle

from trunkline import (
    Blocks,
    EventBase,
    Frames,
    Transport,
    TransportProtocol,
    adopt,
    listen,
    make_socket,
    make_socket_pair,
    reconnect,
)
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


class Needy(OnlyData):
    def __init__(self, room: str) -> None:
        self.room = room


class Deaf(TransportProtocol):
    """A protocol that ignores its input, as it inherited that."""


WRONG: list[tuple[Any, Any, str]] = [
    (LinesReceived(), "lines", r"lines_received is called by no transport; perhaps line_received"),
    (OnlyData(), "lines", r"OnlyData has no line_received\(\).*it has data_received\(\)"),
    (OnlyData(), "text", r"no text_received\(\).*it has data_received\(\)"),
    (OnlyData(), "buffer", r"no get_buffer\(\).*it has data_received\(\)"),
    (OnlyData(), Blocks(5), r"no block_received\(\), to which delivery=Blocks\(size=5\) delivers"),
    (OnlyData(), Frames(), r"no frame_received\(\)"),
    (Plain(), "bytes", r"Plain has no data_received\(\), to which delivery='bytes' delivers$"),
    (PlainSlip(), "bytes", r"perhaps data_received is meant"),
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
        (LinesReceived, "lines", "perhaps line_received is meant"),
        (OnlyData, "lines", "it has data_received"),
        (Plain, "bytes", r"Plain has no data_received\(\), to which delivery='bytes' delivers$"),
        (PlainSlip, "bytes", r"perhaps data_received is meant$"),
        (OnlyData(), "bytes", "give a class, or a function, and no OnlyData$"),
        (None, "bytes", "and no NoneType$"),
        (Needy, "bytes", "called without arguments, and Needy cannot be: missing a required .*'ro"),
        (lambda room: Needy(room), "bytes", r"called with \(\), and <lambda> cannot be"),
    ],
)
def test_a_factory_of_such_is_refused_at_once(
    base: EventBase, factory: Any, delivery: Any, message: str
) -> None:
    with make_socket(connect="passive", local_host="127.0.0.1") as socket:
        with pytest.raises(TypeError, match=message):
            listen(base, socket, factory, delivery=delivery)
        with pytest.raises(TypeError, match=message):
            reconnect(
                base,
                factory,
                remote_host="127.0.0.1",
                remote_port=socket.local_port,
                delivery=delivery,
            )
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


class SetsItself(Plain):
    def __init__(self) -> None:
        self.data_received = print


class SetsByName(Plain):
    def __init__(self) -> None:
        setattr(self, "data" + "_received", print)


class OfItsClass:
    """A protocol that is its own only object."""

    @classmethod
    def data_received(cls, data: bytes) -> None:
        """Take bytes."""


@pytest.mark.parametrize("factory", [SetsItself, SetsByName, Recorder, OfItsClass, Deaf, OnlyData])
def test_a_class_is_taken_whose_objects_may_take_input(
    base: EventBase, factory: Callable[[], Any]
) -> None:
    with (
        make_socket(connect="passive", local_host="127.0.0.1") as socket,
        listen(base, socket, factory),
    ):
        Transport(base, factory()).abort()
    settle(base)


class AsyncData(TransportProtocol):
    async def data_received(self, data: bytes) -> None:  # type: ignore[override]
        """Do nothing, unless somebody awaits it."""


class AsyncEnd(OnlyData):
    async def connection_lost(self, error: Exception | None) -> None:  # type: ignore[override]
        """Do nothing, unless somebody awaits it."""


class GeneratingMade(OnlyData):
    def connection_made(self, transport: Transport) -> Iterator[None]:  # type: ignore[override]
        yield


class AsyncGenerating:
    async def data_received(self, data: bytes) -> AsyncIterator[None]:
        yield


class Selfless:
    def data_received(data: bytes) -> None:  # type: ignore[misc]  # noqa: N805
        """Lack an argument."""


class TooMuch(OnlyData):
    def pause_writing(self, transport: Transport) -> None:  # type: ignore[override]
        """Want an argument too many."""


class NoMethod(OnlyData):
    timed_out = None  # type: ignore[assignment]


class StaticTooMuch(OnlyData):
    @staticmethod
    def eof_received(much: object) -> None:  # type: ignore[override]
        """Want an argument too many."""


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (AsyncData, r"^AsyncData\.data_received is a plain function, .* async"),
        (AsyncEnd, r"^AsyncEnd\.connection_lost is a plain function, .* async"),
        (GeneratingMade, r"^GeneratingMade\.connection_made is a plain function, .* generator"),
        (AsyncGenerating, r"^AsyncGenerating\.data_received is a plain function, .* generator"),
        (Selfless, r"^Selfless\.data_received is called with \(self, data\), and .* cannot be$"),
        (TooMuch, r"^TooMuch\.pause_writing is called with \(self\), and .* cannot be$"),
        (NoMethod, r"^NoMethod\.timed_out is callable, not NoneType$"),
        (StaticTooMuch, r"^StaticTooMuch\.eof_received is called with \(\), and .* cannot be$"),
    ],
)
def test_a_method_that_cannot_be_called_is_told_wherever_it_is_given(
    base: EventBase, kind: type[Any], message: str
) -> None:
    ours, theirs = make_socket_pair()
    with make_socket(connect="passive", local_host="127.0.0.1") as socket, ours, theirs:
        where: Any = {"remote_host": "127.0.0.1", "remote_port": socket.local_port}
        with pytest.raises(TypeError, match=message):
            listen(base, socket, kind)
        with pytest.raises(TypeError, match=message):
            connect_transport(base, kind(), **where)
        with pytest.raises(TypeError, match=message):
            reconnect(base, kind, **where)
        with pytest.raises(TypeError, match=message):
            adopt(base, kind(), ours)
        ours.write_line("still a socket")
        ours.finish_output()
        assert theirs.read_line() == "still a socket"
        with connected(base, OnlyData()) as (transport, _), pytest.raises(TypeError, match=message):
            transport.set_protocol(kind())
    settle(base)
    assert base.is_empty


def test_so_is_one_that_an_object_has_for_itself(base: EventBase) -> None:
    protocol = Deaf()

    async def data_received(data: bytes) -> None:
        """Do nothing, unless somebody awaits it."""

    protocol.data_received = data_received  # type: ignore[assignment]
    with pytest.raises(TypeError, match=r"^data_received is a plain function, .* async"):
        Transport(base, protocol)


MISPLACED: list[tuple[Callable[[Any, Any, Any], object], str]] = [
    (
        lambda base, active, passive: listen(base, 8080, OnlyData),  # type: ignore[arg-type]
        r"^listen\(\) takes PassiveSockets, as make_socket\(connect='passive', …\) .*, and no int",
    ),
    (
        lambda base, active, passive: listen(base, OnlyData, passive),  # type: ignore[arg-type]
        r"^listen\(\) takes PassiveSockets, .* and no type",
    ),
    (
        lambda base, active, passive: listen(passive, base, OnlyData),
        "^the event base comes first, and PassiveSocket is none$",
    ),
    (
        lambda base, active, passive: listen(base, active, OnlyData),
        r"^listen\(\) takes PassiveSockets, .* and no ActiveSocket$",
    ),
    (
        lambda base, active, passive: connect_transport(base, OnlyData(), "localhost", 80),  # type: ignore[call-overload]
        r"^connect\(\) takes by name where it connects to: connect\(…, remote_host=",
    ),
    (
        lambda base, active, passive: reconnect(base, OnlyData, "localhost", 80),  # type: ignore[call-overload]
        r"^reconnect\(\) takes by name where it connects to: reconnect\(…, remote_host=",
    ),
    (
        lambda base, active, passive: connect_transport(
            OnlyData(),  # type: ignore[call-overload]
            base,
            remote_host="127.0.0.1",
            remote_port=9,
        ),
        "^the event base comes first, and OnlyData is none$",
    ),
    (
        lambda base, active, passive: adopt(base, lambda: OnlyData(), active),  # type: ignore[arg-type]
        "^the protocol is an object, and <lambda> a function: if that makes protocols, call it$",
    ),
    (
        lambda base, active, passive: adopt(base, OnlyData, active),  # type: ignore[arg-type]
        "^the protocol is an object, and OnlyData a class of them$",
    ),
    (
        lambda base, active, passive: adopt(base, active, OnlyData()),  # type: ignore[arg-type]
        r"^adopt\(\) takes ActiveSockets, .* and no OnlyData$",
    ),
    (
        lambda base, active, passive: adopt(active, OnlyData(), base),
        "^the event base comes first, and ActiveSocket is none$",
    ),
    (
        lambda base, active, passive: listen(base, passive, OnlyData()),  # type: ignore[arg-type]
        "give a class, or a function, and no OnlyData$",
    ),
    (
        lambda base, active, passive: listen(base, passive, Recorder, delivery=Blocks),  # type: ignore[arg-type]
        r"^the delivery is an object, like Blocks\(512\), and Blocks a class of them$",
    ),
    (
        lambda base, active, passive: adopt(base, Recorder(), active, delivery=Frames),  # type: ignore[arg-type]
        r"^the delivery is an object, like Frames\(\), and Frames a class of them$",
    ),
]


@pytest.mark.parametrize(("call", "message"), MISPLACED)
def test_what_is_in_the_wrong_place_is_told(
    base: EventBase, call: Callable[[Any, Any, Any], object], message: str
) -> None:
    active, peer = make_socket_pair()
    with (
        make_socket(connect="passive", local_host="127.0.0.1") as passive,
        active,
        peer,
        pytest.raises(TypeError, match=message),
    ):
        call(base, active, passive)
    settle(base)
    assert base.is_empty


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


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("backlog", ""),
        ("nodelay", ""),
        ("v6_only", ""),
        ("reuse_addr", "; perhaps reuse_address is meant"),
        ("host", "; perhaps local_host is meant"),
    ],
)
def test_what_is_the_sockets_is_not_the_listeners(base: EventBase, name: str, meant: str) -> None:
    options: Any = {name: 1}
    with (
        make_socket(connect="passive", local_host="127.0.0.1") as socket,
        pytest.raises(TypeError) as caught,
    ):
        listen(base, socket, OnlyData, **options)
    assert str(caught.value) == (
        f"listen() does not take {name}: make_socket() does, which makes the socket{meant}"
    )


@pytest.mark.parametrize("name", ["delimiter", "log", "proto", "wait_for"])
def test_a_name_that_is_like_none_is_not_guessed_at(base: EventBase, name: str) -> None:
    options: Any = {name: 1}
    with (
        make_socket(connect="passive", local_host="127.0.0.1") as socket,
        pytest.raises(TypeError, match=rf"^listen\(\) does not take {name}$"),
    ):
        listen(base, socket, OnlyData, **options)


SLIPS = {
    "conection_made": "connection_made",
    "connection_closed": None,
    "connectionLost": "connection_lost",
    "connection_name": None,
    "connection_list": None,
    "file_received": None,
    "next_received": None,
    "on_text_received": None,
    "set_buffer": None,
    "connections_lost": "connection_lost",
    "eof_recieved": "eof_received",
    "pause_writting": "pause_writing",
    "resume_writings": "resume_writing",
    "timedout": "timed_out",
    "input_faild": "input_failed",
    "lines_received": "line_received",
    "data_recieved": None,  # it stands beside the one that it is like
    "receive_data": None,
    "send_line": None,
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_method_that_is_misspelt_is_told(base: EventBase, name: str) -> None:
    kind = type("Slip", (OnlyData,), {name: lambda self, *args: None})
    meant = SLIPS[name]
    if meant is None:
        Transport(base, kind()).abort()
        settle(base)
        return
    message = rf"^Slip\.{name} is called by no transport; perhaps {meant} is meant$"
    with pytest.raises(TypeError, match=message):
        Transport(base, kind())
    with (
        make_socket(connect="passive", local_host="127.0.0.1") as socket,
        pytest.raises(TypeError, match=message),
    ):
        listen(base, socket, kind)


def test_what_is_no_method_may_have_any_name(base: EventBase) -> None:
    class Counting(OnlyData):
        lines_received = 0

        @property
        def connections_lost(self) -> int:
            return 0

    Transport(base, Counting()).abort()
    settle(base)
