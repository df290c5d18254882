"""How the command line begins and ends: help, statuses, interruptions, output that nobody reads."""

import errno
import os
import pickle
import re
import subprocess
import sys

import pytest
from cli.helpers import ARGV, ENVIRONMENT, run
from support.signal_points import struck_at
from support.timing import PATIENCE

import trunkline
from trunkline import errors
from trunkline.cli import main, starting
from trunkline.cli.exit_status import ExitStatus, status_of
from trunkline.cli.program import program

HINT = starting.HINT.format(extra="cli")

COMMANDS = [*program.commands]


def test_it_can_be_asked_for_its_version() -> None:
    ended = run("--version")
    assert ended == (0, f"trunkline {trunkline.__version__}\n".encode(), "")


@pytest.mark.parametrize("words", [["--help"], [], *([each, "--help"] for each in COMMANDS)])
def test_help_teaches_by_examples_and_fits(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    status = main(words)
    captured = capsys.readouterr()
    text = captured.out + captured.err
    assert status == (0 if words else ExitStatus.BAD_USAGE)
    assert "Examples:" in text
    assert re.search(r"^    trunkline ", text, re.M) or "| trunkline" in text
    lines = text.splitlines()
    examples = lines.index("Examples:")
    assert all(len(line) <= 80 for line in lines[:examples])
    assert all(len(line) <= 100 for line in lines[examples:])
    assert "\x1b" not in text


def test_all_statuses_are_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for status in ExitStatus:
        assert re.search(rf"^  {int(status)} +{re.escape(status.meaning[:30])}", text, re.M)


@pytest.mark.parametrize("words", [["no-such-command"], ["connect"], ["--no-such-option"]])
def test_bad_usage_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == ExitStatus.BAD_USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Error: " in captured.err
    assert "Traceback" not in captured.err


# -- errors ----------------------------------------------------------------------------------------

STATUSES = {
    errors.ConnectionRefused: ExitStatus.REFUSED,
    errors.PathNotFound: ExitStatus.REFUSED,
    errors.TimedOut: ExitStatus.TIMED_OUT,
    errors.NoName: ExitStatus.NO_SUCH_NAME,
    errors.NoRecord: ExitStatus.NO_SUCH_NAME,
    errors.TryAgain: ExitStatus.NOT_RESOLVED,
    errors.QueryRefused: ExitStatus.NOT_RESOLVED,
    errors.NetworkUnreachable: ExitStatus.UNREACHABLE,
    errors.HostUnreachable: ExitStatus.UNREACHABLE,
    errors.ConnectionReset: ExitStatus.BROKEN_OFF,
    errors.Hangup: ExitStatus.BROKEN_OFF,
    errors.EndOfFile: ExitStatus.BROKEN_OFF,
    errors.ProtocolError: ExitStatus.BAD_ANSWER,
    errors.BadDNSMessage: ExitStatus.BAD_ANSWER,
    errors.PermissionDenied: ExitStatus.LOCAL,
    errors.AddressInUse: ExitStatus.LOCAL,
    errors.TooManyOpenFiles: ExitStatus.LOCAL,
    errors.Busy: ExitStatus.FAILED,
    FileNotFoundError: ExitStatus.LOCAL,
    IsADirectoryError: ExitStatus.LOCAL,
    trunkline.TLSCertificateError: ExitStatus.TLS_FAILED,
    trunkline.NotTLS: ExitStatus.TLS_FAILED,
}


@pytest.mark.parametrize("kind", STATUSES, ids=lambda kind: kind.__name__)
def test_an_error_has_a_status(kind: type[Exception]) -> None:
    assert status_of(kind()) is STATUSES[kind]


def test_every_error_of_ours_has_a_status() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        error = kind.__new__(kind)
        assert status_of(error) in set(ExitStatus)


def test_of_several_reasons_the_first_counts() -> None:
    attempts = (errors.TimedOut(), errors.ConnectionRefused(), errors.NetworkUnreachable())
    error = errors.ConnectFailed.from_attempts(attempts)
    assert status_of(error) is ExitStatus.REFUSED


@pytest.mark.parametrize("operation", ["bind", "load"])
def test_where_to_listen_and_a_certificate_are_matters_of_this_machine(operation: str) -> None:
    assert status_of(errors.PathNotFound(operation=operation)) is ExitStatus.LOCAL


def test_a_status_is_a_number_with_a_meaning() -> None:
    assert [int(status) for status in ExitStatus] == sorted({*map(int, ExitStatus)})
    assert int(ExitStatus.REFUSED) == 6
    assert pickle.loads(pickle.dumps(ExitStatus.REFUSED)) is ExitStatus.REFUSED
    assert len({status.meaning for status in ExitStatus}) == len(ExitStatus)
    assert ExitStatus.INTERRUPTED == starting.INTERRUPTED


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file", "a\nb"), "a\\nb: No such file [ENOENT]"),
        (OSError(errno.ENOSPC, "No space left"), "No space left [ENOSPC]"),
        (OSError("nothing more is known"), "nothing more is known"),
        (
            errors.ConnectionRefused(address="x", operation="connect"),
            "connect x: Connection refused",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_told_as_what_is_wrong_with_a_peer(
    error: Exception, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: object) -> int:
        raise error

    monkeypatch.setattr(starting, "_run_program", fail)
    main([])
    assert capsys.readouterr().err.startswith(f"trunkline: {line}")


def test_what_goes_wrong_is_one_line_that_nobody_can_forge(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: object) -> int:
        raise errors.StreamError("two\nlines \x1b[2J")

    monkeypatch.setattr(starting, "_run_program", fail)
    assert main([]) == ExitStatus.BAD_ANSWER
    assert capsys.readouterr().err == "trunkline: two\\nlines \\x1b[2J\n"


def test_our_own_mistake_has_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(arguments: object) -> int:
        raise LookupError("a mistake")

    monkeypatch.setattr(starting, "_run_program", fail)
    with pytest.raises(LookupError, match="a mistake"):
        main([])


# -- interruptions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [2, 3, 5])
def test_ctrl_c_ends_it_at_any_moment(first: int, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    statuses = []
    point = first
    is_struck = True
    while is_struck:
        is_struck = struck_at(point, lambda: statuses.append(main(["--version"])), interrupt)
        point += 1 + point // 3
    *interrupted, last = statuses
    assert interrupted
    assert {*interrupted} == {ExitStatus.INTERRUPTED}
    assert last == 0
    assert capsys.readouterr().err == ""


def test_output_that_nobody_reads_ends_it_without_a_word() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [*ARGV, "--help"],
            stdout=writing,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            timeout=PATIENCE,
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (ExitStatus.NO_READER, b"")


@pytest.mark.parametrize("missing", ["click"])
def test_what_is_missing_is_told_in_one_line(missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from trunkline.cli import main\n"
        "sys.exit(main(['connect']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT
    )
    assert ended.returncode == ExitStatus.NOT_INSTALLED
    assert ended.stderr == f"trunkline: {HINT} ({missing} is missing)\n"
    assert ended.stdout == ""


@pytest.mark.parametrize("words", [["--help"], ["resolve", "127.0.0.1"], ["doctor"], ["manual"]])
def test_without_an_output_nothing_is_printed(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main(words) in (ExitStatus.DONE, ExitStatus.FAILED)
    assert capsys.readouterr().err == ""


def test_without_an_error_stream_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["connect", "tls:localhost:1", "--ca", "/no/such/file"]) == ExitStatus.LOCAL
    assert capsys.readouterr().out == ""


def test_a_full_disk_is_told() -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [*ARGV, "--help"], stdout=full, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True
        )
    assert ended.returncode == ExitStatus.LOCAL
    assert ended.stderr == "trunkline: No space left on device [ENOSPC]\n"


def test_what_draws_tables_is_needed_where_people_read_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    assert main(["resolve", "127.0.0.1"]) == 0
    monkeypatch.setattr("trunkline.cli.tables.goes_to_terminal", lambda: True)
    assert main(["resolve", "127.0.0.1"]) == ExitStatus.NOT_INSTALLED
    assert capsys.readouterr().err == f"trunkline: {HINT} (rich is missing)\n"


# -- the manual, and shells ------------------------------------------------------------------------


def test_the_manual_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manual"]) == 0
    page = capsys.readouterr().out
    for name, command in program.commands.items():
        assert f".SS trunkline {name} " in page
        for parameter in command.params:
            for option in parameter.opts if parameter.param_type_name == "option" else ():
                assert option.replace("-", r"\-") in page
    for status in ExitStatus:
        assert rf"\fB{int(status)}\fR" in page


@pytest.mark.needs_program("man", "groff")
def test_the_manual_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manual"]) == 0
    page = capsys.readouterr().out
    shown = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-P-cbou"],
        input=page.encode(),
        capture_output=True,
        timeout=PATIENCE,
    )
    text = shown.stdout.decode()
    assert shown.returncode == 0
    assert "warning" not in shown.stderr.decode().replace("adjust line", "")
    assert "trunkline connect" in text
    assert r"printf 'GET / HTTP/1.0\r\n\r\n' | trunkline connect tls:example.org:443" in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert f"_TRUNKLINE_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_words_are_completed() -> None:
    ended = run(
        _TRUNKLINE_COMPLETE="bash_complete", COMP_WORDS="trunkline connect --prox", COMP_CWORD="2"
    )
    assert ended == (0, b"plain,--proxy-header\n", "")
