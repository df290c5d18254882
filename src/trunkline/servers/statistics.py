"""What a server counts."""

from dataclasses import dataclass

__all__ = ("ServerStatistics",)


@dataclass(frozen=True, slots=True)
class ServerStatistics:
    """A look at a server, as it was when it was asked.

    Each connection that was accepted is shaking hands, active, or has ended in one of the ways
    below, so that the other numbers but `peak` add up to `accepted`.

    Attributes:
        accepted: How many connections have been accepted in all.
        shaking_hands: How many are in the handshake of TLS, or have done that and wait for room.
        active: How many are being served now.
        peak: How many have been served at once, at most.
        finished: Ended by the handler's returning.
        failed: Ended by an exception of the handler's, which went to the exception hook.
        broken: Ended by the client or the network: the handler was left by an error of its own
            connection, like `ConnectionReset`, `Hangup` or `EndOfFile`.
        timed_out: Ended by a time limit, of the server's or of the handler's. In a preamble, that
            is `rejected`.
        cut: Closed in another thread than the handler's: by the server when its time for draining
            was over, or by somebody else.
        rejected: Dropped because of the preamble, or because its TLS handshake has failed.
        refused: Turned away because the server was at its limit, its client had enough connections,
            no thread could be started, or too many clients were slow to shake hands.
    """

    accepted: int = 0
    shaking_hands: int = 0
    active: int = 0
    peak: int = 0
    finished: int = 0
    failed: int = 0
    broken: int = 0
    timed_out: int = 0
    cut: int = 0
    rejected: int = 0
    refused: int = 0
