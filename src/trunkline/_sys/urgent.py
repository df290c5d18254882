"""Where urgent data is in a stream, see sockatmark(3)."""

import sys

from ..errors import OperationNotSupported
from .socket_descriptor import SocketDescriptor

__all__ = ("is_at_mark",)

# SIOCATMARK, which Python lacks.
_AT_MARK = 0x8905 if sys.platform == "linux" else 0x4004_7307


def is_at_mark(descriptor: SocketDescriptor) -> bool:
    """Return whether all has been received that was sent before an urgent byte.

    Raises:
        SocketClosed, SocketError: As the names say.
    """
    descriptor.check_open("at_mark")
    if sys.platform == "win32":
        raise OperationNotSupported(operation="at_mark", address=descriptor.where)
    import fcntl

    try:
        answer = fcntl.ioctl(descriptor.number, _AT_MARK, bytes(4))
    except OSError as error:
        raise descriptor.failure(error, "at_mark") from None
    return any(answer)
