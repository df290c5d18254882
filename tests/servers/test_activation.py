"""Socket activation: programs that are started with their listening sockets open.

A small launcher does what a service manager does: it opens sockets from descriptor 3 on, describes
them in the environment, and becomes the program.
"""

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from support.peers import connect, receive_all
from support.processes import Program
from support.programs import require
from support.timing import PATIENCE

LAUNCHER = """
import fcntl, json, os, socket, sys

def opened(kind):
    if kind == "closed":
        return None
    if kind == "file":
        return open(os.devnull)
    if kind == "pipe":
        return os.fdopen(os.pipe()[0])
    if kind == "connected":
        return socket.socketpair()[0]
    if kind == "local":
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(b"\\0trunkline-%d" % os.getpid())
        listener.listen()
        return listener
    listener = socket.socket(type=socket.SOCK_DGRAM if kind == "datagrams" else socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    if kind == "listener":
        listener.listen()
    return listener

kinds, variables, program = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
found = [opened(kind) for kind in kinds]
high = [each and fcntl.fcntl(each.fileno(), fcntl.F_DUPFD, 100) for each in found]
for number, each in enumerate(high, start=3):
    if each is None:
        try:
            os.close(number)
        except OSError:
            pass
    else:
        os.dup2(each, number)
for name, value in variables.items():
    os.environ[name] = value.replace("PID", str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-c", program, str(len(kinds))])
"""

# Prints what it was given, or the error; and in which state that has left it.
REPORT = """
import json, os, sys
from trunkline import activated_sockets

report = {}
try:
    sockets = activated_sockets(external_format="latin-1/crlf")
except Exception as error:
    report["error"] = [type(error).__name__, str(error)]
else:
    report["sockets"] = {
        name: [[each.fileno(), each.is_listening, str(each.external_format)] for each in group]
        for name, group in sockets.items()
    }
    report["again"] = activated_sockets()
report["environment"] = [name for name in os.environ if name.startswith("LISTEN_")]
report["open"], report["blocking"], report["inheritable"] = [], [], []
for number in range(3, 3 + int(sys.argv[1])):
    try:
        os.fstat(number)
    except OSError:
        continue
    report["open"].append(number)
    if os.get_blocking(number):
        report["blocking"].append(number)
    if os.get_inheritable(number):
        report["inheritable"].append(number)
print(json.dumps(report), flush=True)
os._exit(0)  # nobody is to be blamed for what is still open
"""

SERVE = """
import os
from trunkline import Server, activated_sockets

sockets = activated_sockets()["http"]
server = Server(lambda connection: connection.write_line("hello"), sockets=sockets).start()
ports = [each.local_port for each in sockets if each.address_family == "ipv4"]
print("port", *ports, flush=True)
input()
server.close()
"""


def launch(kinds: list[str], program: str = REPORT, **variables: str) -> Program:
    arguments = [json.dumps(kinds), json.dumps(variables), program]
    return Program([sys.executable, "-c", LAUNCHER, *arguments])


def report(kinds: list[str], **variables: str) -> dict[str, Any]:
    variables = {"LISTEN_PID": "PID", "LISTEN_FDS": str(len(kinds)), **variables}
    with launch(kinds, **{name: value for name, value in variables.items() if value != "-"}) as run:
        output = run.read_to_end()
        assert run.wait() == 0, output
    found: dict[str, Any] = json.loads(output)
    return found


@pytest.mark.slow
def test_sockets_come_by_their_names() -> None:
    kinds = ["listener", "local", "listener"]
    found = report(kinds, LISTEN_FDNAMES="http:control:http")
    fmt = "iso8859-1/crlf"
    assert found["sockets"] == {
        "http": [[3, True, fmt], [5, True, fmt]],
        "control": [[4, True, fmt]],
    }


@pytest.mark.slow
def test_they_are_non_blocking_and_no_child_inherits_them() -> None:
    found = report(["listener"])
    assert (found["open"], found["blocking"], found["inheritable"]) == ([3], [], [])


@pytest.mark.parametrize("names", ["-", ":"])
@pytest.mark.slow
def test_without_names_they_are_unknown(names: str) -> None:
    found = report(["listener", "listener"], LISTEN_FDNAMES=names)
    assert [number for number, *_ in found["sockets"]["unknown"]] == [3, 4]


def test_nothing_is_left_in_the_environment_and_nothing_comes_twice() -> None:
    found = report(["listener"], LISTEN_FDNAMES="http")
    assert found["environment"] == []
    assert found["again"] == {}


