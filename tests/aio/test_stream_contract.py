"""What holds for the stream that blocks holds for the one that is awaited: the same tests, again.

They are called with a stream whose loop runs while it is called.
"""

from functools import partial
from types import ModuleType

import pytest
from aio.loops import LoopFactory, driven_stream_and_peer, each_loop
from streams import test_formats, test_limits, test_reading, test_writing

MODULES: tuple[ModuleType, ...] = (test_formats, test_limits, test_reading, test_writing)

_BY_ITSELF = "what is written here leaves by itself, in the same turn of the loop"

_STOPPED = "what is still queued when a write returns does not leave while the loop is not run"

LEFT_OUT = {
    "test_output_larger_than_all_buffers_reaches_a_slow_reader_whole": _STOPPED,
    "test_output_over_the_internet_reaches_a_slow_reader_whole": _STOPPED,
    "test_small_pieces_are_gathered_until_they_are_finished": _BY_ITSELF,
    "test_what_does_not_fit_the_buffer_is_sent_with_all_that_came_before": _BY_ITSELF,
    "test_output_is_thrown_away": _BY_ITSELF,
    "test_every_write_to_a_closed_stream_says_that_it_is_closed": _BY_ITSELF,
    "test_bytes_cannot_be_read_in_the_middle_of_such_text": "asks for a file object, too",
    "test_a_header_is_followed_by_bytes_in_the_callers_buffer_and_by_text_again": (
        "counts system calls"
    ),
}
for module in MODULES:
    for name, value in vars(module).items():
        if name.startswith("test_") and name not in LEFT_OUT:
            globals()[name] = value


@pytest.fixture(autouse=True)
def _awaited(make_loop: LoopFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in MODULES:
        monkeypatch.setattr(module, "stream_and_peer", partial(driven_stream_and_peer, make_loop))


pytestmark = each_loop
