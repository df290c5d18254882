"""ex14 and ex15: connecting and accepting without waiting for it."""

import re
import signal
import socket

from support.peers import LOOPBACK, connect, receive_all, reset
from support.processes import Program, example
from support.tutorial import listening, plain_listener

HOST = LOOPBACK[socket.AF_INET]


def test_ports_that_take_connections_and_ports_that_do_not() -> None:
    with plain_listener() as (_, open_port):
        with plain_listener() as (_, closed_port):
            pass
        ports = (str(open_port), str(closed_port), str(open_port))
        with example("ex14_client", HOST, *ports) as client:
            assert client.wait() == 0
        assert sorted(client.output.splitlines()) == sorted(
            [
                f"{open_port}: connected to {HOST}:{open_port}",
                f"{closed_port}: connect {HOST}:{closed_port}: Connection refused [ECONNREFUSED]",
            ]
        )


def test_a_silent_host_is_waited_for_no_longer_than_is_said() -> None:
    # A server that takes no more connections is as silent as one that is far away.
    with socket.socket() as full:
        full.bind((HOST, 0))
        full.listen(0)
        port = full.getsockname()[1]
        with (
            connect((HOST, port)),
            example("ex14_client", HOST, str(port), "--timeout", "0.2") as c,
        ):
            assert c.wait() == 0
        assert c.output == f"{port}: nothing was heard in 0.2 s\n"


def is_prime(number: int) -> bool:
    return all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def told(program: Program, port: int) -> int:
    with connect((HOST, port)) as client:
        found = re.fullmatch(rb"(\d+) is prime\.\r\n", receive_all(client))
    assert found, program.transcript
    return int(found[1])


def test_a_program_that_works_tells_how_far_it_is() -> None:
    with listening("ex15_server") as (server, port):
        first = told(server, port)
        with connect((HOST, port)) as leaving:
            reset(leaving)
        second = told(server, port)
        while second == first:  # it may just have begun
            second = told(server, port)
        assert first < second
        assert is_prime(first)
        assert is_prime(second)
        server.process.send_signal(signal.SIGINT)
        assert server.wait() == 130
