"""Whole texts in many scripts, from any format to any other, byte for byte.

A line is read in one format and written in another, and what arrives is what Python's own codecs
make of the text. That goes for every pair of formats that have all of the text's characters.
"""

from itertools import product
from typing import Any

import pytest
from sockets.helpers import Call, stream_and_peer
from support.peers import receive_all

from trunkline import ActiveSocket

LINES = 300

SCRIPTS = {
    "english": (
        "It was a bright cold day, and the clocks struck {}.",
        ["ascii", "utf-8", "utf-16"],
    ),
    "german": ("Zwölf Boxkämpfer jagen {} Füchse über den großen Deich.", ["latin-1", "utf-8"]),
    "russian": ("Съешь ещё {} мягких французских булок.", ["koi8-r", "utf-8", "utf-16-le"]),
    "hebrew": ("דג סקרן שט {} ימים בים מאוכזב.", ["iso8859-8", "utf-8"]),
    "japanese": ("いろはにほへと{}ちりぬるを", ["shift_jis", "euc_jp", "iso2022_jp", "utf-8"]),
    "everything": ("ñ{} Ω 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧 \u2028 \x85 e\u0301", ["utf-8", "utf-32-be", "utf-7"]),
}
NEWLINES = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}
CASES = [
    (script, one, other)
    for script, (_, encodings) in SCRIPTS.items()
    for one, other in product(encodings, repeat=2)
]


def text_of(script: str) -> list[str]:
    """Return lines of very different lengths, some of them empty."""
    pattern = SCRIPTS[script][0]
    return [pattern.format(number) * (number * 7 % 5) for number in range(LINES)]


def encoded(lines: list[str], encoding: str, eol: str) -> bytes:
    return "".join(line + NEWLINES[eol] for line in lines).encode(encoding)


def convert(source: ActiveSocket, target: ActiveSocket) -> None:
    for line in source:
        target.write_line(line)
    target.shutdown(write=True)


@pytest.mark.parametrize(("script", "one", "other"), CASES)
@pytest.mark.slow
def test_a_text_is_converted_byte_for_byte(script: str, one: str, other: str) -> None:
    lines = text_of(script)
    for eol_in, eol_out in product(NEWLINES, repeat=2):
        with (
            stream_and_peer(external_format=f"{one}/{eol_in}") as (source, writer),
            stream_and_peer(external_format=f"{other}/{eol_out}") as (target, reader),
            Call(receive_all, reader) as receiving,
            Call(convert, source, target) as converting,
        ):
            writer.sendall(encoded(lines, one, eol_in))
            writer.close()
            converting.result()
            assert receiving.result() == encoded(lines, other, eol_out), (eol_in, eol_out)


@pytest.mark.parametrize("size", [1, 2, 3, 1000, 65_536])
def test_the_size_of_the_buffers_does_not_matter(size: int) -> None:
    lines = text_of("japanese")[:100]
    sizes: dict[str, Any] = {"input_buffer_size": size, "output_buffer_size": size}
    with (
        stream_and_peer(external_format="shift_jis/crlf", **sizes) as (source, writer),
        stream_and_peer(external_format="utf-16/lf", **sizes) as (target, reader),
        Call(receive_all, reader) as receiving,
        Call(convert, source, target) as converting,
    ):
        writer.sendall(encoded(lines, "shift_jis", "crlf"))
        writer.close()
        converting.result()
        assert receiving.result() == encoded(lines, "utf-16", "lf")
