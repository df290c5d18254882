"""Who may ask a name server now, from which socket, and who waits for a turn.

Thousands of questions at once would overflow the buffer of the server's socket, and what is lost
there is only asked again when its time is up.
"""

from collections import OrderedDict
from typing import Protocol, TypeAlias
from weakref import WeakKeyDictionary

from .._core.dns_exchange import Ask, DNSTransport
from .._core.timer_queue import Timer
from ..addresses import Endpoint
from ..multiplex.event_base import EventBase
from .datagrams import Channel
from .patience import Patience

__all__ = ("Asker", "Turns", "forget_all_turns", "turns_for")

_MOST: dict[DNSTransport, int] = {"udp": 100, "tcp": 20}
"""How many questions are open at a time. A socket's buffer has room for twice as many datagrams."""

_INTERVAL = 0.1
"""Seconds, after two of which without any answer datagrams are not taken to be in a buffer."""

_Key: TypeAlias = tuple[Endpoint, DNSTransport]


class Asker(Protocol):
    """Who asks."""

    def _wait_for_turn(self) -> object:
        """Others ask, as many as may."""

    def _ask_now(self) -> object:
        """It is their turn."""

    def _expire(self) -> object:
        """There was no answer in time."""

    def _after_fork(self) -> object:
        """In a child process: what was asked is not answered here."""


class Turns:
    """Lets so many ask a server at a time, in the order in which they have come.

    Where the server is silent, those who have asked by datagrams until then do not count any more:
    nobody waits for long because of them. Connections are few even then; so who waits for one gives
    up like those who have one, see `has_hope`.
    """

    def __init__(self, event_base: EventBase, key: _Key) -> None:
        self._event_base = event_base
        self._key = key
        self._most = _MOST[key[1]]
        self._asking: set[Asker] = set()
        self._answers = 0
        # In order, with the answers that there were before. It takes the longer to find the first
        # one of a plain dict, the more there have been before it.
        self._waiting: OrderedDict[Asker, int] = OrderedDict()
        self._uncounted = 0
        self._silent_intervals = 0
        self._timer: Timer | None = None
        self._channel: Channel | None = None
        self._patience: dict[float, Patience] = {}  # by how long it lasts

    def patience_for(self, ask: Ask) -> Patience:
        """Return what tells those who ask when they need not wait for an answer any more."""
        patience = self._patience.get(ask.timeout)
        if patience is None:
            patience = self._patience[ask.timeout] = Patience(self._event_base, ask.timeout)
        return patience

    def channel_for(self, ask: Ask) -> Channel:
        """Return a channel to the server that has room for a question.

        Raises:
            SocketError: There is none, for example because no descriptor is left.
        """
        channel = self._channel
        if channel is None or not channel.has_room_for(ask):
            channel = self._channel = Channel(self._event_base, ask.server)
        return channel

    def _are_of(self, event_base: EventBase, server: Endpoint, transport: DNSTransport) -> bool:
        of_server, of_transport = self._key
        is_same = of_server is server and of_transport == transport
        return is_same and self._event_base is event_base

    def take(self, who: Asker) -> None:
        """Have somebody ask: at once, or when it is their turn."""
        if self._waiting or self._is_full():
            self._waiting[who] = self._answers
            who._wait_for_turn()
            self._let_ask()
        else:
            self._asking.add(who)
            who._ask_now()

    def note_answer(self) -> None:
        """Take note that the server has said something."""
        self._answers += 1

    def has_hope(self, who: Asker) -> bool:
        """Return whether somebody's turn may still come, as others have had answers meanwhile.

        It counts from the last time that this was asked.
        """
        before = self._waiting.get(who, self._answers)
        if before == self._answers:
            return False
        self._waiting[who] = self._answers
        return True

    def give_back(self, who: Asker) -> None:
        """Take note that somebody does not wait any more, for the answer or for a turn."""
        self._asking.discard(who)
        self._silent_intervals = 0
        if self._uncounted:
            self._uncounted = min(self._uncounted, len(self._asking))
        if self._waiting:
            self._waiting.pop(who, None)
            if not self._event_base.closed:
                self._let_ask()
        if not self._waiting:
            self._stop_timer()
            if not self._asking:
                _forget(self._event_base, self._key, self)

    def _is_full(self) -> bool:
        return len(self._asking) - self._uncounted >= self._most

    def _let_ask(self) -> None:
        while self._waiting and not self._is_full():
            who, _ = self._waiting.popitem(last=False)
            self._asking.add(who)
            who._ask_now()
        if self._waiting and self._timer is None and self._key[1] == "udp":
            self._timer = self._event_base.add_timer(self._go_on, _INTERVAL, one_shot=True)

    def _go_on(self) -> None:
        self._timer = None
        self._silent_intervals += 1
        if self._silent_intervals > 1:  # in one, nobody may have looked
            self._uncounted = len(self._asking)
        self._let_ask()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._event_base.remove_timer(self._timer)
            self._timer = None


_turns: WeakKeyDictionary[EventBase, dict[_Key, Turns]] = WeakKeyDictionary()

_latest: Turns | None = None
"""Those that were wanted last, and most often are again: an address is slow to be looked up."""


def turns_for(event_base: EventBase, server: Endpoint, transport: DNSTransport) -> Turns:
    """Return the turns of those who ask a server on an event base."""
    latest = _latest  # other threads have their own event bases, and set it, too
    if latest is not None and latest._are_of(event_base, server, transport):
        return latest
    return _look_up(event_base, server, transport)


def _look_up(event_base: EventBase, server: Endpoint, transport: DNSTransport) -> Turns:
    global _latest
    here = _turns.get(event_base)
    if here is None:
        here = _turns[event_base] = {}
    key = server, transport
    turns = here.get(key)
    if turns is None:
        turns = here[key] = Turns(event_base, key)
    _latest = turns
    return turns


def _forget(event_base: EventBase, key: _Key, turns: Turns) -> None:
    global _latest
    if _latest is turns:
        _latest = None
    here = _turns.get(event_base)
    if here and here.get(key) is turns:
        del here[key]


def forget_all_turns() -> list[Asker]:
    """Begin anew, also with sockets, and return all those who ask or wait for a turn."""
    global _latest
    _latest = None
    everybody = [
        who
        for here in _turns.values()
        for turns in here.values()
        for who in (*turns._asking, *turns._waiting)
    ]
    _turns.clear()
    return everybody
