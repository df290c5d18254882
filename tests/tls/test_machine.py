"""The TLS machine against itself, byte by byte and without a socket."""

import ssl
import tracemalloc
from collections.abc import Iterator
from functools import cache

import pytest
from support.certificates import Certificates

from trunkline import NotTLS, TLSCertificateError, TLSError, TLSMismatch, TLSTruncated
from trunkline.tls.machine import FEED_BYTES, MOST_PLAINTEXT, MOST_UNTAKEN, Machine
from trunkline.tls.nested import NestedMachine

VERSIONS = ["1.2", "1.3"]
PIECE = 16_384  # what a record has at most


def output_of(machine: Machine) -> bytes:
    """Take what a machine has to send."""
    taken: list[bytes] = []

    def take(data: memoryview) -> int:
        taken.append(bytes(data))
        return len(data)

    while machine.output_size:
        machine.send_output(take)
    return b"".join(taken)


def feed(machine: Machine, data: bytes | bytearray) -> None:
    """Give a machine what has come for it."""
    if isinstance(machine, NestedMachine) and data:
        machine.feed_from(iter((bytes(data),)).__next__)
    else:
        machine.feed(data)


def feed_eof(machine: Machine) -> None:
    """Give it the end of that."""
    if isinstance(machine, NestedMachine):
        machine.feed_from(bytes)
    else:
        machine.feed_eof()


class Pair:
    """A client and a server, and the bytes that are on their way."""

    def __init__(self, client: Machine, server: Machine) -> None:
        self.client, self.server = client, server

    def other(self, one: Machine) -> Machine:
        return self.server if one is self.client else self.client

    def carry(self, one: Machine, *, step: int = FEED_BYTES) -> int:
        """Bring what a machine has to say to the other one, in pieces; return how much it was."""
        data = output_of(one)
        for start in range(0, len(data), step):
            feed(self.other(one), data[start : start + step])
            self.other(one).advance()
        return len(data)

    def shake_hands(self, *, step: int = FEED_BYTES) -> None:
        self.client.advance()
        while self.carry(self.client, step=step) + self.carry(self.server, step=step):
            pass
        assert self.client.is_established
        assert self.server.is_established

    def say(self, one: Machine, data: bytes) -> None:
        assert one.write(data) == len(data)
        self.carry(one)


@pytest.fixture(params=[*VERSIONS, "1.2 within 1.3"])
def pair(certificates: Certificates, request: pytest.FixtureRequest) -> Pair:
    version, _, outer = request.param.partition(" within ")
    return (
        new_nested_pair(certificates, version, outer) if outer else new_pair(certificates, version)
    )


