"""What a peer begins with, by the first bytes that have come: TLS, an alert, something else."""

__all__ = ("OPENING_BYTES", "alert_of", "looks_like_tls", "protocol_of")

OPENING_BYTES = 16
"""How many bytes are enough to tell."""

# Types of records (RFC 8446, section 5.1) that a peer may begin with: an alert, or a handshake. The
# last is a greeting of SSL 2, in which some old clients offer TLS.
_ALERT, _HANDSHAKE, _GREETING_OF_SSL2 = 0x15, 0x16, 0x80
_MAJOR_VERSION = 3
_ALERT_AT = 6  # its number, behind the head of its record and its level

_OPENINGS: dict[bytes, str] = {
    **dict.fromkeys((b"HTTP/", b"PRI * HTTP/"), "HTTP"),
    **dict.fromkeys(
        (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"TRACE "),
        "HTTP",
    ),
    b"CONNECT ": "HTTP",
    b"SSH-": "SSH",
    b"220 ": "SMTP or FTP",
    b"220-": "SMTP or FTP",
    b"EHLO ": "SMTP",
    b"HELO ": "SMTP",
    b"* OK": "IMAP",
    b"+OK": "POP3",
    b"PROXY ": "the PROXY protocol",
    b"\r\n\r\n\0\r\nQUIT\n": "the PROXY protocol",
}


def looks_like_tls(opening: bytes) -> bool:
    """Return whether a peer that begins like this may speak TLS; nothing may be the start of it."""
    if not opening:
        return True
    if opening[0] & _GREETING_OF_SSL2:
        return True
    return opening[0] in (_ALERT, _HANDSHAKE) and opening[1:2] in (b"", bytes([_MAJOR_VERSION]))


def alert_of(opening: bytes) -> int | None:
    """Return the number of the alert that a peer begins with, or None if it does not."""
    is_alert = opening[:1] == bytes([_ALERT]) and len(opening) > _ALERT_AT
    return opening[_ALERT_AT] if is_alert else None


def protocol_of(opening: bytes) -> str | None:
    """Return what it speaks otherwise, for people, or None if nobody knows."""
    for start, name in _OPENINGS.items():
        if opening.startswith(start):
            return name
    return None
