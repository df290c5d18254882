"""Ten thousand handshakes: what one connection has, it gives back."""

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from multiplex.transport_helpers import Recorder, run_until
from sockets.helpers import Call
from support.backends import wanted_backends
from support.certificates import Certificates
from support.leaks import open_descriptors
from support.timing import PATIENCE

from trunkline import EventBase, connect, listen, make_socket

HANDSHAKES = 10_000
BEFORE = HANDSHAKES // 5  # what is kept for all is there then, and the allocator has its reserves
MOST_GROWTH = 2_000_000  # bytes. Of each connection, 250 would be found

MEMORY = Path("/proc/self/smaps_rollup")

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not Path("/proc/self/smaps_rollup").exists(), reason="Linux tells of memory"
    ),
]


@pytest.fixture
def backend() -> str:
    """The best one: for what is tested here, it does not matter which."""
    return wanted_backends()[0]


def memory() -> int:
    """Return how many bytes this process has written to, in OpenSSL or anywhere else."""
    gc.collect()
    lines = MEMORY.read_text().splitlines()
    (anonymous,) = [line for line in lines if line.startswith("Anonymous:")]
    return int(anonymous.split()[1]) * 1024


def assert_none_leaks(shake_hands: Callable[[], object]) -> None:
    for _ in range(BEFORE):
        shake_hands()
    memory_before, open_before = memory(), len(open_descriptors())
    for _ in range(HANDSHAKES - BEFORE):
        shake_hands()
    assert len(open_descriptors()) < open_before + 20  # some of which are about to be closed
    assert memory() - memory_before < MOST_GROWTH


@pytest.mark.parametrize("resume", [False, True])
def test_transports_give_back_what_they_had(
    base: EventBase, certificates: Certificates, resume: bool
) -> None:
    client_tls = certificates.authority.client_tls(resume=resume)

    with (
        make_socket(connect="passive", local_host="127.0.0.1") as sock,
        listen(
            base,
            sock,
            lambda: Recorder(connection_made=lambda transport: transport.write(b"hello")),
            tls=certificates.server_tls,
        ) as listener,
    ):

        def shake_hands() -> None:
            client = Recorder(data_received=lambda data: transport.close())
            transport = connect(
                base,
                client,
                remote_host="127.0.0.1",
                remote_port=sock.local_port,
                tls=client_tls,
            )
            run_until(
                base, lambda: client.is_lost and not (listener.connections or base._lingering)
            )
            assert client.loss is None

        assert_none_leaks(shake_hands)


def test_nor_those_that_fail(base: EventBase, certificates: Certificates) -> None:
    stranger = certificates.stranger.client_tls()

    with (
        make_socket(connect="passive", local_host="127.0.0.1") as sock,
        listen(base, sock, Recorder, tls=certificates.server_tls) as listener,
    ):

        def shake_hands() -> None:
            client = Recorder()
            connect(
                base,
                client,
                remote_host="127.0.0.1",
                remote_port=sock.local_port,
                tls=stranger,
            )
            run_until(
                base, lambda: client.is_lost and not (listener.connections or base._lingering)
            )

        assert_none_leaks(shake_hands)


def test_sockets_give_back_what_they_had(certificates: Certificates) -> None:
    def serve() -> None:
        for _ in range(HANDSHAKES):
            with listener.accept() as server:
                server.write_line(server.read_line())

    def shake_hands() -> None:
        with make_socket(
            "127.0.0.1", listener.local_port, tls=certificates.client_tls, timeout=PATIENCE
        ) as client:
            client.write_line("hello")
            assert client.read_line() == "hello"

    with (
        make_socket(
            connect="passive", local_host="127.0.0.1", tls=certificates.server_tls, timeout=PATIENCE
        ) as listener,
        Call(serve),
    ):
        assert_none_leaks(shake_hands)
