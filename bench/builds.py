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


def with_build(library: str, **program: Unpack[Program]) -> Contestant:
    """Return a contestant that runs a program with one of the builds, by the library's name.

    The compiled one is absent where nothing was compiled.
    """
    build = BUILDS[library]
    return Contestant(
        library=library,
        requires=("trunkline",) if build == "native" else (),
        environment=(("TRUNKLINE_IMPL", build),),
        **program,
    )


def both_builds(**program: Unpack[Program]) -> Iterator[Contestant]:
    """Yield two contestants that run the same program, one for each build."""
    return (with_build(library, **program) for library in BUILDS)
