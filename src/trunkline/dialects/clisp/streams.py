"""Socket streams: connecting them, what they are called, ending a direction, their bytes."""

import io
from typing import Any, Literal, TypeAlias, Unpack, cast

from ..._core.buffers import Buffer
from ..._core.external_format import ExternalFormat, ExternalFormatLike, ensure_external_format
from ..._core.text_reader import AnyTextReader
from ..._core.text_writer import TextWriter
from ..._sys.sockaddr import Name
from ..._sys.socket_descriptor import SocketDescriptor
from ...addresses import AddressLike, Endpoint
from ...errors import ResolverError, TimedOut
from ...multiplex.descriptor_like import DescriptorLike
from ...sockets import ActiveSocket, Socket, lookup_hostname, make_socket
from ...sockets.keywords import StreamOptions
from ...sockets.resolving import Resolver, literal_address
from ...streams.stream import DEFAULT_BUFFER_SIZE, DEFAULT_TIMEOUT, Timeout
from .arguments import (
    Seconds,
    check_port,
    descriptor_of,
    host_address,
    how_it_is_written,
    no_such_host,
    time_limit,
)

__all__ = (
    "Buffered",
    "ElementType",
    "SocketStream",
    "read_byte",
    "read_byte_no_hang",
    "socket_connect",
    "socket_stream_host",
    "socket_stream_local",
    "socket_stream_peer",
    "socket_stream_port",
    "socket_stream_shutdown",
    "stream_handles",
    "stream_of",
    "stream_options",
    "write_byte",
)

ElementType: TypeAlias = Literal["text", "bytes"]
Buffered: TypeAlias = Literal["default"] | bool

_LINE_TERMINATORS = {"dos": "utf-8/crlf", "unix": "utf-8/lf", "mac": "utf-8/cr"}
_BYTES = ExternalFormat("latin-1")  # in which each byte is a character


