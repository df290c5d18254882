"""Where a server listens, told from its sockets."""

from .._sys.sockaddr import AnyName
from ..addresses import Endpoint
from ..sockets.passive_socket import PassiveSocket

__all__ = ("Places",)


class Places:
    """The part of a server that tells where it listens."""

    _sockets: tuple[PassiveSocket, ...]

    @property
    def sockets(self) -> tuple[PassiveSocket, ...]:
        """The sockets that listen."""
        return self._sockets

    @property
    def local_names(self) -> tuple[AnyName, ...]:
        """The names that the server listens at: `Endpoint` or `LocalAddress`."""
        return tuple(socket.local_name for socket in self._sockets)

    @property
    def port(self) -> int:
        """The port that the server listens at, the first one if it has several.

        Raises:
            TypeError: It has none: all of its sockets are local ones.
        """
        for name in self.local_names:
            if isinstance(name, Endpoint):
                return name.port
        raise TypeError(f"{self!r} has no port: its sockets are local")
