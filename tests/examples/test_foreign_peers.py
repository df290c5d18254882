"""The programs talk to others that know nothing of Trunkline, in both roles.

netcat, socat, curl, Perl, Node and Python's own sockets: what they send arrives as it is, and what
they receive are the right bytes.
"""

import re
import sys

import pytest
from support.multiplexed import remarks
from support.processes import Program
from support.programs import require
from support.tutorial import (
    DAYTIME_CLIENTS,
    DAYTIME_SERVERS,
    HOST,
    MULTIPLEXED_SERVERS,
    POSIX_ZONE,
    assert_interleaved,
    assert_is_the_time,
    client_of,
    greeting,
    listening,
    time_in_zone,
)

pytestmark = pytest.mark.thorough

# In each language: send all that is typed, to its end; print all that comes.
PERL_CLIENT = r"""
use IO::Socket::INET;
my $server = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1]) or die $@;
binmode STDIN; binmode STDOUT;
print $server $_ while <STDIN>;
$server->flush; shutdown($server, 1);
print while <$server>;
"""
NODE_CLIENT = r"""
const [host, port] = process.argv.slice(1);
const server = require("net").connect({ host, port, allowHalfOpen: true });
process.stdin.pipe(server);
server.pipe(process.stdout);
"""
PYTHON_CLIENT = r"""
import shutil, socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as server:
    with server.makefile("rwb") as stream:
        shutil.copyfileobj(sys.stdin.buffer, stream)
        stream.flush()
        server.shutdown(socket.SHUT_WR)
        shutil.copyfileobj(stream, sys.stdout.buffer)
"""

# In each language: print the port, and serve one client. To a first argument of "echo", send back
# all that comes; or else send that argument, and close.
PERL_SERVER = r"""
use IO::Socket::INET;
my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => 0) or die;
$| = 1; print "listening at ", $listener->sockport, "\n";
my $client = $listener->accept or die;
binmode $client;
if ($ARGV[0] eq "echo") { while (<$client>) { print $client $_; $client->flush } }
else { print $client $ARGV[0] }
close $client;
"""
NODE_SERVER = r"""
const [answer] = process.argv.slice(1);
const server = require("net").createServer((client) => {
  server.close();
  if (answer === "echo") client.pipe(client); else client.end(answer);
});
server.listen(0, "127.0.0.1", () => console.log("listening at " + server.address().port));
"""
PYTHON_SERVER = r"""
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as listener:
    print("listening at", listener.getsockname()[1], flush=True)
    client, _ = listener.accept()
with client:
    if sys.argv[1] != "echo":
        client.sendall(sys.argv[1].encode())
    while sys.argv[1] == "echo" and (data := client.recv(65536)):
        client.sendall(data)
"""

EXITED = "Got end-of-file. Server closed connection on read!\nClient Exited.\n"
LINES = ["one", "", "два", "三 📞", " four "]


def needing(name: str) -> object:
    """Return a parameter that needs a system program of that name; Python is here anyway."""
    marks = () if name == "python" else pytest.mark.needs_program(name)
    return pytest.param(name, id=name, marks=marks)


def wire(lines: list[str]) -> str:
    """Return lines as they are on the wire."""
    return "".join(f"{line}\r\n" for line in lines)


# -- the others are clients ------------------------------------------------------------------------

FOREIGN_CLIENTS = [needing(name) for name in ("nc", "socat", "perl", "node", "python")]


def foreign_client(name: str, port: int) -> Program:
    """Return another's client, to be started: it sends what is typed and prints what it gets."""
    where = [HOST, str(port)]
    if name == "python":
        return Program([sys.executable, "-c", PYTHON_CLIENT, *where])
    arguments = {
        "nc": ["-N", *where],
        "socat": ["-t10", "-", f"TCP4:{HOST}:{port}"],
        "curl": ["-sN", f"telnet://{HOST}:{port}"],
        "perl": ["-e", PERL_CLIENT, *where],
        "node": ["-e", NODE_CLIENT, *where],
    }
    return Program([require(name), *arguments[name]])


def conversation(name: str, port: int, typed: str) -> str:
    """Let another's client send a text and then the end, and return all that it prints."""
    with foreign_client(name, port) as client:
        client.send(typed)
        if name == "curl":  # It knows no half-closes, and listens to no end but that of its input.
            client.read_until(r"\r\n")
        client.close_stdin()
        assert client.wait() == 0
        return client.output


