"""The output queue: everything in order, in batches that are large and not too large."""

from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trunkline._core.output_queue import BATCH_BYTES, ENOUGH_BYTES, OutputQueue, PieceOfFile


def queue_of(*pieces: bytes | memoryview) -> OutputQueue:
    queue = OutputQueue()
    for piece in pieces:
        queue.append(piece)
    return queue


def batch_of(queue: OutputQueue) -> bytes | memoryview:
    """Return the next batch of a queue that has no files."""
    batch = queue.batch()
    assert not isinstance(batch, PieceOfFile)
    return batch


def test_small_pieces_leave_together() -> None:
    queue = queue_of(b"one ", memoryview(b"two "), b"three")
    assert queue.size == 13
    assert queue.batch() == b"one two three"
    assert queue.batch() == b"one two three"  # it is not taken out
    queue.sent(6)
    assert queue.size == 7
    assert bytes(batch_of(queue)) == b"o three"
    queue.sent(7)
    assert queue.size == 0


def test_a_single_piece_is_not_copied() -> None:
    piece = b"x" * 10
    assert queue_of(piece).batch() is piece
    large = b"y" * BATCH_BYTES
    assert queue_of(large, b"z").batch() is large


def test_a_batch_has_its_limit() -> None:
    queue = queue_of(*[b"x" * 1000] * 1000)
    batch = queue.batch()
    assert BATCH_BYTES - 1000 < len(batch) <= BATCH_BYTES
    assert queue.size == 1_000_000


def test_a_piece_that_does_not_fit_waits_for_the_next_batch() -> None:
    queue = queue_of(b"small", b"x" * BATCH_BYTES)
    assert queue.batch() == b"small"
    queue.sent(5)
    assert len(queue.batch()) == BATCH_BYTES


def test_what_leaves_little_by_little_is_not_copied_each_time() -> None:
    """Else each byte that a slow reader takes would cost a copy of a whole batch."""
    queue = queue_of(*[b"x" * 100] * 20_000)
    copied = 0
    last: object = None
    while queue.size > BATCH_BYTES:
        batch = queue.batch()
        if isinstance(batch, bytes) and batch is not last:
            copied += len(batch)
            last = batch
        queue.sent(min(1000, len(batch)))
    assert copied < 2 * 2_000_000
    assert ENOUGH_BYTES < BATCH_BYTES


def test_clearing_drops_everything() -> None:
    queue = queue_of(b"a", b"b")
    queue.batch()
    queue.clear()
    assert queue.size == 0
    queue.append(b"c")
    assert queue.batch() == b"c"


def test_a_file_is_a_batch_by_itself_and_bytes_are_not_joined_across_it() -> None:
    queue = queue_of(b"a", b"b")
    file = PieceOfFile(10)
    queue.append(file)
    for piece in (b"c", b"d"):
        queue.append(piece)
    assert queue.size == 14
    assert queue.batch() == b"ab"
    queue.sent(1)
    queue.sent(1)
    assert queue.batch() is file
    queue.sent(4)
    assert (len(file), queue.size) == (6, 8)
    assert queue.batch() is file
    queue.sent(6)
    assert queue.batch() == b"cd"
    queue.sent(2)
    assert queue.size == 0


class AnyQueue(RuleBasedStateMachine):
    """Appending and sending in any order, beside a plain sequence of bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = OutputQueue()
        self.expected: deque[int] = deque()
        self.byte = 0

    @rule(size=st.one_of(st.integers(1, 5), st.integers(60_000, 300_000)), as_view=st.booleans())
    def append(self, size: int, as_view: bool) -> None:
        self.byte = (self.byte + 1) % 251
        piece = bytes((self.byte,)) * size
        self.queue.append(memoryview(piece) if as_view else piece)
        self.expected.extend(piece)

    @precondition(lambda self: self.queue.size)
    @rule(share=st.floats(0, 1))
    def send(self, share: float) -> None:
        batch = batch_of(self.queue)
        count = max(1, int(share * len(batch)))
        assert bytes(batch[:count]) == bytes(self.expected.popleft() for _ in range(count))
        self.queue.sent(count)

    @invariant()
    def its_size_is_what_is_in_it(self) -> None:
        assert self.queue.size == len(self.expected)


AnyQueue.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
test_any_queue = AnyQueue.TestCase


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1), st.integers(1, 7))
def test_everything_leaves_in_order(pieces: list[bytes], at_most: int) -> None:
    queue = queue_of(*pieces)
    sent = b""
    while queue.size:
        batch = batch_of(queue)[:at_most]
        sent += batch
        queue.sent(len(batch))
    assert sent == b"".join(pieces)
