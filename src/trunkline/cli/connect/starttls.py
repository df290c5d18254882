"""What has to be said in other protocols before TLS can begin, without I/O.

Each protocol is a generator: it yields what is to be sent, with a function that finds the end of
the reply in what has come, and is sent that reply.
"""

import re
from collections.abc import Callable, Generator
from typing import NamedTuple, TypeAlias

from ..._printable import printable
from ...errors import ProtocolError

__all__ = ("PROTOCOLS", "StartTLS")

LONGEST_REPLY = 65_536  # bytes

_OPERATION = "starttls"


class Say(NamedTuple):
    """The next step.

    Attributes:
        message: What is to be sent.
        reply_end: Returns where the whole reply ends in what has come, or 0 if there is more to
            come.
    """

    message: bytes
    reply_end: Callable[[bytes], int]


Steps: TypeAlias = Generator[Say, bytes, None]


class StartTLS:
    """A conversation at whose end both sides go on with TLS.

    Args:
        protocol: One of `PROTOCOLS`.
        host: Whom the server is to be.

    Attributes:
        done: Whether the server has agreed.
        unread: What has come behind its last reply, which it may not have sent.
    """

    def __init__(self, protocol: str, host: str) -> None:
        self._steps = PROTOCOLS[protocol](host)
        self._said = next(self._steps)
        self.done: bool = False
        self.unread: bytes = b""

    def begin(self) -> bytes:
        """Return what is to be sent first."""
        return self._said.message

    def feed(self, data: bytes) -> bytes:
        """Take what has come, and return what is to be sent.

        Raises:
            ProtocolError: The server does not do it, or does not speak the protocol.
        """
        self.unread += data
        end = self._said.reply_end(self.unread)
        if not end:
            if len(self.unread) > LONGEST_REPLY:
                raise _not_that(self.unread)
            return b""
        reply, self.unread = self.unread[:end], self.unread[end:]
        try:
            self._said = self._steps.send(reply)
        except StopIteration:
            self.done = True
            return b""
        return self._said.message


def _refused(reply: bytes) -> ProtocolError:
    text = printable(reply.decode("utf-8", "backslashreplace").strip()[:200])
    return ProtocolError(strerror=f"the server says no: {text}", operation=_OPERATION)


def _not_offered() -> ProtocolError:
    return ProtocolError(strerror="the server does not offer it", operation=_OPERATION)


def _not_that(reply: bytes) -> ProtocolError:
    text = printable(reply[:40].decode("utf-8", "backslashreplace"))
    why = f"the server does not speak that protocol: {text}"
    return ProtocolError(strerror=why, operation=_OPERATION)


# -- protocols of lines ----------------------------------------------------------------------------


def _line_end(data: bytes) -> int:
    return data.find(b"\n") + 1


_LAST_LINE = re.compile(rb"^[0-9]{3}(?: [^\n]*|\r?)\n", re.MULTILINE)


def _reply_end(data: bytes) -> int:
    """Find the end of a reply with a number, which may have several lines (RFC 5321)."""
    if (end := _line_end(data)) and not re.match(rb"[0-9]{3}[ \r\n-]", data):
        raise _not_that(data[:end])
    found = _LAST_LINE.search(data)
    return found.end() if found else 0


def _expect(reply: bytes, beginning: bytes) -> None:
    if not reply.startswith(beginning):
        raise _refused(reply)


def _smtp(host: str) -> Steps:
    """RFC 3207."""
    _expect((yield Say(b"", _reply_end)), b"220")
    offered = yield Say(b"EHLO [127.0.0.1]\r\n", _reply_end)
    _expect(offered, b"250")
    if not re.search(rb"^250[ -]STARTTLS\r?$", offered, re.MULTILINE | re.IGNORECASE):
        raise _not_offered()
    _expect((yield Say(b"STARTTLS\r\n", _reply_end)), b"220")


def _ftp(host: str) -> Steps:
    """RFC 4217."""
    _expect((yield Say(b"", _reply_end)), b"220")
    _expect((yield Say(b"AUTH TLS\r\n", _reply_end)), b"234")


