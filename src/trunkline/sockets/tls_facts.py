"""What the two ends of a connection have agreed on by TLS, for whatever may speak it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..tls.machine import Machine

__all__ = ("TLSFacts",)


class TLSFacts:
    """The part of a connection that tells what came of its handshake."""

    __slots__ = ()

    @property
    def _machine(self) -> "Machine | None":
        """What speaks TLS, once there is that."""
        raise NotImplementedError

    @property
    def remote_certificate(self) -> bytes | None:
        """The peer's certificate (DER), once the handshake is over; None if it has shown none.

        `ssl.DER_cert_to_PEM_cert` makes text of it.
        """
        machine = self._machine
        return None if machine is None else machine.remote_certificate

    @property
    def tls_version(self) -> str | None:
        """The version of TLS, like ``"TLSv1.3"``; None before the handshake, and without TLS."""
        machine = self._machine
        return None if machine is None else machine.version

    @property
    def cipher(self) -> str | None:
        """The name of the cipher, like ``"TLS_AES_256_GCM_SHA384"``; see `tls_version`."""
        machine = self._machine
        return None if machine is None else machine.cipher

    @property
    def alpn_protocol(self) -> str | None:
        """What both ends have agreed to speak inside of TLS, of the `alpn` of each; or None."""
        machine = self._machine
        return None if machine is None else machine.alpn_protocol

    @property
    def session_reused(self) -> bool:
        """Whether the connection goes on with the TLS session of an earlier one."""
        machine = self._machine
        return machine is not None and machine.session_reused
