"""The numbered text that a source sends and a sink answers with, the same as in load/text.c."""

from bench.servers import PIECE

LINE = 64
TEXT_LINES = 16_384
MIB = TEXT_LINES * LINE

TEXT = b"".join(b"%063d\n" % number for number in range(TEXT_LINES))

PIECES = [TEXT[begin : begin + PIECE] for begin in range(0, MIB, PIECE)]
"""The text as a program would write it that makes what it sends, or reads it from somewhere."""


def line(number: int) -> bytes:
    """Return a line of the text, which goes on for ever."""
    begin = number % TEXT_LINES * LINE
    return TEXT[begin : begin + LINE]