class SocketStream(ActiveSocket):
    """A socket stream, as `socket_connect` and `socket_accept` make them: an `ActiveSocket`.

    It also knows what it was made with: a host and a port, see `socket_stream_host`, its
    `element_type`, and whether its output is buffered.
    """

    def __init__(
        self,
        descriptor: SocketDescriptor,
        *,
        given: tuple[str, int],
        buffers_output: bool,
        element_type: ElementType,
        remote_name: Name | None = None,
        **options: Unpack[StreamOptions],
    ) -> None:
        super().__init__(descriptor, remote_name=remote_name, **options)
        self._given = given
        self._buffers_output = buffers_output
        self._text_aside: tuple[AnyTextReader, TextWriter] | None = None
        self._element_type: ElementType = "text"
        if element_type != "text":
            self.element_type = element_type

    @property
    def element_type(self) -> ElementType:
        """What is read and written, ``"text"`` or ``"bytes"``; it can be changed at any time.

        What has been received and not been read stays to be read as the other. In most encodings
        text and bytes mix, and nothing is forbidden by this. In those where they do not, like
        UTF-16, only one of them can be read and written at a time: this says which. Text goes on
        where it was before the bytes: a byte order mark comes once, at its very start.

        Setting it raises `ValueError` in the middle of a character.
        """
        return self._element_type

    @element_type.setter
    def element_type(self, element_type: ElementType) -> None:
        _check_element_type(element_type)
        if element_type == self._element_type:
            return
        if element_type == "text":
            if self._text_aside is not None and self.external_format is _BYTES:
                self._exchange_text(*self._text_aside)
            self._text_aside = None
        elif not self.external_format.mixes_with_bytes:
            self._text_aside = self._exchange_text(
                self._input.reader_for(_BYTES), TextWriter(_BYTES)
            )
        self._element_type = element_type

    def write(
        self, data: str | Buffer, *, flush: bool = False, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> None:
        """Write text, or bytes; see `Stream.write`.

        Without a buffer for output, which is the default in CLISP, they are sent at once.
        """
        super().write(data, flush=flush or not self._buffers_output, timeout=timeout)


def _check_element_type(element_type: object) -> None:
    if element_type not in ("text", "bytes"):
        raise ValueError(f"an element type is 'text' or 'bytes', not {element_type!r}")


def stream_options(
    element_type: ElementType, external_format: ExternalFormatLike, buffered: Buffered
) -> dict[str, Any]:
    """Return what the arguments of `socket_connect` and `socket_accept` mean for a stream.

    Raises:
        TypeError, ValueError: They mean nothing.
    """
    _check_element_type(element_type)
    if buffered not in (True, False, "default"):
        raise ValueError(f"buffered is True, False or 'default', not {buffered!r}")
    if isinstance(external_format, str):
        external_format = _LINE_TERMINATORS.get(external_format, external_format)
    try:
        ensured = ensure_external_format(external_format)
    except ValueError as error:
        hint = how_it_is_written(external_format, _LINE_TERMINATORS)
        raise ValueError(f"{error}{hint}") from None
    return {
        "element_type": element_type,
        "external_format": ensured,
        # Nothing is received that was not asked for, so that others may read the rest.
        "input_buffer_size": 1 if buffered is False else DEFAULT_BUFFER_SIZE,
        "buffers_output": buffered is True,
    }


def socket_connect(
    port: int,
    host: AddressLike = "localhost",
    *,
    element_type: ElementType = "text",
    external_format: ExternalFormatLike = "utf-8",
    buffered: Buffered = "default",
    timeout: Seconds = None,
    resolver: Resolver | None = None,
) -> SocketStream:
    """Connect to a server, and return the stream.

    Args:
        port: The server's port.
        host: The server's name or address.
        element_type: ``"text"`` or ``"bytes"``, see `SocketStream.element_type`.
        external_format: The format of text; ``"dos"``, ``"unix"`` and ``"mac"`` are UTF-8 with the
            newlines of these systems.
        buffered: True has input and output gathered in buffers, False neither, and ``"default"``
            only input.
        timeout: Seconds, or a pair of seconds and microseconds, to wait until there is a
            connection; None is for ever. 0 begins to connect and returns: the next operation waits,
            and raises what has become of it, and `socket_status` tells whether it would.
        resolver: Who looks a name up; the system's resolver by default.

    Raises:
        TimedOut: The time is up.
        ConnectionRefused: Nobody listens there; also at port 0.
        NetworkUnreachable, HostUnreachable, ConnectFailed, SocketError: The system cannot reach it.
            EINVAL is a host that there is not.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    options = stream_options(element_type, external_format, buffered)
    options["given"] = (str(host), check_port(port))
    limit = time_limit(timeout)
    if limit != 0:
        try:
            literal_address(host)  # of the wrong type, it is a mistake
            connected = make_socket(
                remote_host=host, remote_port=port, connect_timeout=limit, resolver=resolver
            )
            return stream_of(connected, options)
        except (ResolverError, ValueError) as error:  # only the host has not been checked before
            raise no_such_host(host, "connect") from error
    address = host_address(host, "connect", resolver)
    stream = stream_of(
        make_socket(address_family="ipv4" if address.version == 4 else "ipv6"), options
    )
    try:
        stream.connect(address, port, timeout=0)
    except BaseException:
        stream.close(abort=True)
        raise
    return stream


def stream_of(socket: ActiveSocket, options: dict[str, Any]) -> SocketStream:
    """Return a socket stream in place of a socket that nobody has used yet."""
    with socket._descriptor.reading, socket._descriptor.writing:
        descriptor = socket._descriptor.transfer()
    return SocketStream(descriptor, remote_name=socket._remote_name, **options)


def socket_stream_host(stream: SocketStream) -> str:
    """Return the host that a stream was made with: see `socket_connect`, and of one that was
    accepted, the server's.

    Nobody is asked: `socket_stream_peer` and `socket_stream_local` tell what is so.

    Raises:
        TypeError: It is no stream of theirs.
    """
    return _given_to(stream)[0]


def socket_stream_port(stream: SocketStream) -> int:
    """Return the port that a stream was made with; see `socket_stream_host`."""
    return _given_to(stream)[1]


def _given_to(stream: object) -> tuple[str, int]:
    if not isinstance(stream, SocketStream):
        kind = type(stream).__name__
        raise TypeError(f"a socket stream comes from socket_connect or socket_accept, not {kind}")
    return stream._given


def socket_stream_peer(
    stream: Socket | DescriptorLike,
    do_not_resolve: bool = False,
    *,
    resolver: Resolver | None = None,
) -> tuple[str, int]:
    """Return the host at the other end of a connection, and its port, as the system tells them.

    Args:
        stream: The connection, or the descriptor of any other socket.
        do_not_resolve: Tell the address alone. Default: with the name that belongs to it, if there
            is one, like ``"127.0.0.1 (localhost)"``.
        resolver: Who looks that up; the system's resolver by default.

    Returns:
        The host and the port; ``("localhost", 0)`` for a local socket.

    Raises:
        NotConnected: There is no peer, or not any more.
        SocketClosed: The stream is closed.
        NotASocket, TypeError: It is no socket.
    """
    return _host_and_port(descriptor_of(stream).remote_name(), do_not_resolve, resolver)


def socket_stream_local(
    stream: Socket | DescriptorLike,
    do_not_resolve: bool = False,
    *,
    resolver: Resolver | None = None,
) -> tuple[str, int]:
    """Return the host and port of this end of a connection; see `socket_stream_peer`."""
    return _host_and_port(descriptor_of(stream).local_name(), do_not_resolve, resolver)


def _host_and_port(name: Name, do_not_resolve: bool, resolver: Resolver | None) -> tuple[str, int]:
    if not isinstance(name, Endpoint):
        return "localhost", 0
    host = str(name.host)
    if not do_not_resolve:
        try:
            known = lookup_hostname(name.host, resolver=resolver).canonical_name
        except (ResolverError, TimedOut):
            known = None
        if known is not None:
            host = f"{host} ({known})"
    return host, name.port


Direction: TypeAlias = Literal["input", "output", "io", "probe"]
_ENDS = {"input": (True, False), "output": (False, True), "io": (True, True)}


def socket_stream_shutdown(
    stream: ActiveSocket | DescriptorLike, direction: Direction
) -> Literal["io", "input", "output"] | None:
    """End one direction of a connection, or both; what was written is sent before.

    Ending what has ended does nothing. The stream must still be closed.

    Args:
        stream: The connection, or the descriptor of any other socket.
        direction: ``"input"``, ``"output"`` or ``"io"``; or ``"probe"``, which ends nothing and
            returns what is still open. That is not known of other sockets.

    Raises:
        Hangup, TimedOut: What was written could not be sent.
        NotConnected: There is no peer, or not any more.
        SocketClosed: The stream is closed.
        ValueError: There is no such direction.
        NotASocket, TypeError: It is no socket.
    """
    if direction == "probe":
        if not isinstance(stream, ActiveSocket):
            raise TypeError("only of a stream is it known which direction is open")
        stream._descriptor.check_open("shutdown")
        return _OPEN[stream.is_input_open, stream.is_output_open]
    if direction not in _ENDS:
        raise ValueError(f"a direction is 'input', 'output', 'io' or 'probe', not {direction!r}")
    read, write = _ENDS[direction]
    if not isinstance(stream, ActiveSocket):
        descriptor_of(stream).shutdown(read=read, write=write)
        return None
    stream._descriptor.check_open("shutdown")
    read, write = read and stream.is_input_open, write and stream.is_output_open
    if read or write:
        stream.shutdown(read=read, write=write)
    return None


_OPEN: dict[tuple[bool, bool], Literal["io", "input", "output"] | None] = {
    (True, True): "io",
    (True, False): "input",
    (False, True): "output",
    (False, False): None,
}


def stream_handles(stream: object) -> tuple[int | None, int | None]:
    """Return the descriptors that a stream reads from and writes to.

    Args:
        stream: A socket stream, or a file object of Python's.

    Returns:
        Two numbers; None stands for a direction that there is not, or that has ended.

    Raises:
        TypeError: It has no descriptor.
    """
    if isinstance(stream, ActiveSocket):
        number = stream.fileno()
        reads, writes = stream.is_input_open, stream.is_output_open
    else:
        file = cast("Any", stream)
        try:
            number, reads, writes = file.fileno(), file.readable(), file.writable()
        except (AttributeError, io.UnsupportedOperation):
            raise TypeError(f"no stream with a descriptor: {type(stream).__name__}") from None
    return (number if reads else None), (number if writes else None)


def read_byte(stream: ActiveSocket) -> int:
    """Wait for a byte, and return it.

    Raises:
        EndOfFile: The peer has finished.
    """
    return stream.read_exactly(1)[0]


def read_byte_no_hang(stream: ActiveSocket) -> int | None:
    """Return the next byte if one has arrived, and None if not.

    Raises:
        EndOfFile: The peer has finished.
    """
    try:
        return stream.read_exactly(1, timeout=0)[0]
    except TimedOut:
        return None


def write_byte(byte: int, stream: ActiveSocket) -> int:
    """Write a byte, and return it.

    Raises:
        ValueError: It is not a number from 0 to 255.
    """
    stream.write(bytes((byte,)))
    return byte
