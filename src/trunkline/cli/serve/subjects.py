"""The services that have to be told of something: of a directory, for one."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ...errors import SocketError
from .handlers import BadHandler, Found

__all__ = ("SUBJECTS", "Subject")


class Subject(NamedTuple):
    """What such a service has to be told of.

    Attributes:
        what: What it is, as the help calls it.
        make: Called with what the user has said, and with the options; returns what serves.
        place: Where to listen if nothing is said.
        options: The names of options that are for this service alone.
    """

    what: str
    make: Callable[[str, dict[str, Any]], Found]
    place: str | None = None
    options: tuple[str, ...] = ()


def _http(directory: str, options: dict[str, Any]) -> Found:
    from .http.protocol import HTTPProtocol
    from .http.site import Site

    try:
        site = Site(directory, hidden=options["hidden"])
    except SocketError as error:
        raise BadHandler(f"{directory!r} is no directory to serve: {error.strerror}") from None
    return Found("http", lambda: HTTPProtocol(site), "callbacks")


SUBJECTS: dict[str, Subject] = {
    "http": Subject("DIR", _http, "8000", ("hidden",)),
}
"""The services by their names."""
