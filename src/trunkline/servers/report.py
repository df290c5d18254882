"""What a worker tells its supervisor of its server, when it is asked.

A question is a byte, and the answer is a line of JSON. A thread of the worker's own answers, which
also does so while the server drains, or its handlers keep all others busy.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from .._sys.process_memory import resident_bytes
from .._sys.processes import PipeEnd
from .._sys.readiness import READABLE, wait_for_any
from .statistics import ServerStatistics
from .traffic import OpenConnection, Traffic

__all__ = (
    "QUESTION",
    "Answer",
    "answer_of",
    "answer_questions",
    "made",
    "parse_answer",
    "plain_answer",
)

QUESTION = b"?"

_LONGEST_NAME = 100  # characters of a peer's name that are told

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker has told.

    Attributes:
        memory: How many bytes of memory its process has, or None where the system does not tell.
        statistics: What its server has counted, or None if that has nothing to tell.
        traffic: What has gone through it, likewise.
    """

    memory: int | None = None
    statistics: ServerStatistics | None = None
    traffic: Traffic | None = None


def answer_questions(server: object, questions: PipeEnd, answers: PipeEnd) -> None:
    """Answer the questions that come, until nobody can ask any more."""
    while True:
        wait_for_any([(questions.fileno(), READABLE)], None)
        asked = questions.read()
        if asked == b"":
            return
        if asked is not None:
            answers.write(_line(_look_at(server)))


def _look_at(server: object) -> Answer:
    statistics = getattr(server, "statistics", None)
    traffic = getattr(server, "traffic", None)
    return Answer(
        memory=resident_bytes(),
        statistics=None if statistics is None else statistics(),
        traffic=None if traffic is None else traffic(),
    )


def _line(answer: Answer) -> bytes:
    return json.dumps(plain_answer(answer)).encode() + b"\n"


def plain_answer(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON has it."""
    told = asdict(answer)
    if answer.traffic is not None:
        for each in told["traffic"]["longest"]:
            each["peer"] = str(each["peer"])[:_LONGEST_NAME]
    return told


def parse_answer(line: bytes) -> Answer:
    """Return what a line means; one that means nothing is an answer that tells nothing."""
    try:
        return answer_of(json.loads(line))
    except (ValueError, TypeError, KeyError):
        return Answer()


def answer_of(told: Mapping[str, Any]) -> Answer:
    """Return the answer that JSON has, see `plain_answer`.

    Raises:
        TypeError, KeyError: There is none.
    """
    traffic = told["traffic"]
    if traffic is not None:
        longest = [made(OpenConnection, each) for each in traffic["longest"]]
        traffic = made(Traffic, {**traffic, "longest": tuple(longest)})
    statistics = told["statistics"]
    if statistics is not None:
        statistics = made(ServerStatistics, statistics)
    return Answer(told["memory"], statistics, traffic)


def made(kind: type[T], values: Mapping[str, Any]) -> T:
    """Return a dataclass with these values, of which it need not have all."""
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]  # all are dataclasses
    return kind(**{name: value for name, value in values.items() if name in known})
