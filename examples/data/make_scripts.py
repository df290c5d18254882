"""Make scripts.txt, the text the demo streams: many scripts, and lines that break programs.

A demonstration with "hello, world" proves nothing about text. This one is long enough to fill pipes
and socket buffers, and it has in it whatever a program that confuses bytes, characters and lines
gets wrong: characters of two, three and four bytes, marks that combine, writing from right to left,
lines that look alike and differ, and line ends that are none. It is made by a program and not
collected, so that all of it is ours and everybody can see why it is there; and it is text and not
random data, so that people can look at it.

The sentences stand in sentences.txt. The charts come from Python's unicodedata, whose version
decides which characters exist: the file in the repository is what Python 3.11 makes (Unicode 14).

    python examples/data/make_scripts.py
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
SENTENCES = HERE / "sentences.txt"
SCRIPTS = HERE / "scripts.txt"

# What ends a line for str.splitlines() but must not end one on this wire. CR is missing on purpose:
# a program that reads its standard input as text takes a CR for a line end, and is right to do so.
NOT_LINE_ENDS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"

# The lines for which the text is made, by what is awkward about them.
AWKWARD = {
    "nothing at all": [""],
    "one space, three, an ideographic and a no-break one": [" ", "   ", "\u3000 \xa0"],
    "spaces before and behind": ["  in the middle  ", "\u3000\u4e2d\u3000", "behind "],
    "tabs": ["one\ttwo\t\tfour", "\tin front", "behind\t"],
    "no line ends, whatever they look like": [f"one{end}line" for end in NOT_LINE_ENDS],
    "all of them, and at the edges of a line": [NOT_LINE_ENDS, f"{NOT_LINE_ENDS}line"],
    "not the word that hangs up": ["Quit", " quit", "quit ", "quit quit", "ｑｕｉｔ"],
    "backslashes and directives": [r"C:\new\readme \r\n \u2028", "100 % %s %n {0} ~A"],
    "quotes and markup": ["\"'`", "[bold]not bold[/bold] <b>&amp;</b> :telephone:"],
    "left, right, left": ["trunk קו line خط trunk", "(שתיים 2 ثلاثة 3)", "א1ב2ג3"],
    "directions by hand": ["\u202eback to front\u202c", "\u2067עברית\u2069 \u200f!\u200e"],
    "one letter and forty marks": ["e" + "\u0301\u0323\u0308\u0330" * 10 + "nd"],
    "a mark with nothing before it": ["\u0301", "\u0301 and more"],
    "one letter in three ways": ["\xc5", "A\u030a", "\u212b"],
    "a syllable whole and in pieces": ["\ud55c", "\u1112\u1161\u11ab"],
    "one picture of several": ["👩\u200d💻 👨\u200d👩\u200d👧\u200d👦 🏳\ufe0f\u200d🌈"],
    "skins, flags and keys": [
        "👋🏻👋🏽👋🏿",
        "🇦🇲🇬🇪🇰🇷🇺🇳",
        "1\ufe0f\u20e32\ufe0f\u20e3#\ufe0f\u20e3",
    ],
    "one sign as text and as a picture": ["\u260e\ufe0e \u260e\ufe0f"],
    "four bytes each": ["𐌰𐌱𐌲 𐐀𐐁𐐂 𝔸𝔹𝕐 𠀀𠀁𠀂 🂡🂢🂣"],
    "the first and the last of one, two, three and four bytes": [
        " ~",
        "\x80\u07ff",
        "\u0800\uffff",
        "\U00010000\U0010ffff",
    ],
    "on both sides of the surrogates": ["\ud7ff\ue000"],
    "a byte order mark in the wrong place": ["\ufeffin front", "in\ufeffside"],
    "what a careless echo would answer": ["\ufffd", "???", r"\ufffd"],
}
LONG_LINES_BYTES = (4095, 4096, 4097)  # around the size of a page, which many a buffer has


@dataclass
class Chapter:
    """One script: what is written in it, and which code points its chart shows."""

    name: str
    code_points: list[int]
    sentences: list[str] = field(default_factory=list)


def read_chapters(path: Path = SENTENCES) -> list[Chapter]:
    """Read the chapters; their format is explained at the top of the file."""
    chapters: list[Chapter] = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith("== "):
            name, _, blocks = line.removeprefix("== ").partition(": ")
            numbers = [number for block in blocks.split() for number in parse_block(block)]
            chapters.append(Chapter(name, numbers))
        elif line and not line.startswith("#"):
            chapters[-1].sentences.append(line)
    return chapters


def parse_block(block: str) -> range:
    """Turn ``FIRST-LAST`` or ``FIRST-LAST/STEP``, all in hexadecimal, into a range."""
    bounds, _, step = block.partition("/")
    first, last = (int(bound, 16) for bound in bounds.split("-"))
    return range(first, last + 1, int(step or "1", 16))


def make_text() -> str:
    """Return the whole text. LF ends each line, the last one too."""
    chapters = read_chapters()
    lines = ["Trunkline: a text for the wire", ""]
    for chapter in chapters:
        lines += heading(chapter.name)
        lines += chapter.sentences
        lines += both_normal_forms(chapter.sentences)
        lines += ["", *chart(chapter.code_points), ""]
    lines += heading("Awkward lines")
    for label, awkward in AWKWARD.items():
        lines += [f"# {label}", *awkward]
    prose = " ".join(sentence for chapter in chapters for sentence in chapter.sentences)
    for size in LONG_LINES_BYTES:
        lines += [f"# {size:,} bytes", cut(prose, size)]
    lines += ["", "The end. Whoever can read this at the other end has a good line."]
    return "".join(f"{line}\n" for line in lines)


def heading(name: str) -> list[str]:
    """Return the heading of a chapter, underlined, and a line to set it off."""
    return [name, "=" * len(name), ""]


def both_normal_forms(sentences: list[str]) -> Iterator[str]:
    """Yield each sentence composed and decomposed, where that makes a difference.

    Nobody can tell the two apart by looking, so it takes a program to notice an echo that
    "normalises".
    """
    for sentence in sentences:
        composed, decomposed = (unicodedata.normalize(form, sentence) for form in ("NFC", "NFD"))
        if composed != decomposed:
            yield f"composed   ({len(composed):2} characters): {composed}"
            yield f"decomposed ({len(decomposed):2} characters): {decomposed}"


def chart(code_points: list[int]) -> Iterator[str]:
    """Yield a line for each character: its code point, its bytes on the wire, itself, its name."""
    for code_point in code_points:
        character = chr(code_point)
        name = unicodedata.name(character, "")
        if not name:
            continue  # Nobody has given it a meaning yet, in this version of Unicode.
        octets = character.encode().hex(" ").upper()
        # A mark needs something to stand on, and a dotted circle is what charts use.
        shown = f"\u25cc{character}" if unicodedata.combining(character) else character
        yield f"U+{code_point:04X}  {octets:<11}  {shown}  {name}"


def cut(prose: str, size_bytes: int) -> str:
    """Return the beginning of the prose, exactly so many bytes of it, with no character broken."""
    whole = prose.encode()[:size_bytes].decode(errors="ignore")
    return whole + "." * (size_bytes - len(whole.encode()))


if __name__ == "__main__":
    SCRIPTS.write_text(make_text(), encoding="utf-8", newline="\n")
    print(f"wrote {SCRIPTS}")
