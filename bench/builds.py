"""Ours is measured twice: its sources, and with compiled modules. `TRUNKLINE_IMPL` chooses."""

from collections.abc import Iterator
from typing import NotRequired, TypedDict, Unpack

from bench.model import Contestant, Service

BUILDS = {"trunkline": "pure", "native": "native"}
"""The builds, by the names of the libraries that they are in tables and charts."""


class Program(TypedDict):
    """What a contestant of ours is, whatever its build; see `Contestant`."""

    interface: str
    services: tuple[Service, ...]
    program: str
    folder: NotRequired[str]
    arguments: NotRequired[tuple[str, ...]]


def both_builds(**program: Unpack[Program]) -> Iterator[Contestant]:
    """Yield two contestants that run the same program, one for each build.

    The compiled one is absent where nothing was compiled.
    """
    for library, build in BUILDS.items():
        yield Contestant(
            library=library,
            requires=("trunkline",) if build == "native" else (),
            environment=(("TRUNKLINE_IMPL", build),),
            **program,
        )
