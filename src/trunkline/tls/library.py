"""What Python's `ssl` is made of here, for who looks at a machine."""

import os
import ssl
from contextlib import suppress
from typing import NamedTuple

__all__ = ("TLSLibrary", "tls_library")


class TLSLibrary(NamedTuple):
    """The TLS of this Python.

    Attributes:
        version: The library and its version, like ``"OpenSSL 3.0.15 3 Sep 2024"``.
        has_tls13: Whether it speaks TLS 1.3.
        authorities: How many authorities clients believe without being told whom.
        places: Where it looks for them: a file and a directory.
    """

    version: str
    has_tls13: bool
    authorities: int
    places: tuple[str, ...]


def tls_library() -> TLSLibrary:
    """Return what there is."""
    found = ssl.get_default_verify_paths()
    places = tuple(filter(None, (found.openssl_cafile, found.openssl_capath)))
    loaded = len(ssl.create_default_context().get_ca_certs())
    # Those of a directory are loaded when somebody shows a certificate of theirs.
    hashed: set[str] = set()
    for place in places:
        with suppress(OSError):  # it is a file, or is not there, or not for us
            hashed |= {name for name in os.listdir(place) if name.endswith(".0")}
    return TLSLibrary(ssl.OPENSSL_VERSION, ssl.HAS_TLSv1_3, max(loaded, len(hashed)), places)
