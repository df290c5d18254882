"""What is said before TLS: each protocol by the byte, and with everything that can go wrong."""

import pytest

from trunkline import ProtocolError
from trunkline.cli.connect.starttls import LONGEST_REPLY, PROTOCOLS, StartTLS
from trunkline.cli.connect_command import PROTOCOLS as OFFERED

EHLO = b"EHLO [127.0.0.1]\r\n"
SMTP_OFFER = b"250-mail.example\r\n250-SIZE 1000\r\n250 STARTTLS\r\n"
OPENING = (
    b"<?xml version='1.0'?><stream:stream to='it&amp;s.example' version='1.0' "
    b"xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
)
FEATURES = (
    b"<?xml version='1.0'?><stream:stream id='1' version='1.0'><stream:features>"
    b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
)
ASKED = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
PROCEED = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
LDAP_REQUEST = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
LDAP_DONE = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"
LDAP_LONG = (
    b"\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00"
)
POSTGRES = b"\0\0\0\x08\x04\xd2\x16\x2f"

# What the client says first, and then pairs of what the server says and what the answer is.
TALKS: list[tuple[str, list[tuple[bytes, bytes]]]] = [
    (
        "smtp",
        [
            (b"", b""),
            (b"220-mail.example\r\n220 ready\r\n", EHLO),
            (SMTP_OFFER, b"STARTTLS\r\n"),
            (b"220 go ahead\r\n", b""),
        ],
    ),
    (
        "smtp",
        [(b"", b""), (b"220\n", EHLO), (b"250 starttls\n", b"STARTTLS\r\n"), (b"220\n", b"")],
    ),
    ("ftp", [(b"", b""), (b"220 hello\r\n", b"AUTH TLS\r\n"), (b"234 yes\r\n", b"")]),
    ("pop3", [(b"", b""), (b"+OK hello\r\n", b"STLS\r\n"), (b"+OK\r\n", b"")]),
    (
        "imap",
        [
            (b"", b""),
            (b"* OK [CAPABILITY IMAP4rev1]\r\n", b"a STARTTLS\r\n"),
            (b"* NOTE by the way\r\n", b""),
            (b"a OK begin\r\n", b""),
        ],
    ),
    ("xmpp", [(b"", OPENING), (FEATURES, ASKED), (PROCEED, b"")]),
    ("ldap", [(b"", LDAP_REQUEST), (LDAP_DONE, b"")]),
    ("ldap", [(b"", LDAP_REQUEST), (LDAP_LONG, b"")]),
    ("postgres", [(b"", POSTGRES), (b"S", b"")]),
]


def fed(talk: StartTLS, data: bytes, size: int) -> bytes:
    return b"".join(talk.feed(data[at : at + size]) for at in range(0, len(data), size))


@pytest.mark.parametrize(("protocol", "turns"), TALKS)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_server_agrees(protocol: str, turns: list[tuple[bytes, bytes]], size: int) -> None:
    talk = StartTLS(protocol, "it&s.example")
    (_, first), *others = turns
    assert talk.begin() == first
    for said, answer in others:
        assert not talk.done
        assert fed(talk, said, size) == answer
    assert talk.done
    assert talk.unread == b""


@pytest.mark.parametrize(("protocol", "turns"), TALKS)
def test_what_comes_behind_the_last_reply_is_not_taken_for_good(
    protocol: str, turns: list[tuple[bytes, bytes]]
) -> None:
    talk = StartTLS(protocol, "it&s.example")
    for said, _ in turns[1:-1]:
        talk.feed(said)
    talk.feed(turns[-1][0] + b"+OK injected\r\n")
    assert talk.done
    assert talk.unread == b"+OK injected\r\n"


NO: list[tuple[str, list[bytes], str]] = [
    ("smtp", [b"554 go away\r\n"], "says no: 554 go away"),
    ("smtp", [b"220 hi\r\n", b"250 SIZE 1\r\n"], "does not offer it"),
    ("smtp", [b"220 hi\r\n", b"502 what?\r\n"], "says no: 502"),
    ("smtp", [b"220 hi\r\n", SMTP_OFFER, b"454 not now\r\n"], "says no: 454"),
    ("smtp", [b"SSH-2.0-OpenSSH_9\r\n"], "does not speak that protocol: SSH-2.0"),
    ("ftp", [b"220 hi\r\n", b"500 \x1b[2J\r\n"], r"says no: 500 \\x1b\[2J"),
    ("pop3", [b"-ERR busy\r\n"], "says no: -ERR busy"),
    ("pop3", [b"+OK\r\n", b"-ERR no\r\n"], "says no: -ERR no"),
    ("imap", [b"* BYE\r\n"], r"says no: \* BYE"),
    ("imap", [b"* OK\r\n", b"a BAD what?\r\n"], "says no: a BAD"),
    ("xmpp", [b"<stream:stream><stream:features></stream:features>"], "does not offer it"),
    ("xmpp", [b"<stream:stream><stream:error/></stream:stream>"], "does not offer it"),
    ("xmpp", [FEATURES, b"<failure xmlns='x'/>"], "says no: <failure"),
    ("ldap", [LDAP_DONE.replace(b"\x0a\x01\x00", b"\x0a\x01\x34")], "says no: result 52"),
    ("ldap", [b"HTTP/1.1 400\r\n"], "does not speak that protocol: HTTP"),
    ("ldap", [b"\x30\x84\xff\xff\xff\xff"], "does not speak that protocol"),
    ("ldap", [b"\x30\x03\x02\x01\x05"], "does not speak that protocol"),
    ("postgres", [b"N"], "does not offer it"),
    ("postgres", [b"Error"], "does not speak that protocol: E"),
    ("pop3", [b"x" * (LONGEST_REPLY + 1)], "does not speak that protocol: xxx"),
    ("xmpp", [b"x" * (LONGEST_REPLY + 1)], "does not speak that protocol: xxx"),
]


@pytest.mark.parametrize(("protocol", "said", "why"), NO)
def test_a_server_does_not(protocol: str, said: list[bytes], why: str) -> None:
    talk = StartTLS(protocol, "it.example")
    *fine, last = said
    for each in fine:
        talk.feed(each)
    with pytest.raises(ProtocolError, match=why) as caught:
        talk.feed(last)
    assert str(caught.value).isprintable()


def test_each_protocol_can_be_asked_for() -> None:
    assert set(OFFERED) == set(PROTOCOLS) == {protocol for protocol, _ in TALKS}
