"""ex16 to ex18 as processes: urgent data, ping, and connections that are handed over."""

import re
import socket
import subprocess
import sys

import pytest
from sockets.datagrams import NEEDS_IPV6
from sockets.raw import NEEDS_RAW
from support.peers import connect, netcat, receive_all
from support.processes import ROOT, Program, example
from support.programs import require
from support.timing import MS, PATIENCE
from support.tutorial import HOST, client_of, listening, port_of

# -- ex16: urgent data -----------------------------------------------------------------------------

needs_urgent_events = pytest.mark.skipif(sys.platform != "linux", reason="kqueue does not tell it")


@needs_urgent_events
def test_an_urgent_byte_stops_the_server() -> None:
    with listening("ex16_server") as (server, port), connect((HOST, port)) as client:
        client.sendall(b"one\r\n" + 1000 * b"more\r\n")
        client.send(b"!", socket.MSG_OOB)
        server.wait_for_line(r"wants me to stop\.$")
        client.sendall(b"last\r\n")
        client.shutdown(socket.SHUT_WR)
        lines = receive_all(client).decode().splitlines()
        assert lines[-2:] == ["stopped", "did last"]
        assert len(lines) < 1000
        server.wait_for_line(rf"Client {HOST}:{port_of(client)} has everything\.$")
        server.interrupt()
        assert server.wait() == 130


@needs_urgent_events
def test_the_client_sends_it() -> None:
    with (
        listening("ex16_server") as (server, port),
        client_of(port, "ex16_client") as client,
    ):
        client.send("".join(f"{number}\n" for number in range(500)) + "!\n")
        server.wait_for_line(r"wants me to stop\.$")
        client.send("last\n")
        client.close_stdin()
        client.read_to_end()
        assert client.wait() == 0
        assert client.output.endswith("stopped\ndid last\n")
        assert client.output.count("did") < 500
        server.interrupt()
        assert server.wait() == 130


@needs_urgent_events
def test_without_urgent_bytes_all_is_done_and_a_reset_is_told() -> None:
    with listening("ex16_server") as (server, port), netcat(HOST, port, "one\r\ntwo\r\n") as nc:
        assert nc.read_to_end() == "did one\r\ndid two\r\n"
        with connect((HOST, port)) as client:
            server.wait_for_line(rf"Accepted a client from {HOST}:{port_of(client)}$")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            name = port_of(client)
        server.wait_for_line(rf"Client {HOST}:{name} is gone: ")
        server.interrupt()
        assert server.wait() == 130


# -- ex17: ping ------------------------------------------------------------------------------------


@NEEDS_RAW
@pytest.mark.parametrize("host", [HOST, pytest.param("::1", marks=NEEDS_IPV6)])
def test_this_machine_answers(host: str) -> None:
    with example("ex17_ping", host, "--count", "2", "--timeout", str(PATIENCE)) as ping:
        ping.read_to_end()
        assert ping.wait() == 0
        for number in (1, 2):
            assert re.search(
                rf"^{number}: 56 bytes from {host}, after [\d.]+ ms$", ping.output, re.M
            )
        assert ping.output.endswith("\n2 of 2 requests were answered.\n")


@NEEDS_RAW
def test_nobody_answers() -> None:
    # On the loopback interface, where this one is, nobody answers to the address of all.
    with example("ex17_ping", "127.255.255.255", "--count", "1", "--timeout", str(20 * MS)) as ping:
        ping.read_to_end()
        assert ping.wait() == 0
        assert ping.output.endswith("\n0 of 1 requests were answered.\n")


@pytest.mark.parametrize("wrong", [["--count", "0"], ["--timeout", "x"], ["127.1"]])
def test_a_mistake_on_the_command_line_is_told(wrong: list[str]) -> None:
    with example("ex17_ping", *wrong) as ping:
        ping.read_to_end()
        assert ping.wait() == 2


# In the first lines it may ask without a privilege, and there is a router that knows no way.
SETUP = """
ip link set lo up
echo "0 0" > /proc/sys/net/ipv4/ping_group_range
ip address add 192.0.2.1/32 dev lo
ip route add unreachable 198.51.100.0/24
exec "$@"
"""


@pytest.mark.slow
@pytest.mark.needs_program("unshare", "ip")
@pytest.mark.parametrize(
    ("host", "told"),
    [
        (HOST, rf"^1: 56 bytes from {HOST}, after .*\n1 of 1 requests"),
        ("::1", r"^1: 56 bytes from ::1, after .*\n1 of 1 requests"),
        ("198.51.100.1", r"[Hh]ost.*\[EHOSTUNREACH\]"),
    ],
)
def test_no_privilege_is_needed_where_the_system_says_so(host: str, told: str) -> None:
    command = [require("unshare"), "-rn", "sh", "-ec", SETUP, "sh"]
    if subprocess.run([*command, "true"], capture_output=True, timeout=PATIENCE).returncode:
        pytest.skip("this user can make no network of its own")
    ping = [sys.executable, str(ROOT / "examples" / "ex17_ping.py"), host, "--count", "1"]
    with Program([*command, *ping], cwd=ROOT) as program:
        program.read_to_end(timeout=3 * PATIENCE)
        assert re.search(told, program.transcript, re.M), program.transcript
        assert "raw socket" not in program.output


# -- ex18: handing over ----------------------------------------------------------------------------


def test_workers_serve_what_the_parent_accepts() -> None:
    with listening("ex18_server") as (server, port):
        processes = []
        for text in ("one", "two", "three"):
            with netcat(HOST, port, f"{text}\r\n") as nc:
                found = nc.wait_for_line(rf"^Process (\d+) serves {re.escape(HOST)} \d+\.\r?$")
                nc.read_to_end()
                assert nc.output.endswith(f"\n{text}\r\n")
                processes.append(found[1])
            server.wait_for_line(rf"goes to process {found[1]}$")
        assert processes[0] == processes[2] != processes[1]
        assert str(server.process.pid) not in processes
        server.interrupt()
        assert server.wait() == 130


def test_a_client_that_has_spoken_already_is_not_cut_off() -> None:
    with listening("ex18_server") as (server, port), connect((HOST, port)) as client:
        client.sendall(b"before it was accepted\r\n")
        server.wait_for_line("goes to process")
        client.sendall(b"and after\r\n")
        client.shutdown(socket.SHUT_WR)
        lines = receive_all(client).decode().splitlines()
        assert lines[1:] == ["before it was accepted", "and after"]
        server.interrupt()
        assert server.wait() == 130


def test_a_worker_that_is_gone_is_told() -> None:
    with listening("ex18_server") as (server, port):
        with connect((HOST, port)) as client:
            found = server.wait_for_line(r"goes to process (\d+)$")
            subprocess.run(["kill", "-KILL", found[1]], check=True)
            receive_all(client)
        for _ in range(2):
            with connect((HOST, port)) as client:
                server.wait_for_line(r"(goes to process|is gone, and with it)")
        assert f"Process {found[1]} is gone" in server.output
        server.interrupt()
        assert server.wait() == 130
