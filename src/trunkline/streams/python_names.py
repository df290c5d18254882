"""What those who know Python's files and asyncio's streams try on ours, and what to use instead."""

from typing import TYPE_CHECKING

from .._core.meant import Elsewhere, ElsewhereNames

__all__ = ("PythonStreamNames",)


class PythonStreamNames(ElsewhereNames):
    """The methods of files and of asyncio's streams that have another name here."""

    if not TYPE_CHECKING:  # which are to find them missing
        drain = Elsewhere("finish_output() sends what was written, and waits for that")
        flush = Elsewhere("finish_output() sends what was written")
        readexactly = Elsewhere("read_exactly() reads so many bytes")
        readinto = Elsewhere("read_into() fills a buffer, and raw_io() is a file object")
        readline = Elsewhere("read_line() returns a line without its newline")
        readlines = Elsewhere("the stream is an iterator over its lines")
        readuntil = Elsewhere("read_until() reads up to a separator")
        writelines = Elsewhere("write_line() writes a line, newline included")
