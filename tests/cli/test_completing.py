"""What a shell is told when somebody presses the tab key."""

from pathlib import Path

import pytest
from cli.helpers import shell
from click.shell_completion import ShellComplete

from trunkline._core.dns_records import RecordType
from trunkline.cli.control import asking
from trunkline.cli.program import COMPLETION_VARIABLE, NAME, program


def completed(*words: str) -> list[tuple[str, str]]:
    """Return what the last word may become, and of which kind each is."""
    maker = ShellComplete(program, {}, NAME, COMPLETION_VARIABLE)
    items = maker.get_completions([*words[:-1]], words[-1])
    return [(item.type, item.value) for item in items]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (("c",), ["connect", "completion"]),
        (("connect", "--prox"), ["--proxy-header"]),
        (("connect", "--starttls", "p"), ["pop3", "postgres"]),
        (("serve", "e"), ["echo", "exec"]),
        (("serve", "echo", ""), []),
        (("serve", "http", "dir", ""), []),
        (("resolve", "example.org", "t"), ["TXT", "TLSA"]),
        (("demo", "a"), ["await"]),
    ],
)
def test_words_that_are_known(words: tuple[str, ...], values: list[str]) -> None:
    assert completed(*words) == [("plain", value) for value in values]


def test_all_types_of_records() -> None:
    assert {value for _, value in completed("resolve", "example.org", "")} == {
        *RecordType.__members__
    }


def test_a_directory_is_left_to_the_shell() -> None:
    assert completed("serve", "http", "sub/d") == [("dir", "sub/d")]


def test_servers_that_are_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "servers_here", lambda: [4711, 815])
    assert completed("top", "") == [("plain", "4711"), ("plain", "815")]
    assert completed("top", "8") == [("plain", "815")]


@pytest.mark.slow
def test_in_a_shell(tmp_path: Path) -> None:
    script = """echo 'exec $T "$@"' > trunkline; chmod +x trunkline
    eval "$(./trunkline completion bash)"
    COMP_WORDS=(trunkline serve ch) COMP_CWORD=2
    _trunkline_completion ./trunkline
    echo "${COMPREPLY[@]}" """
    assert shell(script, cwd=tmp_path).stdout == b"chargen\n"
