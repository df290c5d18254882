"""The important errors, provoked for real: what the system says becomes the class in the table.

Each is provoked with real sockets, and then has to know its errno, what was tried and on which
address, and to keep all that when it travels. What cannot be had in this process, without spoiling
it for the tests that follow, is provoked in a child process, whose error is pickled to get here.
"""

import errno
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.peers import has_ipv6, refusing_port, reset
from support.programs import require
from support.timing import MS, PATIENCE

from trunkline import (
    AddressInUse,
    AddressNotAvailable,
    AlreadyConnected,
    BrokenPipe,
    ConnectFailed,
    ConnectionRefused,
    ConnectionReset,
    DecodingError,
    EndOfFile,
    Endpoint,
    EndpointShutdown,
    Hangup,
    HostUnreachable,
    IPv4Address,
    LineTooLong,
    LocalAddress,
    NetworkUnreachable,
    NoSuchDevice,
    NotASocket,
    NotConnected,
    PathNotDirectory,
    PathNotFound,
    PermissionDenied,
    Resolution,
    SocketClosed,
    SocketError,
    StreamError,
    SystemResolver,
    TimedOut,
    TooManyOpenFiles,
    WouldBlock,
    ensure_address,
    make_socket,
    make_socket_from_fd,
    make_socket_pair,
)
from trunkline.sockets import ActiveSocket

# An address for documentation: no machine has it, and nothing is sent to it here (RFC 5737).
NOT_OURS = "203.0.113.7"

IPV6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on the loopback interface")
LOOPBACKS = pytest.mark.parametrize(
    ("family", "host"),
    [(socket.AF_INET, "127.0.0.1"), pytest.param(socket.AF_INET6, "::1", marks=IPV6)],
)


def check(
    error: SocketError, kind: type[SocketError], code: int, operation: str, address: object
) -> None:
    """Check that an error says what was provoked, also after travelling."""
    assert type(error) is kind
    assert isinstance(error, type(OSError(code, "")))
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert (one.errno, one.operation, one.address) == (code, operation, address)
        place = "" if address is None else f" {address}"
        assert str(one).startswith(f"{operation}{place}: ")
        assert errno.errorcode[code] in str(one)
    # Who catches it sees one error, and not how it was made.
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


# ---- Connecting ----


@LOOPBACKS
def test_refused(family: socket.AddressFamily, host: str) -> None:
    with refusing_port(family) as port:
        with pytest.raises(ConnectionRefused) as caught:
            make_socket(remote_host=host, remote_port=port)
        there = Endpoint(ensure_address(host), port)
        check(caught.value, ConnectionRefused, errno.ECONNREFUSED, "connect", there)
        with make_socket(address_family="ipv4" if "." in host else "ipv6") as unconnected:
            with pytest.raises(ConnectionRefused) as caught:
                unconnected.connect(host, port)
            check(caught.value, ConnectionRefused, errno.ECONNREFUSED, "connect", there)


class Names(SystemResolver):
    """A resolver for which every host has the same addresses."""

    def __init__(self, *hosts: str) -> None:
        self._addresses = tuple(map(ensure_address, hosts))

    def resolve(self, host: str, **_: object) -> Resolution:
        return Resolution(self._addresses, host)


def test_refused_by_all_addresses_of_a_name() -> None:
    with refusing_port() as port:
        with pytest.raises(ConnectionRefused) as caught:
            make_socket(
                remote_host="test.invalid",
                remote_port=port,
                resolver=Names("127.0.0.1", "127.0.0.2"),
            )
        error = caught.value
        check(error, ConnectionRefused, errno.ECONNREFUSED, "connect", f"test.invalid:{port}")
        hosts = [str(attempt.address) for attempt in error.attempts]
        assert hosts == [f"127.0.0.1:{port}", f"127.0.0.2:{port}"]


@LOOPBACKS
def test_already_connected(family: socket.AddressFamily, host: str) -> None:
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        with make_socket(remote_host=host, remote_port=port) as client:
            with pytest.raises(AlreadyConnected) as caught:
                client.connect(host, port)
            there = Endpoint(ensure_address(host), port)
            check(caught.value, AlreadyConnected, errno.EISCONN, "connect", there)


@IPV6
def test_no_such_device() -> None:
    with (
        make_socket(address_family="ipv6") as unconnected,
        pytest.raises(NoSuchDevice) as caught,
    ):
        unconnected.connect("fe80::1%no-such-if", 0)
    assert caught.value.operation == "connect"
    assert "fe80::1%no-such-if" in str(caught.value)