@cache
def contexts(certificates: Certificates, version: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return certificates.client_context(version), certificates.server_context(version)


def new_pair(certificates: Certificates, version: str) -> Pair:
    client, server = contexts(certificates, version)
    return Pair(
        Machine(client, server_side=False, server_name="localhost"),
        Machine(server, server_side=True),
    )


def new_nested_pair(certificates: Certificates, version: str, outer: str) -> Pair:
    below = new_pair(certificates, outer)
    below.shake_hands()
    client, server = contexts(certificates, version)
    return Pair(
        NestedMachine(client, below=below.client, server_side=False, server_name="localhost"),
        NestedMachine(server, below=below.server, server_side=True),
    )


def read_all(machine: Machine, size: int = PIECE) -> bytes:
    """Return what can be read now, as far as the end."""
    return b"".join(iter(lambda: machine.read(size) or b"", b""))


# ---- Handshake ----


@pytest.mark.parametrize("step", [1, 2, 5, FEED_BYTES])
def test_hands_are_shaken_in_pieces_of_any_size(pair: Pair, step: int) -> None:
    pair.shake_hands(step=step)
    pair.say(pair.client, b"to the server")
    pair.say(pair.server, b"to the client")
    assert pair.server.read(100) == b"to the server"
    assert pair.client.read(100) == b"to the client"


def test_all_that_is_called_before_goes_on_with_the_handshake(pair: Pair) -> None:
    assert pair.client.write(b"early") == 0
    assert pair.client.output_size
    feed(pair.server, output_of(pair.client))
    assert pair.server.read(10) is None
    feed(pair.client, output_of(pair.server))
    buffer = memoryview(bytearray(10))
    assert pair.client.read_into(buffer) is None
    pair.shake_hands()


def test_what_was_agreed_on_is_known_afterwards(certificates: Certificates) -> None:
    pair = new_pair(certificates, "1.3")
    client, server = pair.client, pair.server
    assert (client.version, client.cipher, client.alpn_protocol) == (None, None, None)
    assert (client.remote_certificate, client.session, client.session_reused) == (None, None, False)
    pair.shake_hands()
    assert client.version == server.version == "TLSv1.3"
    assert client.cipher == server.cipher != None  # noqa: E711 - one chain
    pem = ssl.DER_cert_to_PEM_cert(client.remote_certificate or b"")
    assert pem in certificates.server.certificate.read_text()
    assert server.remote_certificate is None
    assert client.alpn_protocol is None


def streams_of_a_handshake(certificates: Certificates, version: str) -> Iterator[tuple[str, int]]:
    """Yield, for each side, as whom and after how many received bytes it could be cut off."""
    pair = new_pair(certificates, version)
    sizes = {"server": 0, "client": 0}
    pair.client.advance()
    while True:
        if not pair.server.is_established:
            sizes["server"] += pair.client.output_size
        to_server = pair.carry(pair.client)
        if not pair.client.is_established:
            sizes["client"] += pair.server.output_size
        if not to_server + pair.carry(pair.server):
            break
    yield from sizes.items()


def cut_off(certificates: Certificates, version: str, victim: str, after: int) -> Machine:
    """Shake hands until a side has received so many bytes, and then no more; return that side."""
    pair = new_pair(certificates, version)
    machine: Machine = getattr(pair, victim)
    other = pair.other(machine)
    pair.client.advance()
    left = after
    while left:
        pair.carry(machine)
        data = output_of(other)[:left]
        if not data:
            break
        left -= len(data)
        feed(machine, data)
        machine.advance()
    feed_eof(machine)
    return machine


def assert_every_cut_is_told(certificates: Certificates, version: str, step: int) -> None:
    for victim, size in streams_of_a_handshake(certificates, version):
        assert size > 50
        for after in {*range(0, size - 100, step), size - 100, size // 2}:
            machine = cut_off(certificates, version, victim, after)
            for _ in range(2):
                with pytest.raises(TLSTruncated) as caught:
                    machine.read(1)
                assert caught.value.operation == "handshake"
            with pytest.raises(TLSTruncated):
                machine.write(b"data")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_handshake_that_is_cut_off_is_told(certificates: Certificates, version: str) -> None:
    assert_every_cut_is_told(certificates, version, 37)


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_so_it_is_at_every_byte(certificates: Certificates, version: str) -> None:
    assert_every_cut_is_told(certificates, version, 1)


# ---- Data ----


def test_data_comes_one_byte_at_a_time(pair: Pair) -> None:
    pair.shake_hands()
    read_all(pair.client)
    pair.server.write(b"slowly")
    data = output_of(pair.server)
    for byte in data[:-1]:
        feed(pair.client, bytes([byte]))
        assert pair.client.read(100) is None
        assert pair.client.wants_input
    feed(pair.client, data[-1:])
    assert pair.client.read(100) == b"slowly"


def test_no_more_is_decrypted_than_a_record_and_it_stays(pair: Pair) -> None:
    pair.shake_hands()
    pair.say(pair.server, b"x" * 50_000)
    assert pair.client.read(3) == b"xxx"
    assert pair.client.has_pending
    assert not pair.client.wants_input
    assert pair.client.read(100_000) == b"x" * (PIECE - 3)
    assert read_all(pair.client) == b"x" * (50_000 - PIECE)
    assert pair.client.wants_input


def test_it_is_read_into_a_buffer(pair: Pair) -> None:
    pair.shake_hands()
    pair.say(pair.server, b"into a buffer")
    target = memoryview(bytearray(6))
    assert pair.client.read_into(target) == 6
    assert bytes(target) == b"into a"
    assert pair.client.read_into(target[:2]) == 2
    assert read_all(pair.client) == b"uffer"
    assert pair.client.read_into(target) is None


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_much_is_taken_in_parts(pair: Pair, kind: type) -> None:
    pair.shake_hands()
    data = bytes(range(256)) * 1000
    left, come = kind(data), b""
    while left:
        taken = pair.client.write(left)
        assert 0 < taken <= MOST_PLAINTEXT
        left = left[taken:]
        output = output_of(pair.client)
        for start in range(0, len(output), FEED_BYTES):
            feed(pair.server, output[start : start + FEED_BYTES])
            come += read_all(pair.server)
    assert come == data


@pytest.mark.alone  # nobody else may allocate meanwhile
@pytest.mark.parametrize("version", VERSIONS)
def test_what_goes_through_is_copied_once_beside_what_the_record_layer_copies(
    certificates: Certificates, version: str
) -> None:
    """The record layer's own memory is not traced."""
    pair = new_pair(certificates, version)
    pair.shake_hands()
    read_all(pair.client)
    data = memoryview(bytearray(2 * MOST_PLAINTEXT))
    target = memoryview(bytearray(MOST_PLAINTEXT))
    little, once = MOST_PLAINTEXT / 4, MOST_PLAINTEXT * 1.25

    def carry(encrypted: memoryview) -> int:
        pair.client.feed(encrypted)
        return len(encrypted)

    tracemalloc.start()
    try:
        assert pair.server.write(data) == MOST_PLAINTEXT
        assert tracemalloc.get_traced_memory()[1] < little
        while pair.server.has_output:
            pair.server.send_output(carry)
        assert MOST_PLAINTEXT < tracemalloc.get_traced_memory()[1] < once
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        come = 0
        while count := pair.client.read_into(target[come:]):
            come += count
        assert come == MOST_PLAINTEXT
        assert tracemalloc.get_traced_memory()[1] - before < little
    finally:
        tracemalloc.stop()


def test_as_much_is_received_as_it_pays_to_make_room_for(pair: Pair) -> None:
    output = b""

    def receive(size: int) -> bytes:
        nonlocal output
        data, output = output[:size], output[size:]
        return data

    pair.shake_hands()
    data = b"x" * FEED_BYTES
    while data:
        data = data[pair.client.write(data) :]
    output = output_of(pair.client)
    sizes: list[int] = []
    come = b""
    while output:
        sizes.append(pair.server.feed_size)
        pair.server.feed_from(receive, pair.server.feed_size)
        come += read_all(pair.server)
    assert come == b"x" * FEED_BYTES
    assert sizes[0] < FEED_BYTES // 2
    assert sizes[1] == FEED_BYTES
    pair.client.write(b"little")
    output = output_of(pair.client)
    pair.server.feed_from(receive, pair.server.feed_size)
    assert read_all(pair.server) == b"little"
    assert pair.server.feed_size == sizes[0]


def test_nothing_is_read_while_too_much_output_is_not_taken(pair: Pair) -> None:
    pair.shake_hands()
    pair.say(pair.server, b"for later")
    output_of(pair.client)
    while pair.client.output_size <= MOST_UNTAKEN:
        pair.client.write(b"x" * MOST_PLAINTEXT)
    assert pair.client.is_stuck
    assert pair.client.read(10) is None
    assert not pair.client.has_pending
    assert not pair.client.wants_input
    output_of(pair.client)
    assert pair.client.read(10) == b"for later"


# ---- Ends ----


def test_an_end_is_told_from_a_cut(pair: Pair) -> None:
    pair.shake_hands()
    pair.say(pair.client, b"all of it")
    pair.client.end()
    pair.carry(pair.client)
    feed_eof(pair.server)
    assert pair.server.read(100) == b"all of it"
    for _ in range(3):
        assert pair.server.read(100) == b""
        assert pair.server.read_into(memoryview(bytearray(5))) == 0
    assert pair.server.has_ended


def test_a_cut_between_two_records_is_told(pair: Pair) -> None:
    pair.shake_hands()
    pair.say(pair.client, b"not all of it")
    feed_eof(pair.server)
    assert pair.server.read(100) == b"not all of it"
    for _ in range(2):
        with pytest.raises(TLSTruncated) as caught:
            pair.server.read(100)
        assert caught.value.operation == "read"
    assert not pair.server.has_ended


@pytest.mark.parametrize("version", VERSIONS)
def test_a_record_that_is_cut_off_is_told(certificates: Certificates, version: str) -> None:
    size = 1
    after = 0
    while after < size:
        pair = new_pair(certificates, version)
        pair.shake_hands()
        pair.client.write(b"a few bytes")
        record = output_of(pair.client)
        size = len(record)
        feed(pair.server, record[:after])
        feed_eof(pair.server)
        with pytest.raises(TLSTruncated):
            pair.server.read(100)
        after += 1
    assert size > 20


def test_the_end_of_one_direction_leaves_the_other_one(pair: Pair) -> None:
    pair.shake_hands()
    pair.say(pair.client, b"question")
    pair.client.end()
    assert pair.client.output_ended
    assert pair.client.write(b"too late") == 0
    pair.carry(pair.client)
    assert read_all(pair.server) == b"question"
    assert pair.server.has_ended
    for answer in (b"answer", b"a" * 60_000):
        pair.say(pair.server, answer)
        assert read_all(pair.client) == answer
    pair.server.end()
    pair.carry(pair.server)
    assert pair.client.read(10) == b""
    pair.client.end()
    assert not pair.client.output_size


@pytest.mark.parametrize("fed", [1, 4, 5, 6, 1000, PIECE, 20_000, 40_000, FEED_BYTES])
@pytest.mark.parametrize("read", [0, 1, 100, PIECE])
def test_what_has_come_before_this_end_is_not_lost(pair: Pair, fed: int, read: int) -> None:
    pair.shake_hands()
    read_all(pair.client)
    pair.server.write(bytes(range(250)) * 200)
    data = output_of(pair.server)
    feed(pair.client, data[:fed])
    come = (pair.client.read(read) or b"") if read else b""
    pair.client.end()
    come += read_all(pair.client)
    feed(pair.client, data[fed:])
    come += read_all(pair.client)
    assert come == bytes(range(250)) * 200
    pair.carry(pair.client)
    assert pair.server.read(1) == b""


def test_both_end_at_once(pair: Pair) -> None:
    pair.shake_hands()
    pair.client.end()
    pair.server.end()
    pair.carry(pair.client)
    pair.carry(pair.server)
    assert pair.client.read(1) == pair.server.read(1) == b""


def test_what_comes_after_the_end_is_dropped(pair: Pair) -> None:
    pair.shake_hands()
    pair.client.end()
    pair.carry(pair.client)
    assert pair.server.read(1) == b""
    feed(pair.server, b"\x17\x03\x03 whatever")
    assert not pair.server.has_pending
    assert pair.server.read(1) == b""


def test_before_the_handshake_there_is_nothing_to_end(pair: Pair) -> None:
    pair.client.end()
    assert not pair.client.output_size
    assert not pair.client.output_ended


# ---- What goes wrong ----


def test_what_was_changed_on_the_way_is_found_and_told(pair: Pair) -> None:
    pair.shake_hands()
    pair.client.write(b"trust me")
    data = bytearray(output_of(pair.client))
    data[-1] ^= 1
    feed(pair.server, data)
    for _ in range(2):
        with pytest.raises(TLSError) as caught:
            pair.server.read(100)
        assert caught.value.reason == "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"
        assert caught.value.alert is None
    with pytest.raises(TLSError):
        pair.server.write(b"data")
    pair.carry(pair.server)
    with pytest.raises(TLSError) as caught:
        pair.client.read(100)
    assert caught.value.alert == "bad_record_mac"
    assert "bad record mac" in str(caught.value)


def test_an_alert_is_found_before_what_was_not_read(pair: Pair) -> None:
    pair.shake_hands()
    pair.say(pair.server, b"read me")
    assert pair.client.failure_ahead() is None
    feed(pair.server, b"\x17\x03\x03\x00\x20" + bytes(32))
    with pytest.raises(TLSError):
        pair.server.read(1)
    pair.carry(pair.server)
    error = pair.client.failure_ahead()
    assert error is not None
    assert error.alert == "bad_record_mac"
    assert pair.client.read(100) == b"read me"
    with pytest.raises(TLSError):
        pair.client.read(100)


def test_a_name_that_is_another_s(certificates: Certificates) -> None:
    context = certificates.client_context()
    pair = Pair(
        Machine(context, server_side=False, server_name="other.example"),
        Machine(certificates.server_context(), server_side=True),
    )
    with pytest.raises(TLSCertificateError) as caught:
        pair.shake_hands()
    error = caught.value
    assert (error.failed, error.server_name, error.verify_code) == ("name", "other.example", 62)
    assert "other.example" in error.verify_message
    assert error.operation == "handshake"
    with pytest.raises(TLSError) as told:
        pair.carry(pair.client)
    assert told.value.alert == "bad_certificate"


def test_an_authority_that_nobody_knows(certificates: Certificates) -> None:
    context = ssl.create_default_context(cafile=str(certificates.stranger.certificate))
    pair = Pair(
        Machine(context, server_side=False, server_name="localhost"),
        Machine(certificates.server_context(), server_side=True),
    )
    with pytest.raises(TLSCertificateError) as caught:
        pair.shake_hands()
    assert (caught.value.failed, caught.value.verify_code) == ("chain", 20)
    assert isinstance(caught.value, ssl.SSLCertVerificationError)


def test_no_version_in_common(certificates: Certificates) -> None:
    pair = Pair(
        Machine(certificates.client_context("1.2"), server_side=False, server_name="localhost"),
        Machine(certificates.server_context("1.3"), server_side=True),
    )
    with pytest.raises(TLSMismatch) as caught:
        pair.shake_hands()
    assert caught.value.alert is None
    with pytest.raises(TLSMismatch) as told:
        pair.carry(pair.server)
    assert told.value.alert == "protocol_version"


def test_no_cipher_in_common(certificates: Certificates) -> None:
    client, server = certificates.client_context("1.2"), certificates.server_context("1.2")
    client.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    server.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
    pair = Pair(
        Machine(client, server_side=False, server_name="localhost"),
        Machine(server, server_side=True),
    )
    with pytest.raises(TLSMismatch) as caught:
        pair.shake_hands()
    assert caught.value.reason == "NO_SHARED_CIPHER"
    with pytest.raises(TLSMismatch) as told:
        pair.carry(pair.server)
    assert told.value.alert == "handshake_failure"


PLAIN = [
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
    (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH"),
    (b"220 mail.example ESMTP\r\n", "SMTP or FTP"),
    (b"* OK IMAP4rev1 ready\r\n", "IMAP"),
    (b"+OK POP3 ready\r\n", "POP3"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "the PROXY protocol"),
    (b"what is this?\r\n", None),
    (b"\0\0\0\0\0\0\0\0", None),
]


@pytest.mark.parametrize("is_server", [True, False], ids=["server", "client"])
@pytest.mark.parametrize(("data", "speaks"), PLAIN)
def test_a_peer_that_does_not_speak_tls(
    pair: Pair, is_server: bool, data: bytes, speaks: str | None
) -> None:
    machine = pair.server if is_server else pair.client
    machine.advance()
    machine.feed(data)
    with pytest.raises(NotTLS) as caught:
        machine.advance()
    assert caught.value.speaks == speaks
    if speaks:
        assert f"speaks {speaks}" in str(caught.value)


def test_a_few_bytes_that_are_not_tls_and_the_end(pair: Pair) -> None:
    pair.server.feed(b"hi\n")
    assert not pair.server.advance()
    feed_eof(pair.server)
    with pytest.raises(NotTLS):
        pair.server.advance()


@pytest.mark.parametrize(
    ("number", "name"),
    [(40, "handshake_failure"), (115, "unknown_psk_identity"), (120, "no_application_protocol")],
)
def test_an_alert_is_the_first_that_comes(pair: Pair, number: int, name: str) -> None:
    pair.client.advance()
    pair.client.feed(bytes([0x15, 3, 3, 0, 2, 2, number]))
    with pytest.raises(TLSError, match=name.replace("_", " ")) as caught:
        pair.client.advance()
    assert caught.value.alert == name


def test_one_who_asks_for_a_record_that_cannot_be(pair: Pair) -> None:
    pair.shake_hands()
    feed(pair.server, b"\x17\x03\x03\xff\xff" + bytes(1000))
    with pytest.raises(TLSError):
        pair.server.read(1)
    assert not pair.server.has_pending


def test_a_context_for_the_other_side(certificates: Certificates) -> None:
    with pytest.raises(TLSError):
        Machine(certificates.client_context(), server_side=True)


def test_a_session_is_gone_on_with(certificates: Certificates) -> None:
    client, server = certificates.client_context(), certificates.server_context()
    session = None
    for is_again in (False, True):
        pair = Pair(
            Machine(client, server_side=False, server_name="localhost", session=session),
            Machine(server, server_side=True),
        )
        pair.shake_hands()
        pair.say(pair.server, b"tickets")
        assert pair.client.read(10) == b"tickets"
        assert pair.client.session_reused == pair.server.session_reused == is_again
        session = pair.client.session
