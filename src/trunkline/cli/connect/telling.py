"""What `--verbose` tells, on the error stream: each step, and how long it took."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..._printable import printable
from ..._sys.clock import monotonic
from ...addresses import Endpoint
from ...errors import SocketError
from ...multiplex import Transport
from ..starting import print_error

if TYPE_CHECKING:
    from ..._sys.sockaddr import AnyName

__all__ = ("BriefTelling", "Teller", "Telling", "say_on_errors")


class Teller:
    """Who is told of the steps of a connection, and says nothing of them.

    It is what watches the attempts to connect, too.
    """

    def begin(self, target: object) -> None:
        """A connection is to be made."""

    def addresses_found(self, names: tuple[Endpoint, ...]) -> None:
        """These addresses are to be tried."""

    def attempt_started(self, name: Endpoint) -> None:
        """One of them is."""

    def attempt_failed(self, name: Endpoint, error: SocketError) -> None:
        """It has failed."""

    def connected(self, name: "AnyName", local_name: "AnyName") -> None:
        """There is a connection."""

    def listening(self, name: "AnyName") -> None:
        """A client is waited for."""

    def accepted(self, name: "AnyName") -> None:
        """There is one."""

    def retrying(self, error: Exception, delay: float) -> None:
        """There is none, and it will be tried again."""

    def starttls_agreed(self, protocol: str) -> None:
        """The server has agreed to go on with TLS."""

    def secured(self, transport: Transport) -> None:
        """The handshake is over."""

    def ended(self, sent: int, received: int, seconds: float) -> None:
        """It is all over."""


class BriefTelling(Teller):
    """Says what somebody else has to know: where a client is waited for.

    Args:
        say: Prints a line.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say

    def listening(self, name: "AnyName") -> None:
        """A client is waited for."""
        self._say(f"listening at {name}")


class Telling(BriefTelling):
    """Says all of that.

    Args:
        say: Prints a line.
        is_believed: Whether a certificate has been looked at, and is good.
        clock: What tells how long a step took.
    """

    def __init__(
        self,
        say: Callable[[str], object],
        *,
        is_believed: bool = True,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(say)
        self._is_believed = is_believed
        self._clock = clock
        self._step_began = clock()
        self._attempt_began: dict[Endpoint, float] = {}
        self._found: dict[Endpoint, None] = {}

    def begin(self, target: object) -> None:
        """A connection is to be made."""
        self._say(f"connecting to {target}")
        self._step_began = self._clock()
        self._found.clear()

    def addresses_found(self, names: tuple[Endpoint, ...]) -> None:
        """These addresses are to be tried."""
        new = [name for name in names if name not in self._found]
        self._found.update(dict.fromkeys(new))
        if new:
            shown = ", ".join(str(name.host) for name in new)
            self._tell(f"to be tried: {shown}", self._step_began)

    def attempt_started(self, name: Endpoint) -> None:
        """One of them is."""
        self._attempt_began[name] = self._clock()
        self._say(f"trying {name}")

    def attempt_failed(self, name: Endpoint, error: SocketError) -> None:
        """It has failed."""
        self._tell(str(error), self._attempt_began[name])

    def connected(self, name: "AnyName", local_name: "AnyName") -> None:
        """There is a connection."""
        began = self._step_began
        if isinstance(name, Endpoint):
            began = self._attempt_began.get(name, began)
        source = "" if not isinstance(local_name, Endpoint) else f" from {local_name}"
        self._tell(f"connected to {name}{source}", began)
        self._step_began = self._clock()

    def accepted(self, name: "AnyName") -> None:
        """There is a client."""
        self._say(f"connected from {name or 'somebody'}")

    def retrying(self, error: Exception, delay: float) -> None:
        """There is none, and it will be tried again."""
        self._say(f"{error}; once more in {delay:g} s")

    def starttls_agreed(self, protocol: str) -> None:
        """The server has agreed to go on with TLS."""
        self._tell(f"agreed on TLS by {protocol}", self._step_began)
        self._step_began = self._clock()

    def secured(self, transport: Transport) -> None:
        """The handshake is over."""
        facts = [transport.tls_version, transport.cipher]
        facts += [f"ALPN {transport.alpn_protocol}"] if transport.alpn_protocol else []
        facts += ["session resumed"] if transport.session_reused else []
        self._tell(", ".join(filter(None, facts)), self._step_began)
        certificate = transport.remote_certificate
        if certificate is not None:
            for line in certificate_lines(certificate, is_believed=self._is_believed):
                self._say(line)

    def ended(self, sent: int, received: int, seconds: float) -> None:
        """It is all over."""
        self._say(f"{sent} bytes sent, {received} received, in {seconds:.3f} s")

    def _tell(self, what: str, since: float) -> None:
        milliseconds = 1000 * (self._clock() - since)
        self._say(f"{what} ({milliseconds:.1f} ms)")


def certificate_lines(certificate: bytes, *, is_believed: bool) -> Iterator[str]:
    """Return what there is to say of a peer's certificate."""
    from hashlib import sha256

    from ...tls.certificate_facts import certificate_facts

    doubt = "" if is_believed else ", which nobody has vouched for"
    try:
        facts = certificate_facts(certificate)
    except ValueError:
        yield f"a certificate that cannot be read{doubt}"
    else:
        yield f"certificate of {facts.subject}{doubt}"
        yield f"  for {', '.join(facts.names) or 'no host'}"
        yield f"  issued by {facts.issuer}"
        yield f"  good from {facts.not_before} to {facts.not_after}"
    yield f"  SHA-256 {sha256(certificate).hexdigest()}"


def say_on_errors(text: str) -> None:
    """Print a line on the error stream, if there is one that takes it."""
    print_error(printable(text))