def test_a_missing_path_and_one_through_a_file(tmp_path: Path) -> None:
    missing = LocalAddress(tmp_path / "missing")
    with pytest.raises(PathNotFound) as not_found:
        make_socket(address_family="local", remote_filename=missing)
    check(not_found.value, PathNotFound, errno.ENOENT, "connect", missing)
    (tmp_path / "file").touch()
    through = LocalAddress(tmp_path / "file" / "socket")
    with pytest.raises(PathNotDirectory) as no_directory:
        make_socket(address_family="local", remote_filename=through)
    check(no_directory.value, PathNotDirectory, errno.ENOTDIR, "connect", through)


def test_a_local_socket_that_nobody_listens_at(tmp_path: Path) -> None:
    path = LocalAddress(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path.path)
        with pytest.raises(ConnectionRefused) as caught:
            make_socket(address_family="local", remote_filename=path)
    check(caught.value, ConnectionRefused, errno.ECONNREFUSED, "connect", path)


# ---- Binding ----


@LOOPBACKS
def test_address_in_use(family: socket.AddressFamily, host: str) -> None:
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        with pytest.raises(AddressInUse) as caught:
            make_socket(connect="passive", local_host=host, local_port=port)
        error = caught.value
        assert error.operation in ("bind", "listen")
        here = Endpoint(ensure_address(host), port)
        check(error, AddressInUse, errno.EADDRINUSE, error.operation, here)


def test_local_address_in_use(tmp_path: Path) -> None:
    path = LocalAddress(tmp_path / "socket")
    with (
        make_socket(connect="passive", address_family="local", local_filename=path),
        pytest.raises(AddressInUse) as caught,
    ):
        make_socket(connect="passive", address_family="local", local_filename=path)
    check(caught.value, AddressInUse, errno.EADDRINUSE, "bind", path)


def test_address_not_available() -> None:
    with pytest.raises(AddressNotAvailable) as caught:
        make_socket(connect="passive", local_host=NOT_OURS)
    here = Endpoint(IPv4Address(NOT_OURS), 0)
    check(caught.value, AddressNotAvailable, errno.EADDRNOTAVAIL, "bind", here)


def test_binding_in_a_directory_that_is_missing(tmp_path: Path) -> None:
    path = LocalAddress(tmp_path / "missing" / "socket")
    with pytest.raises(PathNotFound) as caught:
        make_socket(connect="passive", address_family="local", local_filename=path)
    check(caught.value, PathNotFound, errno.ENOENT, "bind", path)


# ---- Reading and writing ----


@pytest.fixture(params=[socket.AF_INET, pytest.param(socket.AF_INET6, marks=IPV6)])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[ActiveSocket, socket.socket]]:
    """Yield one of our sockets, connected by TCP, and the standard library's at its other end."""
    family = request.param
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.create_server((host, 0), family=family) as server:
        ours = make_socket(remote_host=host, remote_port=server.getsockname()[1], timeout=PATIENCE)
        theirs, _ = server.accept()
    with theirs:
        yield ours, theirs
    ours.close(abort=True)


def test_reset_on_read(pair: tuple[ActiveSocket, socket.socket]) -> None:
    ours, theirs = pair
    reset(theirs)
    for _ in range(2):  # and from then on
        with pytest.raises(ConnectionReset) as caught:
            ours.read_line()
        peer = ours.remote_name
        check(caught.value, ConnectionReset, errno.ECONNRESET, "read_line", peer)


def test_reset_on_write(pair: tuple[ActiveSocket, socket.socket]) -> None:
    ours, theirs = pair
    reset(theirs)
    ours.write("too late")
    with pytest.raises(ConnectionReset) as caught:
        ours.finish_output()
    check(caught.value, ConnectionReset, errno.ECONNRESET, "finish_output", ours.remote_name)
    with pytest.raises(ConnectionReset):
        ours.write("later still")


def test_reset_below_the_stream(pair: tuple[ActiveSocket, socket.socket]) -> None:
    ours, theirs = pair
    reset(theirs)
    with pytest.raises(ConnectionReset) as caught:
        ours.receive_from(1, timeout=PATIENCE)
    check(caught.value, ConnectionReset, errno.ECONNRESET, "receive", ours.remote_name)


def test_a_server_that_closes_without_reading_resets_the_connection(
    pair: tuple[ActiveSocket, socket.socket],
) -> None:
    ours, theirs = pair
    ours.write("unread")
    ours.finish_output()
    assert theirs.recv(1, socket.MSG_PEEK)
    theirs.close()
    with pytest.raises(ConnectionReset):
        ours.read_line()


def test_a_peer_that_reads_no_more_is_a_broken_pipe_and_on_the_stream_a_hangup() -> None:
    ours, theirs = make_socket_pair()
    theirs.close()
    with ours:
        with pytest.raises(BrokenPipe) as broken:
            ours.send_to(b"x")
        check(broken.value, BrokenPipe, errno.EPIPE, "send", ours.remote_name)
        ours.write("x")
        with pytest.raises(Hangup) as hangup:
            ours.finish_output()
        check(hangup.value, Hangup, errno.EPIPE, "finish_output", ours.remote_name)


