"""What the pages tell the reader to type is typed, in a fresh export, and does what they say."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.pages import DOCS, README, ROOT, blocks
from docs.walking import INSTALLING, NOT_TYPED, Walk, commands, walking

# Packages come over the network.
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.needs_program("git"),
    pytest.mark.timeout(INSTALLING),
]

GUIDE = DOCS / "guide"


def text_of(page: Path) -> str:
    """Return a page; of a program it is what ``--help`` shows."""
    text = page.read_text(encoding="utf-8")
    return text if page.suffix == ".md" else ast.get_docstring(ast.parse(text)) or ""


def test_the_readme_is_followed_from_an_empty_directory(tmp_path: Path) -> None:
    text = text_of(README)
    client = ".venv/bin/python client.py"
    with walking(tmp_path) as walk:
        walk.install()
        walk.save_programs(text)
        with walk.serving(".venv/bin/python examples/ex5_server.py", "^Waiting to accept"):
            assert walk.run(client) == "Grüße, 世界!\n"
        assert walk.run(".venv/bin/python refused.py") == walk.translated(*blocks(text, "text"))
        with walk.serving(".venv/bin/python server.py", "127.0.0.1:9999", status=0):
            assert walk.run(client) == "Grüße, 世界!\n"
        with walk.serving(".venv/bin/python chat.py", "127.0.0.1:9999", status=0):
            assert walk.run(client) == "Grüße, 世界!\n"
        with walk.serving(".venv/bin/python awaiting.py", "127.0.0.1:9999", status=0):
            assert walk.run(client) == "Grüße, 世界!\n"
        assert "\nmake demo " in walk.run("make help")
        assert "What came back is what went in: yes" in walk.run("make demo", is_online=True)
        walk.assert_complete(text)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """A reader who has done what the README says first, and nothing else."""
    with walking(tmp_path_factory.mktemp("reader")) as walk:
        walk.install()
        yield walk


def test_the_page_of_the_programs_is_followed(installed: Walk) -> None:
    with installed.serving(".venv/bin/python examples/ex5_server.py", "^Waiting to accept"):
        output = installed.run(".venv/bin/python examples/ex4_client.py", types="hello\n")
        assert "\nhello\n" in output
    installed.assert_complete(text_of(GUIDE / "programs.md"), besides=text_of(README))


@pytest.mark.needs_program("curl")
def test_the_page_of_port_is_followed(installed: Walk) -> None:
    hosts = Path("/etc/hosts").read_text(encoding="utf-8").splitlines()
    with installed.serving(".venv/bin/python examples/http09_server.py /etc/", "Started server"):
        for command in (
            ".venv/bin/python examples/http09_client.py /hosts",
            "curl --http0.9 http://localhost:8080/hosts",
        ):
            output = installed.run(command)
            assert all(line in output for line in hosts)
    installed.assert_complete(text_of(GUIDE / "port.md"))


@pytest.mark.needs_program("nc")
def test_the_page_of_lispworks_is_followed(installed: Walk) -> None:
    listener = ".venv/bin/python examples/lispworks_listener.py"
    typed, _ = blocks(text_of(GUIDE / "lispworks.md"), "text")
    name, expression, value = typed.splitlines()
    with (
        installed.serving(listener, "has started at"),
        installed.start("nc localhost 10243") as client,
    ):
        client.send(f"{name}\n")
        client.read_until(">>> ")
        client.send(expression.removeprefix(">>> ") + "\n")
        client.read_until(f"{value}\n>>> ")
    for page in (GUIDE / "lispworks.md", ROOT / "examples" / "lispworks_listener.py"):
        installed.assert_complete(text_of(page))


@pytest.mark.needs_program("nc")
def test_what_the_programs_with_callbacks_say_is_followed(installed: Walk) -> None:
    proxy = "examples/evented_proxy.py --port 9998 --to-host localhost --to-port 9999"
    with (
        installed.serving(".venv/bin/python examples/evented_chat.py --port 9999", "^Listening"),
        installed.serving(f".venv/bin/python {proxy}", "^Listening"),
        installed.start("nc localhost 9999") as person,
    ):
        person.wait_for_line("^Who are you")
    for program in (ROOT / "examples").glob("evented_*.py"):
        installed.assert_complete(text_of(program))


@pytest.mark.needs_program("nc")
def test_what_the_programs_with_await_say_is_followed(installed: Walk) -> None:
    python = ".venv/bin/python examples/"
    proxy = f"{python}await_proxy.py --port 9998 --to-host localhost --to-port 9999"
    mixing = f"{python}await_mixing.py --port 9999 --listeners-port 9998"
    with (
        installed.serving(f"{python}await_chat.py --port 9999", "^Listening"),
        installed.serving(proxy, "^Listening"),
        installed.start("nc localhost 9999") as person,
    ):
        person.send("Ann\n")
    with (
        installed.serving(mixing, "^Listen at"),
        installed.start("nc localhost 9998"),
        installed.start("nc localhost 9999"),
    ):
        pass
    for program in (ROOT / "examples").glob("await_*.py"):
        installed.assert_complete(text_of(program))


# Those of which a test above asks whether all of it was typed.
FOLLOWED = {
    *(README, *(GUIDE / f"{name}.md" for name in ("programs", "port", "lispworks", "await"))),
    *(ROOT / "examples" / f"{name}.py" for name in ("ex15_server", "ex20_server", "ex22_proxy")),
    *(ROOT / "examples").glob("await_*.py"),
    *(ROOT / "examples").glob("evented_*.py"),
    ROOT / "examples" / "lispworks_listener.py",
}


def test_all_pages_and_programs_that_tell_to_type_something_are_followed() -> None:
    start = set(commands(text_of(README)))
    everything = [DOCS / "index.md", *GUIDE.glob("*.md"), *(ROOT / "examples").glob("*.py")]
    telling = {page for page in everything if set(commands(text_of(page))) - start}
    assert telling <= FOLLOWED


def test_what_is_not_typed_is_on_some_page() -> None:
    texts = [text_of(page) for page in FOLLOWED]
    assert set(NOT_TYPED) <= {command for text in texts for command in commands(text)}


def test_commands_are_found_wherever_they_stand() -> None:
    text = "Type `make tea`, or:\n\n```sh\nnc a 1  # now\nmilk\n```\n\n    curl 'a b'\nmake it\n"
    assert commands(text) == ["nc a 1", "milk", "make tea", "curl 'a b'"]
