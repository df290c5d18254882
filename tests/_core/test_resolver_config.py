"""What resolv.conf(5) says, and what of it counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import Endpoint, ensure_address
from trunkline._core.resolver_config import ResolverConfig, parse_resolver_config

WHOLE = """
# The first one.
; And another comment.
nameserver 192.0.2.1
nameserver 2001:db8::53
nameserver fe80::1%eth0
domain ignored.test
search one.test two.test.
options ndots:2 timeout:3 attempts:4
options rotate use-vc edns0 unknown:1
sortlist 130.155.160.0/255.255.240.0
"""


def servers(*addresses: str) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(ensure_address(each), 53) for each in addresses)


def test_all_that_a_file_says() -> None:
    assert parse_resolver_config(WHOLE) == ResolverConfig(
        servers=servers("192.0.2.1", "2001:db8::53", "fe80::1%eth0"),
        search=("one.test", "two.test"),
        ndots=2,
        timeout=3,
        attempts=4,
        rotate=True,
        use_tcp=True,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ResolverConfig()),
        ("nameserver\nnameserver x\nnameserver 127.1\nsearch\noptions", ResolverConfig()),
        ("search a\ndomain b", ResolverConfig(search=("b",))),
        ("domain b\nsearch a", ResolverConfig(search=("a",))),
        ("search a..b ok", ResolverConfig(search=("ok",))),
        ("search .", ResolverConfig(search=(".",))),
        ("search BÜCHER.test", ResolverConfig(search=("xn--bcher-kva.test",))),
        (
            "options ndots:99 timeout:99 attempts:99",
            ResolverConfig(ndots=15, timeout=30, attempts=5),
        ),
        ("options ndots:0 timeout:0 attempts:0", ResolverConfig(ndots=0, timeout=1, attempts=1)),
        ("options ndots:x timeout: attempts ndots:-1 ndots:٣", ResolverConfig()),
        (f"options ndots:{'9' * 5000}", ResolverConfig(ndots=15)),
        (" nameserver 192.0.2.1", ResolverConfig(servers=servers("192.0.2.1"))),
    ],
)
def test_what_of_it_counts(text: str, expected: ResolverConfig) -> None:
    assert parse_resolver_config(text) == expected


def test_the_environment_comes_last() -> None:
    config = parse_resolver_config(WHOLE, local_domain="here.test there.test", options="ndots:5")
    assert config.search == ("here.test", "there.test")
    assert parse_resolver_config("", local_domain="bücher.test").search == ("xn--bcher-kva.test",)
    assert (config.ndots, config.attempts) == (5, 4)


@given(st.text())
@pytest.mark.slow
def test_no_file_is_too_strange(text: str) -> None:
    assert parse_resolver_config(text).servers


@pytest.mark.parametrize(
    ("name", "ndots", "expected"),
    [
        ("host", 1, ["host.one.test", "host.two.test", "host"]),
        ("host.sub", 1, ["host.sub", "host.sub.one.test", "host.sub.two.test"]),
        ("host.sub", 2, ["host.sub.one.test", "host.sub.two.test", "host.sub"]),
        ("host", 0, ["host", "host.one.test", "host.two.test"]),
        ("host.", 1, ["host"]),
        (r"ho\.", 1, [r"ho\..one.test", r"ho\..two.test", r"ho\."]),
        ("ho\\\\.", 1, ["ho\\\\"]),  # the dot is not what the backslashes stand before
        (".", 1, ["."]),
        ("a" * 63, 1, ["a" * 63 + ".one.test", "a" * 63 + ".two.test", "a" * 63]),
        (".".join(["a" * 62] * 4), 1, [".".join(["a" * 62] * 4)]),  # no room for more
    ],
)
def test_the_names_that_are_asked_for(name: str, ndots: int, expected: list[str]) -> None:
    config = ResolverConfig(search=("one.test", "two.test"), ndots=ndots)
    assert list(config.candidates(name)) == expected


def test_the_root_among_the_domains_is_the_name_itself() -> None:
    assert ResolverConfig(search=("one.test", ".")).candidates("host") == ("host.one.test", "host")


def test_names_to_ask_for_are_in_the_form_in_which_they_are_compared() -> None:
    config = ResolverConfig(search=("One.test",))
    assert config.candidates("WW\\087") == ("www.one.test", "www")


def test_what_is_no_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="name"):
        ResolverConfig().candidates("a..b")