@pytest.mark.parametrize(
    "variables",
    [
        {"LISTEN_PID": "1"},
        {"LISTEN_PID": "-"},
        {"LISTEN_FDS": "-"},
        {"LISTEN_FDS": "0", "LISTEN_FDNAMES": "-"},
        {"LISTEN_FDS": "0", "LISTEN_FDNAMES": ""},
        {"LISTEN_PID": "-", "LISTEN_FDS": "-", "LISTEN_FDNAMES": "-"},
    ],
    ids=str,
)
@pytest.mark.slow
def test_nothing_is_nothing(variables: dict[str, str]) -> None:
    found = report(["listener"], **{"LISTEN_FDNAMES": "http", **variables})
    assert found["sockets"] == {}
    assert found["open"] == found["blocking"] == [3]
    assert found["environment"] == []


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"LISTEN_FDS": "two"}, "LISTEN_FDS is no number: 'two'"),
        ({"LISTEN_FDS": "-1 "}, "LISTEN_FDS is no number: '-1 '"),
        ({"LISTEN_FDS": ""}, "LISTEN_FDS is no number: ''"),
        ({"LISTEN_FDS": "1" * 20}, "LISTEN_FDS is no number"),
        ({"LISTEN_FDS": "1" * 5000}, "11...11"),
        ({"LISTEN_PID": "me"}, "LISTEN_PID is no number: 'me'"),
        ({"LISTEN_FDNAMES": "one:two"}, "LISTEN_FDNAMES has 2 names for 1 sockets: 'one:two'"),
        ({"LISTEN_FDS": "0", "LISTEN_FDNAMES": "one"}, "LISTEN_FDNAMES has 1 names for 0 sockets"),
    ],
)
@pytest.mark.slow
def test_bad_values_are_clear_errors(variables: dict[str, str], text: str) -> None:
    found = report(["listener"], **variables)
    kind, message = found["error"]
    assert kind == "ValueError"
    assert text in message
    assert len(message) < 100
    assert found["open"] == found["blocking"] == [3]
    assert found["environment"] == []


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("datagrams", "ValueError"),
        ("connected", "ValueError"),
        ("bound", "ValueError"),
        ("file", "NotASocket"),
        ("pipe", "NotASocket"),
        ("closed", "SocketClosed"),
    ],
)
@pytest.mark.slow
def test_what_is_no_listening_socket_is_an_error_and_the_others_stay(kind: str, error: str) -> None:
    found = report(["listener", kind, "listener"], LISTEN_FDNAMES="http:odd:more")
    assert found["error"][0] == error
    assert "descriptor 4 (odd)" in found["error"][1]
    assert found["open"] == found["blocking"] == ([3, 5] if kind == "closed" else [3, 4, 5])


@pytest.mark.parametrize("names", ["-", "http"])
@pytest.mark.slow
def test_more_sockets_than_there_can_be_are_an_error(names: str) -> None:
    found = report(["listener"], LISTEN_FDS="999999999", LISTEN_FDNAMES=names)
    kind, message = found["error"]
    expected = "descriptor 4 (unknown)" if names == "-" else "has 1 names for 999999999 sockets"
    assert kind == ("SocketClosed" if names == "-" else "ValueError")
    assert expected in message
    assert found["open"] == found["blocking"] == found["inheritable"] == [3]


@pytest.mark.slow
def test_a_name_is_printed_so_that_it_does_nothing() -> None:
    found = report(["file"], LISTEN_FDNAMES="\n\x1b[2J")
    assert r"descriptor 3 (\n\x1b[2J)" in found["error"][1]


@pytest.mark.slow
def test_a_caller_s_mistake_leaves_everything_as_it_is() -> None:
    mistaken = REPORT.replace('"latin-1/crlf"', '"no such format"')
    variables = {"LISTEN_PID": "PID", "LISTEN_FDS": "1"}
    with launch(["listener"], mistaken, **variables) as run:
        found = json.loads(run.read_to_end())
    assert found["error"][0] == "ValueError"
    assert sorted(found["environment"]) == ["LISTEN_FDS", "LISTEN_PID"]
    assert found["open"] == found["blocking"] == found["inheritable"] == [3]


@pytest.mark.slow
def test_a_server_serves_what_it_was_started_with() -> None:
    variables = {"LISTEN_PID": "PID", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "http:http"}
    with launch(["listener", "listener"], SERVE, **variables) as program:
        for port in program.wait_for_line(r"port (\d+) (\d+)").groups():
            with connect(("127.0.0.1", int(port))) as client:
                assert receive_all(client) == b"hello\n"
        program.send("\n")
        assert program.wait() == 0


@pytest.mark.needs_program("systemd-socket-activate")
@pytest.mark.slow
def test_systemd_starts_a_server_for_its_first_client(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    launcher = [require("systemd-socket-activate"), "--listen", str(path), "--fdname", "http"]
    with Program([*launcher, sys.executable, "-c", SERVE]) as program:
        program.wait_for_line("Listening on")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(path))
            assert receive_all(client) == b"hello\n"
        program.send("\n")
        assert program.wait() == 0
