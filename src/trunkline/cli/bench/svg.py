"""The histogram as a picture: how many answers took how long, on a scale of powers of ten."""

from collections.abc import Iterator
from math import log10
from xml.sax.saxutils import escape

from .histogram import steps
from .result import PERCENTILES, Result, time_text

__all__ = ("svg",)

_WIDTH, _HEIGHT = 800, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 70, 60  # margins
_FINE = (1.0, 1.26, 1.58, 2.0, 2.51, 3.16, 3.98, 5.01, 6.31, 7.94)  # ten bars in each decade


def svg(result: Result) -> str:
    """Return the picture."""
    return "\n".join(_parts(result)) + "\n"


def _parts(result: Result) -> Iterator[str]:
    latency = result.counts.latency
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="12">'
    )
    title = escape(f"{result.protocol} at {result.target}")
    yield f"<title>{title}</title>"
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>'
    yield f'<text x="{_LEFT}" y="24" font-size="16">{title}</text>'
    about = (
        f"{result.connections} connections, {result.rate:g} messages a second; "
        f"{latency.count} answered, {sum(result.counts.errors.values())} errors"
    )
    yield f'<text x="{_LEFT}" y="44">{escape(about)}</text>'
    if latency.count:
        yield from _bars(result)
    yield "</svg>"


def _bars(result: Result) -> Iterator[str]:
    latency = result.counts.latency
    edges = steps(latency.percentile(0), latency.longest, _FINE)
    counts = latency.between(edges)
    first, last = log10(edges[0]) - 0.1, log10(edges[-1])

    def across(seconds: float) -> float:
        share = (log10(max(seconds, 1e-6)) - first) / (last - first)
        return _LEFT + max(0.0, min(1.0, share)) * (_WIDTH - _LEFT - _RIGHT)

    floor = _HEIGHT - _BOTTOM
    tallest = floor - _TOP
    for edge, count in zip(edges, counts, strict=True):
        height = tallest * count / max(counts)
        right = across(edge)
        left = across(10 ** (log10(edge) - 0.1))
        yield (
            f'<rect x="{left:.1f}" y="{floor - height:.1f}" width="{right - left - 1:.1f}" '
            f'height="{height:.1f}" fill="#4878a8"><title>up to {time_text(edge)}: {count}'
            "</title></rect>"
        )
    yield f'<line x1="{_LEFT}" y1="{floor}" x2="{_WIDTH - _RIGHT}" y2="{floor}" stroke="black"/>'
    yield f'<text x="8" y="{_TOP + 4}">{max(counts)}</text>'
    for edge in steps(edges[0], edges[-1], (1.0,)):
        if first <= log10(edge) <= last:
            yield from _mark(across(edge), floor, floor + 6, time_text(edge), floor + 20)
    for row, percent in enumerate(PERCENTILES):
        seconds = latency.percentile(percent)
        text = f"{percent:g} %: {time_text(seconds)}"
        yield from _mark(across(seconds), _TOP, floor, text, _TOP + 14 * row, dashed=True)


def _mark(
    x: float, top: float, bottom: float, text: str, text_y: float, *, dashed: bool = False
) -> Iterator[str]:
    style = ' stroke-dasharray="3 3"' if dashed else ""
    yield f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="#555"{style}/>'
    # Where there is no room to the right of it, it stands to the left.
    anchor, shift = ("end", -4) if x > _WIDTH * 0.8 else ("start", 4)
    if not dashed:
        anchor, shift = "middle", 0
    yield f'<text x="{x + shift:.1f}" y="{text_y}" text-anchor="{anchor}">{escape(text)}</text>'
