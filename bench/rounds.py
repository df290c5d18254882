"""The order of things: everybody takes part in everything, once in each round.

Rounds are the outermost loop: in each, every contest is held once, and its contestants come in an
order that is shuffled anew. A machine that becomes slower, warmer or busier in the course of the
benchmark becomes so for everybody.
"""

import random
import sys
from collections.abc import Sequence

from bench.match import Setup, play
from bench.model import Contest, Contestant
from bench.processes import Failed
from bench.report import Outcome, figure

Outcomes = dict[str, dict[str, list[Outcome]]]
"""By a contest's name and a contestant's key: what was shown in each round."""


def hold(
    contests: Sequence[Contest],
    contestants: Sequence[Contestant],
    setup: Setup,
    *,
    rounds: int,
    seed: int,
) -> Outcomes:
    """Hold the contests and return what everybody has shown.

    Args:
        contests: In this order, in every round.
        contestants: Each takes part in the contests whose service it offers.
        setup: What is the same for every run.
        rounds: How many times.
        seed: Decides the order of the contestants; the same seed gives the same order.
    """
    shuffler = random.Random(seed)
    outcomes: Outcomes = {contest.name: {} for contest in contests}
    for number in range(1, rounds + 1):
        for contest in contests:
            field = [one for one in contestants if contest.service in one.services]
            for contestant in shuffler.sample(field, len(field)):
                outcome = _play_once(contest, contestant, setup)
                outcomes[contest.name].setdefault(contestant.key, []).append(outcome)
                _tell(f"round {number} of {rounds}", contest, contestant, outcome)
    return outcomes


def _play_once(contest: Contest, contestant: Contestant, setup: Setup) -> Outcome:
    try:
        return play(contest, contestant, setup)
    except Failed as failure:
        return str(failure)


def _tell(when: str, contest: Contest, contestant: Contestant, outcome: Outcome) -> None:
    what = (
        f"FAILED: {outcome}"
        if isinstance(outcome, str)
        else f"{figure(outcome.cost)} {contest.unit}"
    )
    print(f"{when}: {contest.name}: {contestant.key}: {what}", file=sys.stderr)
