"""The text that arrives from a program, and how much of it the test has seen.

Bytes arrive in pieces that know nothing of characters and lines, and a test asks for both.
"""

import codecs
import re

SHOWN = 40_000  # characters of an output that somebody might read


class Received:
    """The text that came out of one pipe so far, and how much of it the test has seen."""

    def __init__(self) -> None:
        self.text = ""
        self.seen = 0
        self.ended = False
        # Bytes that are no UTF-8 are a finding: show them instead of dying of them.
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def feed(self, data: bytes) -> None:
        """Take in what was read; nothing is the end."""
        self.ended = not data
        self.text += self._decoder.decode(data, final=self.ended)

    def find(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Find a pattern in what was not seen yet, and see all up to its end."""
        if found := pattern.search(self.text, self.seen):
            self.seen = found.end()
        return found

    def find_line(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Find a pattern in a whole line that was not seen yet, and see all up to that line."""
        while self.seen < len(self.text):
            end = self.text.find("\n", self.seen)
            if end < 0 and not self.ended:
                break
            line = self.text[self.seen :] if end < 0 else self.text[self.seen : end]
            self.seen += len(line) + (end >= 0)
            if found := pattern.search(line):
                return found
        return None

    def take_rest(self) -> str | None:
        """Return what was not seen yet, when it is all there is to come."""
        if not self.ended:
            return None
        rest, self.seen = self.text[self.seen :], len(self.text)
        return rest

    def shown(self) -> str:
        """Return as much as somebody might read."""
        omitted = len(self.text) - SHOWN
        if omitted <= 0:
            return self.text.removesuffix("\n")
        half = SHOWN // 2
        return f"{self.text[:half]}\n[{omitted} characters]\n{self.text[-half:]}"
