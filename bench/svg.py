"""Drawings as SVG text: a column of what there is to read, narrow enough for a phone.

A drawing is as wide as a phone's page, and is made from the top down. Its background is that of
the page. Its colours are for a light one, and others for a dark one where the reader's system wants
that; a page may have a switch of its own, so all of them can be read on both.
"""

import textwrap
from collections.abc import Iterable
from html import escape

WIDTH = 360

STYLE = """
svg { --text: #66707c; --ours: #0d8378; --peer: #7c94b8; --limit: #949ba6; --failed: #cf3f4f; }
@media (prefers-color-scheme: dark) {
  svg { --text: #a3acb8; --ours: #23a79a; --peer: #6d86ad; --limit: #7d8590; --failed: #ee6b78; }
}
.ours { --colour: var(--ours); }
.peer { --colour: var(--peer); }
.limit, .grid { --colour: var(--limit); }
.failed { --colour: var(--failed); }
text, rect { fill: var(--colour, var(--text)); }
path { fill: none; stroke: var(--colour, var(--text)); stroke-width: 1.5; }
text { font: 14px system-ui, sans-serif; }
.title { font-size: 15px; font-weight: bold; }
.small { font-size: 12px; }
.strong { font-weight: bold; }
.grid { stroke-width: 0.5; }
""".strip()

# As many characters fit into a line, also in the wider ones of the usual fonts.
CHARACTERS = {"title": 40, "small": 54}


class Drawing:
    """What has been drawn so far.

    Attributes:
        bottom: Where it ends, in pixels from the top; what comes next is drawn below it.
    """

    def __init__(self, description: str) -> None:
        """Begin.

        Args:
            description: For those who cannot see it.
        """
        self.bottom = 0.0
        self._description = description
        self._parts: list[str] = []

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
        """Write a line.

        Args:
            x: Where it begins, ends or has its middle, as `anchor` says.
            y: Where its letters stand.
            text: What it says.
            kind: One or more classes of the style.
            anchor: "start", "end" or "middle".
        """
        where = f'x="{x:g}" y="{y:g}"' + (f' text-anchor="{anchor}"' if anchor != "start" else "")
        self._parts.append(f"<text {where}{_classes(kind)}>{escape(text, quote=False)}</text>")

    def paragraph(self, text: str, kind: str, leading: float) -> None:
        """Write as many lines as a text takes below all that is there."""
        width = CHARACTERS[kind.split()[0]]
        for line in textwrap.wrap(text, width, break_on_hyphens=False):
            self.bottom += leading
            self.text(0, self.bottom, line, kind)

    def bar(self, y: float, length: float, height: float, kind: str) -> None:
        """Draw a bar from the left edge."""
        size = f'width="{length:.1f}" height="{height:g}"'
        self._parts.append(f'<rect y="{y:g}" {size} rx="1"{_classes(kind)}/>')

    def line(self, points: Iterable[tuple[float, float]], kind: str = "") -> None:
        """Draw a line through some points."""
        way = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        self._parts.append(f'<path d="M{way}"{_classes(kind)}/>')

    def __str__(self) -> str:
        """Return the whole as SVG."""
        height = round(self.bottom) + 8
        head = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {head}>',
                f"<title>{escape(self._description, quote=False)}</title>",
                f"<style>\n{STYLE}\n</style>",
                *self._parts,
                "</svg>\n",
            ]
        )


def _classes(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
