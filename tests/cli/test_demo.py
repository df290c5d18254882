"""`trunkline demo`: what it shows is what runs."""

import inspect

import pytest
from cli.helpers import run

from trunkline.cli import main
from trunkline.cli.demo.programs import LINES
from trunkline.cli.demo.run import WAYS, demonstrate
from trunkline.cli.demo_command import demo
from trunkline.cli.exit_status import ExitStatus


@pytest.mark.parametrize("way", WAYS)
def test_a_server_and_a_client_are_shown_and_run(
    way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", way]) == 0
    output = capsys.readouterr().out
    first = inspect.getsource(WAYS[way][0]).splitlines()[0]
    assert f"    {first}\n" in output
    assert "    def talk(host: str, port: int, lines: Iterable[str]) -> Iterator[str]:" in output
    assert "".join(f"    {line}\n" for line in LINES) in output
    assert "\n12 lines in 12 scripts came back as they went, in " in output
    assert max(map(len, output.splitlines())) <= 80


def test_the_ways_are_those_of_the_command() -> None:
    (argument,) = demo.params[:1]
    assert [*argument.type.choices] == [*WAYS]  # type: ignore[attr-defined]


def test_what_comes_back_otherwise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        "trunkline.cli.demo.run.talk", lambda host, port, lines: map(str.upper, lines)
    )
    monkeypatch.setattr("trunkline.cli.demo.run._source", lambda thing: "")
    assert not demonstrate("threads", told.append)
    assert "came back changed" in told[-1]
    monkeypatch.setattr("trunkline.cli.demo.run.demonstrate", lambda way, tell: False)
    assert main(["demo"]) == ExitStatus.FAILED


@pytest.mark.slow
def test_where_there_are_no_such_letters_it_ends_well() -> None:
    ended = run("demo", PYTHONIOENCODING="ascii")
    assert (ended.status, ended.errors) == (0, "")
    assert b"\\u4f60\\u597d" in ended.output
