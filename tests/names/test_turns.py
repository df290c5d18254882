"""Whose turn it is to ask a name server."""

from ipaddress import IPv4Address

from trunkline import Endpoint, EventBase
from trunkline.names.turns import turns_for


class Somebody:
    """Asks when it is their turn, and notes so."""

    has_asked = False
    waits = False

    def _wait_for_turn(self) -> None:
        self.waits = True

    def _ask_now(self) -> None:
        self.has_asked = True

    def _expire(self) -> None:
        """Nobody says so."""

    def _after_fork(self) -> None:
        """Nobody forks."""


def test_so_many_have_connections_and_the_others_hope_while_there_are_answers() -> None:
    with EventBase() as base:
        turns = turns_for(base, Endpoint(IPv4Address("192.0.2.1"), 53), "tcp")
        all_of_them = [Somebody() for _ in range(22)]
        for who in all_of_them:
            turns.take(who)
        assert [who.has_asked for who in all_of_them] == [True] * 20 + [False] * 2
        assert [who.waits for who in all_of_them] == [False] * 20 + [True] * 2
        first, *_, last_but_one, last = all_of_them
        assert not turns.has_hope(last)
        turns.note_answer()
        assert [turns.has_hope(who) for who in (last, last, first)] == [True, False, False]
        turns.give_back(first)
        assert (last_but_one.has_asked, last.has_asked) == (True, False)
        for who in all_of_them:
            turns.give_back(who)
        assert turns_for(base, Endpoint(IPv4Address("192.0.2.1"), 53), "tcp") is not turns