def test_writing_after_the_end_of_writing(pair: tuple[ActiveSocket, socket.socket]) -> None:
    ours, _ = pair
    ours.shutdown(write=True)
    with pytest.raises(EndpointShutdown) as caught:
        ours.send_to(b"x")
    check(caught.value, EndpointShutdown, errno.ESHUTDOWN, "write", ours.remote_name)


def test_reading_after_the_end_of_reading(pair: tuple[ActiveSocket, socket.socket]) -> None:
    ours, _ = pair
    ours.shutdown(read=True)
    with pytest.raises(EndpointShutdown) as caught:
        ours.read_line()
    check(caught.value, EndpointShutdown, errno.ESHUTDOWN, "read", ours.remote_name)


def test_not_connected() -> None:
    with make_socket() as unconnected:
        with pytest.raises(NotConnected) as caught:
            unconnected.receive_from(1)
        check(caught.value, NotConnected, errno.ENOTCONN, "receive", None)
        with pytest.raises(NotConnected) as caught:
            unconnected.remote_name  # noqa: B018 - it is a question to the system
        check(caught.value, NotConnected, errno.ENOTCONN, "getpeername", None)
        with pytest.raises(NotConnected) as caught:
            unconnected.shutdown(read=True)
        check(caught.value, NotConnected, errno.ENOTCONN, "shutdown", None)


def test_would_block(pair: tuple[ActiveSocket, socket.socket]) -> None:
    ours, _ = pair
    with pytest.raises(WouldBlock) as caught:
        ours.receive_from(1)
    check(caught.value, WouldBlock, errno.EAGAIN, "receive", ours.remote_name)


@pytest.mark.parametrize("timeout", [0, 5 * MS])
def test_the_caller_s_time_limit(pair: tuple[ActiveSocket, socket.socket], timeout: float) -> None:
    ours, _ = pair
    with pytest.raises(TimedOut) as caught:
        ours.read_line(timeout=timeout)
    check(caught.value, TimedOut, errno.ETIMEDOUT, "read_line", ours.remote_name)
    assert caught.value.deadline is True


def test_closed(pair: tuple[ActiveSocket, socket.socket]) -> None:
    ours, _ = pair
    peer = ours.remote_name
    ours.close()
    with pytest.raises(SocketClosed) as caught:
        ours.read_line()
    check(caught.value, SocketClosed, errno.EBADF, "read", peer)
    with pytest.raises(SocketClosed) as caught:
        ours.write("x")
    check(caught.value, SocketClosed, errno.EBADF, "write", peer)


def test_what_arrives_is_not_what_was_asked_for(
    pair: tuple[ActiveSocket, socket.socket],
) -> None:
    ours, theirs = pair
    theirs.sendall(b"a line that is long\n\xff\xfe\nabc")
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(LineTooLong) as too_long:
        ours.read_line(limit=4)
    assert too_long.value.limit == 4
    assert ours.read_line() == "a line that is long"
    with pytest.raises(DecodingError) as malformed:
        ours.read_line()
    assert malformed.value.object.startswith(b"\xff")
    assert ours.read(3) == b"\xff\xfe\n"
    with pytest.raises(EndOfFile) as ended:
        ours.read_exactly(9)
    assert ended.value.partial == b"abc"
    errors: list[StreamError] = [too_long.value, malformed.value, ended.value]
    for error, operation in zip(errors, ["read_line", "read_line", "read_exactly"], strict=True):
        assert (error.operation, error.address) == (operation, ours.remote_name)
        twin = pickle.loads(pickle.dumps(error))
        assert str(twin) == str(error)
        assert str(error).startswith(f"{operation} {ours.remote_name}: ")


# ---- Descriptors ----


def test_a_descriptor_of_something_else_is_not_a_socket() -> None:
    for number in os.pipe():
        for dup in (True, False):
            with pytest.raises(NotASocket) as caught:
                make_socket_from_fd(number, dup=dup)
            check(caught.value, NotASocket, errno.ENOTSOCK, "adopt", None)
        os.close(number)  # which is still ours


def test_a_number_that_is_no_descriptor_is_closed() -> None:
    number = os.dup(0)
    os.close(number)
    for dup in (True, False):
        with pytest.raises(SocketClosed) as caught:
            make_socket_from_fd(number, dup=dup)
        check(caught.value, SocketClosed, errno.EBADF, "adopt", None)


# ---- In a child process ----


