"""Who is used to nc, dig or http.server: what is guessed right, and what is told otherwise."""

from collections.abc import Mapping

import pytest
from cli.helpers import assert_bad_usage
from support.peers import refusing_port

from trunkline.cli import main
from trunkline.cli.as_usual import COMMANDS, CONNECT, RESOLVE, SERVE
from trunkline.cli.exit_status import ExitStatus
from trunkline.cli.program import program

HINTS = {"connect": CONNECT, "serve": SERVE, "resolve": RESOLVE}


@pytest.mark.parametrize(
    "words", [("-N",), ("-C",), ("-4",), ("-w", "5"), ("-zvn",), ("-s127.0.0.1",)]
)
def test_options_that_mean_the_same(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with refusing_port() as port:
        assert main(["connect", *words, "127.0.0.1", str(port)]) == ExitStatus.REFUSED
    assert f"connect 127.0.0.1:{port}: Connection refused" in capsys.readouterr().err


def test_local_sockets_and_datagrams(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["connect", "-U", "/nowhere/at/all"]) == ExitStatus.REFUSED
    assert "connect /nowhere/at/all" in capsys.readouterr().err
    assert_bad_usage(["connect", "-uz", "localhost", "1"], "--probe is for connections", capsys)


GUESSES = {
    ("connect", "-p", "4000", "localhost", "1"): "--source ADDRESS:PORT",
    ("connect", "-lvnp", "80000"): "from 0 to 65535, not 80000",
    ("connect", "-lp", "1", "localhost", "2"): "-p is where to --listen",
    ("connect", "-n", "localhost", "1"): "-n is for addresses",
    ("connect", "-x", "proxy:3128", "localhost", "1"): "socat listens here",
    ("connect",): "Missing argument 'TARGET'",
    ("connect", "9999"): "write localhost:9999",
    ("connect", "OPENSSL:localhost:443"): "write tls:host:port",
    ("connect", "UNIX-CONNECT:/tmp/x"): "write unix:path",
    ("connect", "tcp4:localhost:80"): "say -4",
    ("connect", "fe80::1", "80"): "fe80::1%eth0",
    ("connect", "[fe80::1]:80"): "fe80::1%eth0",
    ("connect", "--ssl", "localhost", "1"): "tls:host:port",
    ("connect", "localhost", "20-25"): "one port at a time",
    ("connect", "-uU", "/s"): "-u is for UDP",
    ("connect", "-46", "localhost:1"): "choose one",
    ("connect", "-4", "unix:/s"): "internet addresses",
    ("connect", "-l", "localhost"): "write localhost:port",
    ("connect", "-l", "-u", "unix:/s"): "-u is for UDP",
    ("connect", "-l", "-u", "9999", "--cert", "x"): "--cert is for connections",
    ("connect", "-l", "tls:9999"): "say which certificate: --cert",
    ("connect", "-l", "9999", "--alpn", "h2"): "say which certificate: --cert",
    ("connect", "-l", "9999", "--retry", "3"): "--retry is for who connects",
    ("connect", "-l", "::1", "99999"): "to 65535, not 99999",
    ("connect", "--nonsense", "x:1"): "No such option '--nonsense'",
    ("serve", "-l", "9999"): "trunkline serve echo 9999",
    ("serve", "9999"): "Say trunkline serve echo 9999",
    ("serve", "."): "trunkline serve http .",
    ("serve", "http", "8000"): "say trunkline serve http . 8000",
    ("serve", "http", "--bind", "::1"): "the address comes last",
    ("resolve", "@9.9.9.9", "x"): "--server 9.9.9.9",
    ("resolve", "x", "@9.9.9.9"): "--server 9.9.9.9",
    ("resolve", "x", "+short"): "in a pipeline it is short",
    ("resolve", "--reverse", "x"): "--reverse is for addresses",
    ("resolve", "-t", "MX", "x"): "the type comes after the name",
    ("listen", "9999"): "trunkline connect --listen 9999",
    ("localhost:25",): "trunkline connect localhost:25",
    ("localhost", "25"): "trunkline connect localhost 25",
    ("-l", "25"): "trunkline connect -l",
    ("--nonsense",): "No such option '--nonsense'",
    ("http", "."): "trunkline serve http .",
    ("nonsense",): "nonsense",
}


@pytest.mark.parametrize("words", GUESSES, ids=" ".join)
def test_a_wrong_guess_is_told_what_to_say(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert_bad_usage([*words], GUESSES[words], capsys)


@pytest.mark.parametrize("name", HINTS)
def test_hints_are_for_what_is_not_there(name: str) -> None:
    hints: Mapping[str, str] = HINTS[name]
    known = {option for each in program.commands[name].params for option in each.opts}
    assert not known & {*hints}


def test_commands_that_are_meant_are_there() -> None:
    assert not {*COMMANDS} & {*program.commands}
    for meant in COMMANDS.values():
        name, *words = meant.split()
        if name == "--help":
            continue
        options = {option for each in program.commands[name].params for option in each.opts}
        assert all(word in options for word in words if word.startswith("-"))


@pytest.mark.parametrize("name", ["", *program.commands])
def test_help_fits_eighty_columns(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*filter(None, [name]), "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = [
        line for line in lines if not line.lstrip().startswith(("trunkline ", "printf ", "echo "))
    ]
    assert max(map(len, shown)) <= 80
    assert max(map(len, lines)) <= 100  # a line that is to be copied is not broken
