"""What an error's text says of a name that there is not."""

import pytest

from trunkline._core.meant import Elsewhere, OtherKind, meant_instead

KNOWN = ("reuse_address", "timeout", "local_host", "remote_host")
ELSEWHERE = {"wait": "timeout", "host": "remote_host local_host", "flush": "finish_output"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("reuse_addr", "; perhaps reuse_address is meant"),
        ("timout", "; perhaps timeout is meant"),
        ("wait", "; perhaps timeout is meant"),
        ("host", "; perhaps remote_host or local_host is meant"),
        ("flush", ""),  # what it is called here cannot be given either
        ("x", ""),
        ("", ""),
    ],
)
def test_the_name_that_is_meant(name: str, text: str) -> None:
    assert meant_instead(name, KNOWN, ELSEWHERE) == text


def test_nothing_needs_to_be_known_of_other_libraries() -> None:
    assert meant_instead("remot_host", KNOWN) == "; perhaps remote_host is meant"


class Radio:
    listen_in = Elsewhere("tune() finds a station")


@pytest.mark.parametrize("radio", [Radio, Radio()])
def test_a_name_from_elsewhere_is_not_there_and_says_what_is(radio: object) -> None:
    with pytest.raises(AttributeError) as caught:
        radio.listen_in  # type: ignore[attr-defined]  # noqa: B018 - it raises
    assert str(caught.value).startswith("Radio has no listen_in: tune() finds a station")
    assert (caught.value.name, caught.value.obj) == ("listen_in", radio)
    assert not hasattr(radio, "listen_in")


class Telegraph:
    listen = OtherKind("radios", "read() prints what has come")


@pytest.mark.parametrize("telegraph", [Telegraph, Telegraph()])
def test_a_name_of_another_kind_is_a_mistake_about_types_too(telegraph: object) -> None:
    with pytest.raises(TypeError) as caught:
        telegraph.listen  # type: ignore[attr-defined]  # noqa: B018 - it raises
    told = "Telegraph has no listen, which is for radios: read() prints what has come"
    assert str(caught.value).startswith(told)
    assert isinstance(caught.value, AttributeError)
    assert (caught.value.name, caught.value.obj) == ("listen", telegraph)
    assert not hasattr(telegraph, "listen")