def _pop3(host: str) -> Steps:
    """RFC 2595."""
    _expect((yield Say(b"", _line_end)), b"+OK")
    _expect((yield Say(b"STLS\r\n", _line_end)), b"+OK")


def _imap(host: str) -> Steps:
    """RFC 3501; what the server says besides begins with a ``*``."""
    _expect((yield Say(b"", _line_end)), b"* OK")
    message = b"a STARTTLS\r\n"
    while True:
        reply = yield Say(message, _line_end)
        message = b""
        if not reply.startswith(b"* "):
            break
    if not reply.upper().startswith(b"A OK"):
        raise _refused(reply)


# -- others ----------------------------------------------------------------------------------------


def _tag_end(*tags: bytes) -> Callable[[bytes], int]:
    pattern = re.compile(b"|".join(tags))

    def end(data: bytes) -> int:
        found = pattern.search(data)
        return found.end() if found else 0

    return end


_XMPP_FEATURES = _tag_end(rb"</(?:\w+:)?features\s*>", rb"</(?:\w+:)?stream\s*>")
_XMPP_ANSWER = _tag_end(
    rb"<proceed\b[^>]*/>", rb"<proceed\b[^>]*[^/]>\s*</proceed\s*>", rb"<failure\b[^>]*>"
)


def _xmpp(host: str) -> Steps:
    """RFC 6120, section 5."""
    quoted = host.replace("&", "&amp;").replace("'", "&apos;").replace("<", "&lt;")
    opening = (
        f"<?xml version='1.0'?><stream:stream to='{quoted}' version='1.0' xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    features = yield Say(opening.encode(), _XMPP_FEATURES)
    if b"urn:ietf:params:xml:ns:xmpp-tls" not in features:
        raise _not_offered()
    asked = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    answer = yield Say(asked, _XMPP_ANSWER)
    if b"<proceed" not in answer:
        raise _refused(answer)


_LDAP_OID = b"1.3.6.1.4.1.1466.20037"

# The number of our request, the tag and the length of the response, and an enumerated value.
_LDAP_RESULT = re.compile(
    rb"\x02\x01\x01\x78(?:[\x00-\x7f]|\x81.|\x82..|\x83...|\x84....)\x0a\x01(.)", re.DOTALL
)


def _ldap_end(data: bytes) -> int:
    """Find the end of a message in BER: its length stands behind the first byte."""
    if data[:1] not in (b"", b"\x30"):
        raise _not_that(data)
    if len(data) < 2:
        return 0
    size, start = data[1], 2
    if size & 0x80:
        start += size & 0x7F
        if len(data) < start:
            return 0
        size = int.from_bytes(data[2:start])
    if size > LONGEST_REPLY:
        raise _not_that(data)
    return start + size if len(data) >= start + size else 0


def _ldap(host: str) -> Steps:
    """RFC 4511, section 4.14: an extended request, and the code 0 in the response."""
    request = b"\x77" + bytes((len(_LDAP_OID) + 2, 0x80, len(_LDAP_OID))) + _LDAP_OID
    content = b"\x02\x01\x01" + request
    reply = yield Say(bytes((0x30, len(content))) + content, _ldap_end)
    found = _LDAP_RESULT.search(reply)
    if found is None:
        raise _not_that(reply)
    if found[1] != b"\0":
        why = f"the server says no: result {found[1][0]}"
        raise ProtocolError(strerror=why, operation=_OPERATION)


def _postgres(host: str) -> Steps:
    """The `SSLRequest` of PostgreSQL's protocol, which is answered by one letter."""
    reply = yield Say(b"\0\0\0\x08\x04\xd2\x16\x2f", lambda data: min(len(data), 1))
    if reply == b"N":
        raise _not_offered()
    if reply != b"S":
        raise _not_that(reply)


PROTOCOLS: dict[str, Callable[[str], Steps]] = {
    "smtp": _smtp,
    "imap": _imap,
    "pop3": _pop3,
    "ftp": _ftp,
    "xmpp": _xmpp,
    "ldap": _ldap,
    "postgres": _postgres,
}
"""The protocols that are known, by their names."""
