"""How to speak TLS, as options say it: what is wrong with that is told before anything else."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..tls import TLS

__all__ = ("checked_tls",)


def checked_tls(*, server_side: bool, **options: Any) -> "TLS":
    """Return how to speak TLS, after its files were read.

    Args:
        server_side: Whether it is for a server.
        **options: As for `TLS`.

    Raises:
        UsageError: One of them is not what it can be.
        PathNotFound, PermissionDenied, TLSError: A file cannot be read, or is not as it should be.
    """
    from ..tls import TLS

    try:
        tls = TLS(**options)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    tls.context(server_side=server_side)
    return tls
