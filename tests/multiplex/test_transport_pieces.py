"""Delivery in blocks and frames."""

import pytest
from multiplex.transport_helpers import Recorder, connected, receive_while, run_until, settle

from trunkline import Blocks, EndOfFile, EventBase, Frames, FrameTooLong, Transport


def test_blocks_are_delivered_whole(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol, delivery=Blocks(4)) as (_, peer):
        peer.sendall(b"abcdefgh12")
        run_until(base, lambda: len(protocol.got("block_received")) == 2)
        peer.sendall(b"34")
        run_until(base, lambda: len(protocol.got("block_received")) == 3)
        assert protocol.got("block_received") == [b"abcd", b"efgh", b"1234"]
        peer.close()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.loss is None


def test_frames_are_delivered_whole_and_answered(base: EventBase) -> None:
    frames = Frames(2)

    def answer(frame: bytes) -> None:
        protocol.transport.write(frames.pack(frame[::-1]))

    protocol = Recorder(frame_received=answer)
    with connected(base, protocol, delivery=frames) as (_, peer):
        peer.sendall(b"\0\3abc\0\0\0\5he")
        run_until(base, lambda: len(protocol.got("frame_received")) == 2)
        peer.sendall(b"llo")
        run_until(base, lambda: len(protocol.got("frame_received")) == 3)
        assert protocol.got("frame_received") == [b"abc", b"", b"hello"]
        answers = b"\0\3cba\0\0\0\5olleh"
        assert receive_while(base, peer, len(answers)) == answers


def test_the_form_may_change_at_each_piece(base: EventBase) -> None:
    def header(block: bytes) -> None:
        protocol.transport.set_delivery("lines" if block == b"L" else Frames(1))

    def back(_: object) -> None:
        protocol.transport.set_delivery(Blocks(1))

    protocol = Recorder(block_received=header, line_received=back, frame_received=back)
    with connected(base, protocol, delivery=Blocks(1)) as (_, peer):
        peer.sendall(b"Lline\nF\5frameLmore\n")
        run_until(base, lambda: len(protocol.lines) == 2)
        assert protocol.lines == ["line", "more"]
        assert protocol.got("frame_received") == [b"frame"]


def test_a_pause_in_the_middle_keeps_the_rest(base: EventBase) -> None:
    def pause(block: bytes) -> None:
        if block == b"2":
            protocol.transport.pause_reading()

    protocol = Recorder(block_received=pause)
    with connected(base, protocol, delivery=Blocks(1)) as (transport, peer):
        peer.sendall(b"1234")
        run_until(base, lambda: len(protocol.got("block_received")) == 2)
        settle(base)
        assert protocol.got("block_received") == [b"1", b"2"]
        peer.close()
        transport.resume_reading()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.got("block_received") == [b"1", b"2", b"3", b"4"]
        assert protocol.loss is None


@pytest.mark.parametrize(
    ("delivery", "sent"), [(Blocks(4), b"abcdef"), (Frames(1), b"\2ab\5ef"), (Frames(2), b"\0")]
)
def test_an_end_in_the_middle_of_a_piece_is_an_error_that_has_it(
    base: EventBase, delivery: Blocks | Frames, sent: bytes
) -> None:
    protocol = Recorder(input_failed=Transport.close_with)
    with connected(base, protocol, delivery=delivery) as (_, peer):
        peer.sendall(sent)
        peer.close()
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, EndOfFile)
        assert sent.endswith(protocol.loss.partial)
        assert protocol.loss.partial


def test_a_frame_that_is_too_long_fails_and_can_be_had_otherwise(base: EventBase) -> None:
    def take_as_bytes(transport: Transport, error: Exception) -> None:
        assert isinstance(error, FrameTooLong)
        transport.set_delivery("bytes")
        transport.resume_reading()

    protocol = Recorder(input_failed=take_as_bytes)
    with connected(base, protocol, delivery=Frames(2, limit=10)) as (_, peer):
        peer.sendall(b"\0\1x\1\0")
        run_until(base, lambda: protocol.got("data_received"))
        assert protocol.got("frame_received") == [b"x"]
        assert protocol.got("data_received") == [b"\1\0"]
