"""What the guide says twice, once for people and once in the code, says the same."""

import errno
import inspect
import sys
import textwrap
from pathlib import Path

import pytest
from docs.pages import DOCS, assert_up_to_date

import trunkline
import trunkline.errors
from trunkline import TrunklineError
from trunkline.multiplex import event_base, transport
from trunkline.multiplex.datagrams import endpoint
from trunkline.sockets.options.table import OPTIONS

DATAGRAMS = DOCS / "guide" / "datagrams.md"
ERRORS = DOCS / "guide" / "errors.md"
EVENT_BASE = DOCS / "guide" / "event_base.md"
TRANSPORT = DOCS / "guide" / "transport.md"
OPTIONS_PAGE = DOCS / "reference" / "options.md"


def public_errors() -> list[type[TrunklineError]]:
    """Return all classes of errors, in the order of the source."""
    found = [getattr(trunkline, name) for name in trunkline.__all__]
    classes = [each for each in found if inspect.isclass(each) and issubclass(each, TrunklineError)]
    return sorted(classes, key=lambda each: inspect.getsourcelines(each)[1])


def meaning(error: type[TrunklineError]) -> str:
    """Return the one line that says what an error means."""
    return (inspect.getdoc(error) or "").partition("\n\n")[0].replace("\n", " ")


def pythons_own(error: type[TrunklineError]) -> str:
    """Return the most special exception of Python's that an error is, if that says anything."""
    usual = (OSError, Exception, BaseException, object)
    own = [
        base
        for base in error.__mro__
        if not base.__module__.startswith("trunkline") and base not in usual
    ]
    return f"`{own[0].__name__}`" if own else ""


def names_of(code: int) -> list[str]:
    """Return all that an errno is called."""
    return sorted(name for name in dir(errno) if getattr(errno, name) == code)


def table(headings: list[str], lines: list[list[str]]) -> str:
    """Return a table in Markdown."""
    rule = ["---"] * len(headings)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [headings, rule, *lines])


def table_of_errnos() -> str:
    """Return the table of each errno that has a class."""
    lines = []
    for error in public_errors():
        codes = vars(error).get("_codes")
        if codes:
            names = ", ".join(name for code in dict.fromkeys(codes) for name in names_of(code))
            lines.append([names, f"`{error.__name__}`", pythons_own(error), meaning(error)])
    return table(["errno", "class", "also a", "meaning"], lines)


def table_of_others() -> str:
    """Return the table of the classes that no errno leads to."""
    lines = [
        [f"`{error.__name__}`", pythons_own(error), meaning(error)]
        for error in public_errors()
        if not vars(error).get("_codes")
    ]
    return table(["class", "also a", "meaning"], lines)


ACCESS = {"read, write": "", "read": ", read only", "write": ", write only"}


def table_of_options() -> str:
    """Return the table of all socket options."""
    lines = []
    for name, option in sorted(OPTIONS.items()):
        constants = " / ".join(filter(None, (option.constant, option.ipv6)))
        kind = f"{option.value.label}{ACCESS[option.access]}"
        if option.ipv6_value is not None:
            kind += f"; IPv6: {option.ipv6_value.label}"
        lines.append([f"`{name}`", option.meaning, kind, option.kinds, constants])
    return table(["option", "meaning", "type", "sockets", "the system's name"], lines)


def tree() -> str:
    """Return the drawing of the tree, as a block."""
    text = trunkline.errors.__doc__ or ""
    drawing = textwrap.dedent(text[text.index("    TrunklineError\n") : text.index("The table is")])
    return f"```text\n{drawing.strip()}\n```"


def test_the_guide_has_the_contract_of_the_transport() -> None:
    text = transport.__doc__ or ""
    text = text[text.index("The contract") :]
    assert "* `write`, `close` and" in text
    assert_up_to_date(TRANSPORT, "<!-- begin contract -->", "<!-- end contract -->", text)


def test_the_guide_has_the_contract_of_the_datagram_endpoint() -> None:
    text = endpoint.__doc__ or ""
    text = text[text.index("The contract") :]
    assert "* `send_to`, `close` and" in text
    assert_up_to_date(DATAGRAMS, "<!-- begin contract -->", "<!-- end contract -->", text)


def contract() -> str:
    """Return the part of the event base's text that is the contract."""
    text = event_base.__doc__ or ""
    return text[text.index("One iteration of") :]


@pytest.mark.skipif(sys.platform != "linux", reason="the table has Linux's errnos")
@pytest.mark.slow
def test_the_guide_has_the_table_of_errnos() -> None:
    text = table_of_errnos()
    assert "| ECONNREFUSED | `ConnectionRefused` | `ConnectionRefusedError` | Nobody" in text
    assert_up_to_date(ERRORS, "<!-- table of errno -->", "<!-- end of table of errno -->", text)


@pytest.mark.slow
def test_the_guide_has_the_table_of_the_other_errors() -> None:
    text = table_of_others()
    assert "| `EndOfFile` | `EOFError` |" in text
    assert_up_to_date(
        ERRORS, "<!-- table of the others -->", "<!-- end of table of the others -->", text
    )


def test_the_reference_has_the_table_of_options() -> None:
    text = table_of_options()
    assert "| `error` | The errno that is pending; reading clears it. | int, read only |" in text
    assert "| IP_TTL / IPV6_UNICAST_HOPS |" in text
    assert_up_to_date(
        OPTIONS_PAGE, "<!-- table of options -->", "<!-- end of table of options -->", text
    )


def test_the_meaning_of_an_option_is_a_sentence() -> None:
    for name, option in OPTIONS.items():
        assert option.meaning.endswith("."), name
        assert option.meaning[0].isupper(), name


@pytest.mark.slow
def test_every_error_is_in_one_of_the_tables() -> None:
    text = ERRORS.read_text(encoding="utf-8")
    tables = text[text.index("<!-- table of errno -->") :]
    missing = [each.__name__ for each in public_errors() if f"`{each.__name__}`" not in tables]
    assert not missing


def test_the_guide_has_the_tree_of_errors() -> None:
    assert "├ SocketError (OSError)" in tree()
    assert_up_to_date(ERRORS, "<!-- the tree -->", "<!-- end of the tree -->", tree())


def test_the_guide_has_the_contract_of_an_iteration() -> None:
    assert "8.  Leave if" in contract()
    assert_up_to_date(EVENT_BASE, "<!-- begin contract -->", "<!-- end contract -->", contract())


def test_what_is_out_of_date_is_put_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text("above\n% begin\nold\n% end\nbelow\n")
    monkeypatch.setattr("docs.pages.ROOT", tmp_path)
    with pytest.raises(pytest.fail.Exception, match="out of date"):
        assert_up_to_date(page, "% begin", "% end", "new")
    assert page.read_text() == "above\n% begin\n\nnew\n\n% end\nbelow\n"
    assert_up_to_date(page, "% begin", "% end", "new")