def error_in_child(code: str, *command: str, cwd: Path | None = None) -> SocketError:
    """Run code in a bare interpreter, and return the error that it raises and pickles."""
    lines = "".join(f"    {line}\n" for line in code.splitlines())
    script = (
        "import os, pickle, sys\n"
        "from trunkline import *\n"
        f"try:\n{lines}"
        "except TrunklineError as error:\n"
        "    sys.stdout.buffer.write(pickle.dumps(error))\n"
    )
    run = subprocess.run(
        [*command, sys.executable, "-Ic", script], capture_output=True, cwd=cwd, timeout=PATIENCE
    )
    assert run.returncode == 0, run.stderr.decode()
    assert run.stdout, "nothing was raised"
    error = pickle.loads(run.stdout)
    assert isinstance(error, SocketError)
    return error


@pytest.mark.slow
def test_too_many_open_files() -> None:
    # Importing needs a few; what is left then is used up with sockets.
    error = error_in_child(
        "import resource\n"
        "kept = [make_socket()]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (kept[0].fileno() + 20,) * 2)\n"
        "while len(kept) < 99:\n"
        "    kept.append(make_socket())"
    )
    check(error, TooManyOpenFiles, errno.EMFILE, "socket", None)


@pytest.mark.slow
def test_too_many_open_files_for_a_pair_and_for_a_duplicate() -> None:
    limit = (
        "import resource\n"
        "one, other = make_socket_pair()\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (other.fileno() + 1,) * 2)\n"
    )
    error = error_in_child(limit + "make_socket_pair()")
    check(error, TooManyOpenFiles, errno.EMFILE, "socketpair", None)
    error = error_in_child(limit + "make_socket_from_fd(one.fileno())")
    check(error, TooManyOpenFiles, errno.EMFILE, "adopt", None)


@pytest.mark.slow
def test_permission_denied(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    # The superuser has every permission, until it becomes nobody. Paths are short from inside.
    become_nobody = (
        "import trunkline.sockets\n"  # while it can be read
        "if os.geteuid() == 0:\n"
        "    os.setgroups([])\n"
        "    os.setgid(65534)\n"
        "    os.setuid(65534)\n"
    )
    path = LocalAddress("closed/socket")
    error = error_in_child(
        f"{become_nobody}make_socket(address_family='local', remote_filename='{path}')",
        cwd=tmp_path,
    )
    check(error, PermissionDenied, errno.EACCES, "connect", path)
    error = error_in_child(
        f"{become_nobody}make_socket(connect='passive', address_family='local', "
        f"local_filename='{path}')",
        cwd=tmp_path,
    )
    check(error, PermissionDenied, errno.EACCES, "bind", path)
    closed.chmod(0o700)  # so that it can be removed


def in_lonely_network(*commands: str) -> list[str]:
    """Return a command that runs what follows it on a network without any other machine."""
    unshare = require("unshare")
    probe = subprocess.run([unshare, "-rn", "true"], capture_output=True, timeout=PATIENCE)
    if probe.returncode != 0:
        pytest.skip("no network namespace can be made by this user")
    script = " && ".join([*commands, 'exec "$@"'])
    return [unshare, "-rn", "sh", "-ec", script, "sh"]


@pytest.mark.slow
def test_network_unreachable() -> None:
    error = error_in_child(
        f"make_socket(remote_host='{NOT_OURS}', remote_port=9)", *in_lonely_network()
    )
    there = Endpoint(IPv4Address(NOT_OURS), 9)
    check(error, NetworkUnreachable, errno.ENETUNREACH, "connect", there)


@pytest.mark.parametrize(
    ("route", "kind", "code"),
    [
        ("unreachable", HostUnreachable, errno.EHOSTUNREACH),
        ("prohibit", PermissionDenied, errno.EACCES),
    ],
)
@pytest.mark.slow
def test_a_route_that_says_no(route: str, kind: type[SocketError], code: int) -> None:
    ip = require("ip")
    error = error_in_child(
        f"make_socket(remote_host='{NOT_OURS}', remote_port=9)",
        *in_lonely_network(f"{ip} link set lo up", f"{ip} route add {route} {NOT_OURS}"),
    )
    check(error, kind, code, "connect", Endpoint(IPv4Address(NOT_OURS), 9))


@pytest.mark.slow
def test_addresses_that_fail_differently() -> None:
    ip = require("ip")
    error = error_in_child(
        "class Names:\n"
        "    def resolve(self, host, **_):\n"
        f"        found = map(ensure_address, ['{NOT_OURS}', '127.0.0.1'])\n"
        "        return Resolution(tuple(found), host)\n"
        "make_socket(remote_host='test.invalid', remote_port=9, resolver=Names())",
        *in_lonely_network(f"{ip} link set lo up"),
    )
    assert type(error) is ConnectFailed
    assert error.address == "test.invalid:9"
    kinds = [type(attempt) for attempt in error.attempts]
    assert kinds == [NetworkUnreachable, ConnectionRefused]
    assert [str(attempt.address) for attempt in error.attempts] == [f"{NOT_OURS}:9", "127.0.0.1:9"]
    for attempt in error.attempts:
        assert str(attempt) in str(error)
