"""What `trunkline serve` says of each request and each connection, for who looks after it."""

import logging

from ..._core.log_record import about
from ..._printable import printable

__all__ = ("LOGGER_NAME", "note")

LOGGER_NAME = "trunkline.serve"

_logger = logging.getLogger(LOGGER_NAME)


def note(
    text: str,
    *,
    server: str,
    peer: object,
    error: BaseException | None = None,
    **fields: object,
) -> None:
    """Log what has become of something.

    Args:
        text: What is said of it. What others have put into it can neither begin a line nor tell a
            terminal anything.
        server: Which service it is.
        peer: The other end.
        error: What has gone wrong.
        **fields: Further attributes of the record.
    """
    if _logger.isEnabledFor(logging.INFO):
        extra = {**about(server=server, peer=peer, error=error), **fields}
        _logger.info("%s %s", peer, printable(text), extra=extra)
