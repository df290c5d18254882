"""All calls that take bytes, or a buffer, take the same, and refuse the rest alike."""

from collections.abc import Callable
from typing import Any

import pytest
from sockets.helpers import stream_and_peer
from support.peers import receive_exactly

from trunkline import ActiveSocket

WRITING: dict[str, Callable[[ActiveSocket, Any], object]] = {
    "write": lambda stream, data: stream.write(data, flush=True),
    "write what does not fit": lambda stream, data: stream.write(data),
    "send_to": lambda stream, data: stream.send_to(data),
    "send_to a part": lambda stream, data: stream.send_to(data, start=0, timeout=5),
    "raw_io": lambda stream, data: stream.raw_io().write(data),
}
READING: dict[str, Callable[[ActiveSocket, Any], object]] = {
    "read_into": lambda stream, buffer: stream.read_into(buffer),
    "receive_from": lambda stream, buffer: stream.receive_from(buffer),
    "receive_from a part": lambda stream, buffer: stream.receive_from(buffer, start=0, timeout=5),
    "receive_from out of band": lambda stream, buffer: stream.receive_from(
        buffer, out_of_band=True
    ),
    "raw_io": lambda stream, buffer: stream.raw_io().readinto(buffer),
}


@pytest.mark.exact_io("what is sent at once is sent whole")
@pytest.mark.parametrize("name", [*WRITING])
def test_what_has_gaps_is_written_as_it_looks(name: str) -> None:
    with stream_and_peer(output_buffer_size=1 if "fit" in name else 100) as (stream, peer):
        WRITING[name](stream, memoryview(b"a-b-c-")[::2])
        assert receive_exactly(peer, 3) == b"abc"


@pytest.mark.parametrize("name", [*WRITING])
@pytest.mark.parametrize("data", [3, None, 1.5])
def test_what_has_no_bytes_is_not_written(name: str, data: Any) -> None:
    with (
        stream_and_peer() as (stream, _),
        pytest.raises(TypeError, match=f"is (text or )?bytes, not {type(data).__name__}"),
    ):
        WRITING[name](stream, data)


@pytest.mark.parametrize("name", [*READING])
@pytest.mark.parametrize("buffer", ["text", None, b"bytes"])
def test_what_is_no_buffer_takes_nothing(name: str, buffer: Any) -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"x")
        with pytest.raises(TypeError, match=f"into a buffer.*, not {type(buffer).__name__}"):
            READING[name](stream, buffer)
        assert stream.read_exactly(1) == b"x"


@pytest.mark.parametrize("name", [*READING])
def test_a_buffer_with_gaps_takes_nothing(name: str) -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"x")
        with pytest.raises(ValueError, match="a buffer with gaps"):
            READING[name](stream, memoryview(bytearray(8))[::2])
        assert stream.read_exactly(1) == b"x"


@pytest.mark.parametrize("separator", ["\n", 10, None])
def test_a_separator_is_bytes(separator: Any) -> None:
    with (
        stream_and_peer() as (stream, _),
        pytest.raises(TypeError, match=f"^a separator is bytes, not {type(separator).__name__}"),
    ):
        stream.read_until(separator)
