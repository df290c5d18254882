"""Finding out early that the arguments of `connect`, `listen` and their like are no such things."""

from typing import Never

from .._core.counts import check_count
from ..sockets.active_socket import ActiveSocket
from ..sockets.passive_socket import PassiveSocket
from .event_base import EventBase

__all__ = ("check_connecting", "check_event_base", "check_socket", "check_water_marks")


def check_event_base(event_base: EventBase) -> None:
    """Raise `TypeError` unless an event base is one; whoever swaps arguments is told so."""
    if not isinstance(event_base, EventBase):
        raise TypeError(f"the event base comes first, and {type(event_base).__name__} is none")


def check_connecting(operation: str, event_base: EventBase, misplaced: tuple[Never, ...]) -> None:
    """Raise `TypeError` for what is given to `connect` or `reconnect` without a name, and needs it.

    Args:
        operation: Which of them it is.
        event_base: What should be one.
        misplaced: What was given after the protocol, or the factory.
    """
    check_event_base(event_base)
    if misplaced:
        raise TypeError(
            f"{operation}() takes by name where it connects to: "
            f"{operation}(…, remote_host='127.0.0.1', remote_port=7777)"
        )


def check_socket(
    operation: str, socket: object, kind: type[ActiveSocket] | type[PassiveSocket]
) -> None:
    """Raise `TypeError` unless a socket is one of a kind."""
    if not isinstance(socket, kind):
        call = "connect='passive', …" if issubclass(kind, PassiveSocket) else "…"
        name = type(socket).__name__
        # Whoever has one has imported its class, and nobody else is to pay for that.
        hint = ": adopt_datagrams() takes that" if name == "DatagramSocket" else ""
        raise TypeError(
            f"{operation}() takes {kind.__name__}s, as make_socket({call}) makes them, and no "
            f"{name}{hint}"
        )


def check_water_marks(high: int, low: int | None) -> tuple[int, int]:
    """Return the water marks of a queue; for None, a quarter of the high one is the low one.

    Raises:
        TypeError, ValueError: They are no integers, or not ``0 <= low <= high``.
    """
    check_count("high_water", high, least=0)
    low = high // 4 if low is None else check_count("low_water", low, least=0)
    if low > high:
        raise ValueError(f"the water marks are 0 <= low <= high, not {low} and {high}")
    return high, low
