"""The descriptor that a file to be sent gets of its own."""

from pathlib import Path

from support.leaks import open_descriptors
from support.signal_points import collect_what_was_lost, interrupted_at

from trunkline._sys.source_file import SourceFile


def test_a_handler_that_raises_wherever_it_strikes_leaves_none_open(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"data")
    for point in range(1000):
        with path.open("rb") as file:
            before = open_descriptors()
            source = SourceFile(file, None, None)
            was_interrupted = interrupted_at(point, source.take)
            source.close()
            del source
            collect_what_was_lost()
            assert open_descriptors() <= before
        if not was_interrupted:
            break
    assert 3 < point < 999
