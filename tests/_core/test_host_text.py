"""Names in any script: by which ASCII name they are asked for, and back."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.names import to_ascii, to_unicode

PAIRS = [
    ("bücher.example", "xn--bcher-kva.example"),
    ("faß.example", "xn--fa-hia.example"),  # in 2003 it was "fass"
    ("βόλος.com", "xn--nxasmm1c.com"),
    ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
    ("_imap._tcp.bücher.example", "_imap._tcp.xn--bcher-kva.example"),
    ("bücher.example.", "xn--bcher-kva.example."),
    ("www.example", "www.example"),
]


@pytest.mark.parametrize(("name", "asked"), PAIRS)
def test_each_form_leads_to_the_other(name: str, asked: str) -> None:
    assert to_ascii(name) == asked
    assert to_ascii(asked) == asked
    assert to_unicode(asked) == name
    assert to_unicode(name) == name


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("\uff42ücher。example", "xn--bcher-kva.example"),
        ("bü\u00adcher.example", "xn--bcher-kva.example"),
        ("\uff57\uff57\uff57.example", "www.example"),
    ],
)
def test_what_looks_alike_is_the_same_name(name: str, asked: str) -> None:
    assert to_ascii(name) == asked


@pytest.mark.parametrize(
    "name",
    [
        "☕.example",
        "-ü.example",
        "a\u200db.example",
        "ü" * 70,
        "\u0661a.example",
        "\u0300ü.example",
    ],
)
def test_what_is_no_name_is_told(name: str) -> None:
    with pytest.raises(ValueError, match=r"^not the name of a host: "):
        to_ascii(name)


@pytest.mark.parametrize("name", [None, 5, b"host.example", ["a"]])
def test_a_name_is_text(name: Any) -> None:
    for function in (to_ascii, to_unicode):
        with pytest.raises(TypeError, match="a name is text, not "):
            function(name)


@pytest.mark.parametrize("label", ["xn--", "xn--zz", "xn--ü", "xn--a-ecp", "XN--" + "a" * 70])
def test_what_pretends_to_stand_for_other_letters_stays(label: str) -> None:
    assert to_unicode(f"{label}.bücher.example") == f"{label}.bücher.example"
    assert to_unicode(f"{label}.xn--bcher-kva.example") == f"{label}.bücher.example"


@given(st.text(max_size=80))
@pytest.mark.slow
def test_any_text_is_a_name_or_a_value_error(text: str) -> None:
    try:
        asked = to_ascii(text)
    except ValueError:
        return
    assert asked.isascii()
    if not text.isascii():
        assert to_ascii(to_unicode(asked)).casefold() == asked.casefold()


@pytest.mark.slow
def test_only_who_meets_other_letters_imports_what_knows_them() -> None:
    program = """if True:
        import sys
        import trunkline, trunkline.names
        trunkline.names.to_ascii("www.example"), trunkline.names.to_unicode("www.example")
        assert "idna" not in sys.modules
        trunkline.names.to_ascii("bücher.example")
        assert "idna" in sys.modules
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
