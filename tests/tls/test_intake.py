"""Looking for an alert in what a peer has sent before it took no more."""

from collections.abc import Callable

import pytest
from support.certificates import Certificates
from tls.test_machine import Pair, new_pair, output_of

from trunkline import TLSError
from trunkline.tls.intake import last_words
from trunkline.tls.machine import FEED_BYTES, MOST_PLAINTEXT


class Source:
    """What has come from the peer.

    Args:
        data: That; its end is the peer's.
    """

    where = "the peer"

    def __init__(self, data: bytes) -> None:
        self.data = data

    def receive_by(self, take: Callable[..., int], size: int) -> int | None:
        """See `SocketDescriptor.receive_by`."""
        return take(self.receive, size)

    def receive(self, size: int) -> bytes:
        """Return some of it."""
        data, self.data = self.data[:size], self.data[size:]
        return data


@pytest.fixture(params=["1.2", "1.3"])
def pair(certificates: Certificates, request: pytest.FixtureRequest) -> Pair:
    pair = new_pair(certificates, request.param)
    pair.shake_hands()
    return pair


def refused(pair: Pair) -> bytes:
    """Return the alert of a server that was sent what is no record."""
    pair.server.feed(b"\x17\x03\x03\x00\x20" + bytes(32))
    with pytest.raises(TLSError):
        pair.server.read(1)
    return output_of(pair.server)


@pytest.mark.parametrize("size", [0, 1, 200_000])
def test_an_alert_is_found_behind_data_which_stays(pair: Pair, size: int) -> None:
    data = b"y" * size
    sent = b""
    while data:
        data = data[pair.server.write(data) :]
        sent += output_of(pair.server)
    error = last_words(pair.client, Source(sent + refused(pair)))
    assert error is not None
    assert error.alert == "bad_record_mac"
    assert error.address == "the peer"
    while len(data) < size:
        data += pair.client.read(FEED_BYTES) or b""
    assert data == b"y" * size
    with pytest.raises(TLSError):
        pair.client.read(1)


@pytest.mark.parametrize("ends", [False, True])
def test_an_end_or_a_cut_is_none(pair: Pair, ends: bool) -> None:
    pair.server.write(b"something")
    if ends:
        pair.server.end()
    assert last_words(pair.client, Source(output_of(pair.server))) is None
    assert pair.client.read(100) == b"something"


def test_no_more_is_looked_through_than_is_kept(pair: Pair) -> None:
    sent = []
    for _ in range(100):
        pair.server.write(bytes(MOST_PLAINTEXT))
        sent.append(output_of(pair.server))
    source = Source(b"".join(sent))
    assert last_words(pair.client, source) is None
    assert len(source.data) > 1_000_000
