"""The services that one needs to try clients, networks and terminals (RFCs 862, 863, 867, 864)."""

from ..._sys.wall_clock import time_of_day
from ...multiplex import Transport, TransportProtocol

__all__ = ("SERVICES", "Chargen", "Daytime", "Discard", "Echo")


class Discard(TransportProtocol):
    """Takes everything, and says nothing."""

    transport: Transport

    def connection_made(self, transport: Transport) -> None:
        """The connection is there."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """It is of no interest."""

    def stop_requested(self) -> None:
        """There is nothing that would have to be said."""
        self.transport.close()


class Echo(Discard):
    """Sends back what it gets, and takes no more than that."""

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)

    def pause_writing(self) -> None:
        """Take no more until there is room."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Take more."""
        self.transport.resume_reading()


class Daytime(Discard):
    """Says what time it is."""

    def connection_made(self, transport: Transport) -> None:
        """Say it, and that is all."""
        self.transport = transport
        transport.write(f"{time_of_day()}\r\n".encode())
        transport.close()


_CHARACTERS = bytes(range(0x20, 0x7F))
_LINE = 72  # characters
# All lines that there are, each of which begins with the next character.
_LINES = b"".join(
    (_CHARACTERS * 2)[start : start + _LINE] + b"\r\n" for start in range(len(_CHARACTERS))
)


class Chargen(Discard):
    """Sends lines for as long as somebody takes them."""

    _is_paused = False

    def connection_made(self, transport: Transport) -> None:
        """Begin."""
        self.transport = transport
        self._go_on()

    def _go_on(self) -> None:
        while not (self._is_paused or self.transport.is_closing):
            self.transport.write(_LINES)

    def eof_received(self) -> bool:
        """Go on: who has nothing to say may still listen."""
        return True

    def pause_writing(self) -> None:
        """Wait until there is room."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Go on, when what was queued has gone, so that others have their turns, too."""
        self._is_paused = False
        self.transport.event_base.call_soon(self._go_on)


SERVICES: dict[str, type[Discard]] = {
    "echo": Echo,
    "discard": Discard,
    "daytime": Daytime,
    "chargen": Chargen,
}
"""The services by their names."""
