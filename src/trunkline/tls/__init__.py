"""TLS: how to speak it, what goes wrong, and the machine that does it without I/O.

Importing this loads Python's `ssl`; the rest of Trunkline does so when TLS is first asked for.
"""

from .description import TLS
from .errors import NotTLS, TLSCertificateError, TLSError, TLSMismatch, TLSTruncated

__all__ = ("TLS", "NotTLS", "TLSCertificateError", "TLSError", "TLSMismatch", "TLSTruncated")
