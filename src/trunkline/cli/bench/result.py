"""What came of a load, for people and for programs."""

from dataclasses import dataclass
from typing import Any

from ..._printable import printable
from ..sizes import amount
from .histogram import Histogram, steps
from .load import Counts

__all__ = ("Result", "time_text")

PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)

_ROUND = (1.0, 2.0, 5.0)  # the edges of the bars, in each decade
_WIDTH = 44  # columns of the longest bar
_LATE = 0.002  # seconds that we may be late ourselves, 99 times of 100


@dataclass(frozen=True)
class Result:
    """A load, and what came of it.

    Attributes:
        target: What it was put on.
        protocol: What was said.
        connections: On how many connections.
        rate: How many messages a second were to be sent.
        duration: For how many seconds.
        size: Of how many bytes a message was.
        counts: What came of it.
    """

    target: str
    protocol: str
    connections: int
    rate: float
    duration: float
    size: int
    counts: Counts

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it; times are in seconds."""
        counts, latency = self.counts, self.counts.latency
        return {
            "target": self.target,
            "protocol": self.protocol,
            "connections": self.connections,
            "rate": self.rate,
            "duration": self.duration,
            "size": self.size,
            "seconds": round(counts.seconds, 6),
            "sent": counts.sent,
            "answered": counts.answered,
            "unsent": counts.unsent,
            "errors": dict(counts.errors),
            "bytes_sent": counts.bytes_sent,
            "bytes_received": counts.bytes_received,
            "latency": _summary(latency),
            "lateness": _summary(counts.lateness),
            "histogram": [[round(seconds, 6), count] for seconds, count in latency.buckets()],
        }

    def lines(self) -> list[str]:
        """Return it as lines of no more than 80 columns."""
        counts, latency = self.counts, self.counts.latency
        errors = ", ".join(f"{count} {printable(kind)}" for kind, count in _most(counts))
        lines = [
            f"{self.protocol} at {self.target}: {self.connections} connections, "
            f"{self.rate:g} messages a second",
            "",
            f"sent         {self._rate(counts.sent)}, {amount(counts.bytes_sent)}",
            f"answered     {self._rate(counts.answered)}, {amount(counts.bytes_received)}",
            f"errors       {errors or 'none'}",
        ]
        if counts.unsent:
            lines.append(f"not sent     {counts.unsent}, while connections waited for answers")
        if latency.count:
            lines += [
                f"latency      {time_text(latency.mean)} in the mean, "
                f"{time_text(latency.longest)} at most",
                "",
                "".join(f"{f'{percent:g} %':>12}" for percent in PERCENTILES),
                "".join(f"{time_text(latency.percentile(percent)):>12}" for percent in PERCENTILES),
                "",
                *_bars(latency),
            ]
        if counts.lateness.percentile(99) > _LATE:
            late = time_text(counts.lateness.percentile(99))
            lines += ["", f"Beware: 1 % of the messages to idle connections went {late} late or"]
            lines += ["later, since this program had not enough of the processor."]
        return [line[:80].rstrip() for line in lines]

    def _rate(self, count: int) -> str:
        return f"{count}, {count / max(self.counts.seconds, 1e-9):.1f} a second"


def _most(counts: Counts) -> list[tuple[str, int]]:
    return counts.errors.most_common(5)


def _summary(histogram: Histogram) -> dict[str, float]:
    found = {f"p{percent:g}": histogram.percentile(percent) for percent in PERCENTILES}
    found |= {"mean": histogram.mean, "max": histogram.longest}
    return {name: round(seconds, 6) for name, seconds in found.items()}


def _bars(latency: Histogram) -> list[str]:
    edges = steps(latency.percentile(0), latency.longest, _ROUND)
    counts = latency.between(edges)
    most = max(counts)
    lines = ["up to"]
    for edge, count in zip(edges, counts, strict=True):
        bar = "#" * -(-count * _WIDTH // most)
        share = f"{100 * count / latency.count:.1f} %"
        lines.append(f"{time_text(edge):<8} {count:>10} {share:>8}  {bar}")
    return lines


def time_text(seconds: float) -> str:
    """Return a time in three digits: ``1.24 ms``."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"
