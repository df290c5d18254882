"""What the user has said of a connection."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ...addresses import Endpoint
from ...sockets.families import InternetFamily
from ..target import Target

if TYPE_CHECKING:
    from ...tls import TLS

__all__ = ("Settings",)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of `trunkline connect`.

    Attributes:
        target: What to connect to.
        tls: How to speak TLS, at once or after `starttls`; None for not at all.
        starttls: In which protocol to ask for it, one of `starttls.PROTOCOLS`.
        server_name: Whom the server is to be.
        proxy_header: The version of the PROXY protocol to begin with.
        source: Where to connect from.
        timeout: Seconds for everything until the connection can be used; None for no limit.
        idle: Seconds without anything sent or received that end it; None for no limit.
        retries: How many times to try again.
        encoding: What text on the network is in; None for bytes as they are.
        crlf: Whether lines end in CR LF on the network.
        keep_open: Whether not to tell the peer of the end of the input.
        hex: Whether to show what goes both ways, byte by byte.
        family: Which kind of addresses a name is to have: ``"internet"`` is either.
        listens: Whether to wait for a client there instead.
        probes: Whether to end it when there is a connection.
        history: Whether to remember what is typed on a terminal.
    """

    target: Target
    tls: "TLS | None" = None
    starttls: str | None = None
    server_name: str | None = None
    proxy_header: Literal[1, 2] | None = None
    source: Endpoint | None = None
    timeout: float | None = None
    idle: float | None = None
    retries: int = 0
    encoding: str | None = None
    crlf: bool = False
    keep_open: bool = False
    hex: bool = False
    family: InternetFamily = "internet"
    listens: bool = False
    probes: bool = False
    history: bool = True
