"""A callback that cannot be called with what it gets is refused at once, wherever it is given."""

from collections.abc import Callable
from typing import Any

import pytest
from evented.helpers import Start, fail, unwanted

from trunkline import evented


def wrong(one: Any, two: Any, three: Any) -> None:
    """Take too much for anybody."""


async def unplain(*args: Any) -> None:
    """Do nothing, unless somebody awaits it."""


CALLS: list[Callable[[Any], object]] = [
    lambda wrong: evented.delay(wrong),
    lambda wrong: evented.interval(wrong, 1),
    lambda wrong: evented.idle(wrong),
    lambda wrong: evented.delay(unwanted, event_cb=wrong),
    lambda wrong: evented.dns_lookup("host.example", wrong),
    lambda wrong: evented.reverse_dns_lookup("192.0.2.1", wrong),
    lambda wrong: evented.signal_handler(12, wrong),
    lambda wrong: evented.tcp_connect("127.0.0.1", 9, wrong),
    lambda wrong: evented.tcp_connect("127.0.0.1", 9, unwanted, event_cb=wrong),
    lambda wrong: evented.tcp_connect("127.0.0.1", 9, unwanted, connect_cb=wrong),
    lambda wrong: evented.tcp_server("127.0.0.1", 0, wrong),
    lambda wrong: evented.tcp_server("127.0.0.1", 0, unwanted, event_cb=wrong),
    lambda wrong: evented.tcp_server("127.0.0.1", 0, unwanted, connect_cb=wrong),
    lambda wrong: evented.tcp_connect("127.0.0.1", 9, unwanted, write_cb=wrong),
    lambda wrong: evented.notifier(wrong),
    lambda wrong: evented.poll(0, wrong),
    lambda wrong: evented.current_event_loop().add_exit_callback(wrong),
    lambda wrong: setattr(evented.current_event_loop(), "default_event_handler", wrong),
]


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (wrong, r"is called with \(.*\), and wrong cannot be$"),
        (unplain, "is a plain function, and unplain an async one"),
    ],
)
@pytest.mark.parametrize("call", CALLS)
def test_it_is_refused_and_nothing_is_left(
    start: Start, call: Callable[[Any], object], callback: Any, message: str
) -> None:
    def main() -> None:
        with pytest.raises(TypeError, match=message):
            call(callback)

    start(main)


def test_so_is_what_a_loop_begins_with() -> None:
    with pytest.raises(TypeError, match=r"^main is called with \(\), and wrong cannot be$"):
        evented.start_event_loop(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^main is a plain function, and unplain an async one"):
        evented.start_event_loop(unplain)
    with pytest.raises(TypeError, match=r"^catch_app_errors is a plain function"):
        evented.EventLoop(catch_app_errors=unplain)


def test_what_only_returns_a_coroutine_has_failed(start: Start) -> None:
    caught: list[Exception] = []
    start(lambda: evented.delay(lambda: unplain()), catch_app_errors=caught.append)
    assert "a callback is a plain function, and" in str(caught)


def hidden(*args: Any) -> object:
    """Hide what would have to be awaited."""
    return unplain(*args)


HIDING: list[tuple[Callable[[], object], dict[str, object]]] = [
    (lambda: evented.current_event_loop().add_exit_callback(hidden), {}),
    (lambda: evented.delay(fail), {"catch_app_errors": hidden}),
    (
        lambda: evented.delay(fail, event_cb=hidden),
        {"catch_app_errors": True, "send_errors_to_eventcb": True},
    ),
]


@pytest.mark.parametrize(("main", "options"), HIDING)
def test_so_has_one_that_is_called_when_something_ends_or_fails(
    start: Start, main: Callable[[], object], options: Any, caplog: pytest.LogCaptureFixture
) -> None:
    if options.get("catch_app_errors") is True:
        start(main, **options)
        assert "hidden" in caplog.text
    else:
        with pytest.raises(TypeError, match="a callback is a plain function, and hidden"):
            start(main, **options)
