"""What tests of resolvers ask with: the two ways to have one look something up, and who is told."""

from collections.abc import Callable
from typing import Any

from support.timing import PATIENCE

from trunkline import EventBase
from trunkline.names import DNSResolver

Way = Callable[..., Any]
"""Calls a resolver's method with arguments, and returns, or raises, what comes of it."""


def blocking(resolver: Any, method: str, *args: Any, **options: Any) -> Any:
    """Call a method that waits."""
    return getattr(resolver, method)(*args, **options)


def on_a_base(resolver: Any, method: str, *args: Any, **options: Any) -> Any:
    """Call the method that does the same on an event base, and wait for what it tells."""
    outcomes: list[Any] = []
    if len(args) > 1:
        args, options["record_type"] = args[:1], args[1]
    with EventBase(exit_when_empty=True) as base:
        begin = getattr(resolver, f"{method}_on")
        begin(base, *args, outcomes.append, outcomes.append, **options)
        assert outcomes == []
        base.dispatch(timeout=PATIENCE)
        assert base.is_empty
    (outcome,) = outcomes
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def resolver_for(*servers: Any, **options: Any) -> DNSResolver:
    """Return a resolver that knows nothing but its servers."""
    options = {
        "config_file": None,
        "hosts_file": None,
        "server_timeout": PATIENCE,
        "sort_addresses": False,
        **options,
    }
    addresses = [getattr(server, "endpoint", server) for server in servers]
    return DNSResolver(addresses, **options)


class Told(list[Any]):
    """What was told; whoever tells is called, and ends the dispatching."""

    def __init__(self, base: EventBase) -> None:
        self._base = base

    def __call__(self, outcome: Any) -> None:
        self.append(outcome)
        self._base.exit()

    def wait_for(self, count: int) -> None:
        """Dispatch until so many have told something."""
        while len(self) < count:
            self._base.dispatch(timeout=PATIENCE)