@pytest.mark.parametrize("name", [*FOREIGN_CLIENTS, needing("curl")])
@pytest.mark.parametrize("server_name", DAYTIME_SERVERS)
def test_another_client_learns_the_time(
    name: str, server_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", POSIX_ZONE)
    with listening(server_name) as (_, port):
        before = time_in_zone()
        time = conversation(name, port, "")
    assert time.endswith("\r\n")
    assert_is_the_time(time.removesuffix("\r\n"), before)


@pytest.mark.parametrize("name", FOREIGN_CLIENTS)
@pytest.mark.parametrize("server_name", ["ex5_server", *MULTIPLEXED_SERVERS])
def test_another_client_has_its_lines_echoed(name: str, server_name: str) -> None:
    text = wire([*LINES, "quit"])
    with listening(server_name) as (_, port):
        assert conversation(name, port, text) == text


# -- the others are servers ------------------------------------------------------------------------

FOREIGN_SERVERS = [needing(name) for name in ("nc", "socat", "perl", "node", "python")]


def foreign_server(name: str, answer: str) -> Program:
    """Return another's server, to be started: it sends an answer, or echoes what comes.

    netcat, and socat with an answer, are typed into instead.
    """
    if name == "python":
        return Program([sys.executable, "-c", PYTHON_SERVER, answer])
    arguments = {
        "nc": ["-lvnN", HOST, "0"],
        "socat": ["-dd", f"TCP4-LISTEN:0,bind={HOST}", "PIPE" if answer == "echo" else "-"],
        "perl": ["-e", PERL_SERVER, answer],
        "node": ["-e", NODE_SERVER, answer],
    }
    return Program([require(name), *arguments[name]])


def port_of_foreign(server: Program) -> int:
    """Wait until another's server listens, and return its port."""
    return int(server.wait_for_line(r"istening .*[ :](\d+)$")[1])


@pytest.mark.parametrize("name", FOREIGN_SERVERS)
@pytest.mark.parametrize("client_name", DAYTIME_CLIENTS)
def test_a_client_learns_the_time_from_another_server(name: str, client_name: str) -> None:
    answer = "2/27/2010 13:53:7\r\n"
    with foreign_server(name, answer) as server:
        port = port_of_foreign(server)
        with client_of(port, client_name) as client:
            if name in ("nc", "socat"):
                client.read_until("!\n")
                server.send(answer)
                server.close_stdin()
            assert client.wait() == 0
        assert server.wait() == 0
    own_port = int(re.findall(r":(\d+)!", client.output)[0])
    assert client.output == greeting(client_name, port, own_port) + "2/27/2010 13:53:7"


@pytest.mark.parametrize("name", FOREIGN_SERVERS)
def test_the_client_has_its_lines_echoed_by_another_server(name: str) -> None:
    with foreign_server(name, "echo") as server:
        port = port_of_foreign(server)
        with client_of(port, "ex4_client") as client:
            own_port = int(client.read_until(r":(\d+)!\n")[1])
            for line in LINES:
                client.send(line + "\n")
                if name == "nc":
                    server.read_until(re.escape(line) + "\r\n")
                    server.send(line + "\r\n")
                client.read_until(re.escape(line) + "\n")
            client.close_stdin()
            assert client.wait() == 0
        if name == "nc":
            server.close_stdin()
        assert server.wait() == 0
    echoes = "".join(f"{line}\n" for line in LINES)
    assert client.output == greeting("ex4_client", port, own_port) + echoes + EXITED


# netcat is missing here: it takes the end of one half of a connection for the end of both.
@pytest.mark.parametrize("name", [needing(name) for name in ("socat", "perl", "node", "python")])
def test_the_patient_client_has_a_batch_echoed_by_another_server(name: str) -> None:
    with foreign_server(name, "echo") as server:
        port = port_of_foreign(server)
        with client_of(port, "ex5b_client") as client:
            client.send("".join(f"{line}\n" for line in LINES))
            client.close_stdin()
            assert client.wait() == 0
        assert server.wait() == 0
    own_port = int(re.findall(r":(\d+)!", client.output)[0])
    words = [greeting("ex5b_client", port, own_port), *remarks("ex5b_client", port)]
    assert_interleaved(client.output, words, [f"{line}\n" for line in LINES])
