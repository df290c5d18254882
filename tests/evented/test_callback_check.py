"""A callback that cannot be called with what it gets is refused at once, wherever it is given."""

from collections.abc import Callable
from typing import Any

import pytest
from evented.helpers import Start, unwanted

from trunkline import evented


def wrong(one: Any, two: Any, three: Any) -> None:
    """Take too much for anybody."""


CALLS: list[Callable[[], object]] = [
    lambda: evented.delay(wrong),  # type: ignore[arg-type]
    lambda: evented.interval(wrong, 1),  # type: ignore[arg-type]
    lambda: evented.idle(wrong),  # type: ignore[arg-type]
    lambda: evented.delay(unwanted, event_cb=wrong),  # type: ignore[arg-type]
    lambda: evented.dns_lookup("host.example", wrong),  # type: ignore[arg-type]
    lambda: evented.reverse_dns_lookup("192.0.2.1", wrong),  # type: ignore[arg-type]
    lambda: evented.signal_handler(12, wrong),  # type: ignore[arg-type]
    lambda: evented.tcp_connect("127.0.0.1", 9, wrong),  # type: ignore[arg-type]
    lambda: evented.tcp_connect("127.0.0.1", 9, unwanted, event_cb=wrong),  # type: ignore[arg-type]
    lambda: evented.tcp_connect("127.0.0.1", 9, unwanted, connect_cb=wrong),  # type: ignore[arg-type]
    lambda: evented.tcp_server("127.0.0.1", 0, wrong),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("call", CALLS)
def test_it_is_refused_and_nothing_is_left(start: Start, call: Callable[[], object]) -> None:
    def main() -> None:
        with pytest.raises(TypeError, match=r"is called with \(.*\), and wrong cannot be$"):
            call()

    start(main)


def test_so_is_what_a_loop_begins_with() -> None:
    with pytest.raises(TypeError, match=r"^main is called with \(\), and wrong cannot be$"):
        evented.start_event_loop(wrong)  # type: ignore[arg-type]
