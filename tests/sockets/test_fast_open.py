"""Data that travels with the connection: TCP fast open, on both ends."""

import subprocess
import sys

import pytest
from sockets.helpers import listening
from support.peers import refusing_port
from support.programs import require
from support.timing import PATIENCE

from trunkline import ConnectionRefused, make_socket

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the options are Linux's")

# Twice, because the first connection only fetches the cookie.
PROGRAM = """
import sys
from trunkline import *

class Asking(TransportProtocol):
    def connection_made(self, transport):
        self.transport = transport
        transport.write("hello, transport\\n")

    def line_received(self, line):
        print(line, self.transport.tcp_info().has_data_in_syn)
        self.transport.close()
        base.exit()

base = EventBase()
with make_socket(connect="passive", local_host="127.0.0.1", fast_open=5) as listener:
    for _ in range(2):
        with make_socket("127.0.0.1", listener.local_port, fast_open=True) as client:
            client.write_line("hello", flush=True)
            with listener.accept() as server:
                server.write_line(server.read_line(), flush=True)
                print(client.read_line(), client.tcp_info().has_data_in_syn)
    connect(
        base, Asking(), remote_host="127.0.0.1", remote_port=listener.local_port,
        fast_open=True, delivery="lines",
    )
    while not listener.wait_for_connection(timeout=0):
        base.dispatch(one_shot=True, timeout=1)
    with listener.accept() as server:
        server.write_line(server.read_line(), flush=True)
        base.dispatch()
base.close()
"""


@pytest.mark.slow
def test_the_second_connection_begins_with_data() -> None:
    unshare = [require("unshare"), "-rn", "sh", "-ec"]
    script = "ip link set lo up; echo 3 > /proc/sys/net/ipv4/tcp_fastopen"
    try:
        subprocess.run([*unshare, script], check=True, capture_output=True, timeout=PATIENCE)
    except subprocess.CalledProcessError:
        pytest.skip("no network namespace can be made by this user")
    done = subprocess.run(
        [*unshare, f'{script}; exec "$@"', "sh", sys.executable, "-X", "dev", "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["hello False", "hello True", "hello, transport True"]


def test_it_is_an_option_of_both_ends() -> None:
    with (
        listening(fast_open=7) as listener,
        make_socket("127.0.0.1", listener.local_port, fast_open=True) as client,
    ):
        assert listener.get_option("tcp_fastopen") == 7
        assert client.get_option("tcp_fastopen_connect") is True
        client.write_line("hello", flush=True)
        with listener.accept() as server:
            assert server.read_line() == "hello"


def test_it_is_off_unless_it_is_asked_for() -> None:
    with listening() as listener, make_socket("127.0.0.1", listener.local_port) as client:
        assert listener.get_option("tcp_fastopen") == 0
        assert client.get_option("tcp_fastopen_connect") is False


def test_a_server_that_was_never_spoken_to_may_refuse() -> None:
    with refusing_port() as port, pytest.raises(ConnectionRefused):
        make_socket("127.0.0.1", port, fast_open=True)


def test_it_is_a_switch_here_and_a_number_there() -> None:
    with pytest.raises(TypeError, match=r"^fast_open: it is True or False, not 5$"):
        make_socket(fast_open=5)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"^fast_open: how many connections may wait is an integer"):
        make_socket(connect="passive", fast_open=True)
    with pytest.raises(ValueError, match=r"^fast_open: how many connections may wait is from 0"):
        make_socket(connect="passive", fast_open=-1)
