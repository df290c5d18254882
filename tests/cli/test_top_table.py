"""The table of `trunkline top`: whole, at 80 columns, whatever the numbers are."""

from dataclasses import replace

import pytest

from trunkline import (
    OpenConnection,
    ServerStatistics,
    SupervisorStatistics,
    Traffic,
    WorkerReport,
    WorkerStatus,
)
from trunkline.cli.control.snapshot import Snapshot
from trunkline.cli.sizes import short_amount, short_count, short_time
from trunkline.cli.top.rates import Rates, rates_between
from trunkline.cli.top.screen import styled
from trunkline.cli.top.table import drawn

FIRST = WorkerReport(
    WorkerStatus(4712, 0, "ready", 0),
    25 << 20,
    ServerStatistics(accepted=100, active=12, shaking_hands=1, peak=20, finished=80, broken=7),
    Traffic(
        bytes_received=5_000_000,
        bytes_sent=1_500,
        receptions=2_000,
        ended=87,
        seconds=99.5,
        errors={"ConnectionReset": 5, "EndOfFile": 2},
        refusals={"limit": 3},
        longest=(
            OpenConnection("192.0.2.7:1234", 4_000.0, 1_000, 2_000, 7),
            OpenConnection("192.0.2.8:1", 3.25, 10, 20, 1),
        ),
    ),
)
SECOND = WorkerReport(
    WorkerStatus(4713, 1, "draining", 1),
    None,
    ServerStatistics(accepted=50, active=1, timed_out=2, peak=2, finished=47),
    Traffic(longest=(OpenConnection("x\n\x1b[2J", 60.0, 0, 0, 0),)),
)
SILENT = WorkerReport(WorkerStatus(4714, 2, "starting", 1))
NOW = Snapshot(
    4711,
    "chat:handle",
    ("127.0.0.1:7000", "[::1]:7000"),
    3_725.0,
    SupervisorStatistics(4, 1, 0, 1),
    (FIRST, SECOND, SILENT),
)
EARLIER = replace(
    NOW,
    seconds=3_723.0,
    workers=(
        replace(
            FIRST,
            statistics=ServerStatistics(accepted=90),
            traffic=Traffic(bytes_received=1_000_000, bytes_sent=500, receptions=1_000),
        ),
        SILENT,
    ),
)

TABLE = """\
chat:handle, process 4711, for 1 h 2 min
at 127.0.0.1:7000, [::1]:7000
workers: 1 ready of 3; 4 started, 1 lost, 0 killed, 1 replacements

connections  13 now, 1 shaking hands, 150 accepted
ended        127 finished, 7 broken, 2 timed out
a second     30.0 connections, 500.0 messages, 1.9 MiB in, 500 bytes out
in all       2000 messages, 4.8 MiB in, 1.5 KiB out
errors       5 ConnectionReset, 2 EndOfFile
refused      3 limit
memory       25.0 MiB

worker      pid state        now  in all  conn/s   msg/s    in/s   out/s  memory
0          4712 ready         12     100       5     500    1.9M     500   25.0M
1          4713 draining       1      50      25       0       0       0       -
2          4714 starting       -       -       -       -       -       -       -

open for longest                                    for      in     out  worker
192.0.2.7:1234                                1 h 6 min    1000    2.0K       0
x\\n\\x1b[2J                                    1 min 0 s       0       0       1
192.0.2.8:1                                       3.2 s      10      20       0
"""


def text_of(now: Snapshot, earlier: Snapshot | None = None, width: int = 80) -> str:
    return "".join(f"{line.text}\n" for line in drawn(now, earlier, width))


def test_the_whole_table() -> None:
    assert text_of(NOW, EARLIER) == TABLE


def test_what_was_not_seen_before_has_no_rates() -> None:
    lines = text_of(NOW).splitlines()
    assert "a second     -" in lines
    assert lines[13] == (
        "0          4712 ready         12     100       -       -       -       -   25.0M"
    )
    assert rates_between(replace(EARLIER, pid=1), NOW) == {}
    assert rates_between(NOW, NOW) == {}


def test_what_has_just_been_started_has_happened_since() -> None:
    rates = rates_between(EARLIER, NOW)
    assert rates[4713] == Rates(25.0, 0.0, 0.0, 0.0)
    assert 4714 not in rates


@pytest.mark.parametrize("width", [80, 100, 40, 1])
def test_it_fits(width: int) -> None:
    huge = 10**15 - 1
    worker = WorkerReport(
        WorkerStatus(4_194_304, 999, "draining", 10_000),
        huge,
        ServerStatistics(**dict.fromkeys(ServerStatistics.__slots__, huge)),
        Traffic(
            huge,
            huge,
            huge,
            huge,
            huge,
            {f"Error{number}": huge for number in range(50)},
            {"limit": huge},
            (OpenConnection("x" * 200, huge, huge, huge, huge),),
        ),
    )
    now = Snapshot(1, "n" * 100, ("a" * 200,), huge, SupervisorStatistics(huge), (worker,) * 3)
    earlier = replace(now, seconds=huge - 1, workers=(replace(worker, traffic=Traffic()),))
    assert max(len(line.text) for line in drawn(now, earlier, width)) <= max(width, 20)


def test_headings_stand_out_unless_nobody_wants_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    headings = [line for line in drawn(NOW, None, 80) if line.is_heading]
    assert len(headings) == 3
    assert styled(headings[0]).startswith("\x1b[1m")
    assert styled(drawn(NOW, None, 80)[1]).startswith("at ")
    monkeypatch.setenv("NO_COLOR", "1")
    assert styled(headings[0]) == headings[0].text


def test_a_snapshot_travels_as_json() -> None:
    assert Snapshot.parse(NOW.plain()) == NOW


@pytest.mark.parametrize("told", [{}, {"workers": [1]}, {"workers": [{}]}])
def test_what_is_none_is_noticed(told: dict[str, object]) -> None:
    with pytest.raises((TypeError, KeyError)):
        Snapshot.parse(told)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (1023, "1023"),
        (1024, "1.0K"),
        (99 * 1024, "99.0K"),
        (1000 * 1024, "1000K"),
        (5 << 40, "5.0T"),
        (5 << 60, "5120P"),
    ],
)
def test_bytes_are_short(count: int, text: str) -> None:
    assert short_amount(count) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0.4, "0"), (99_999, "99999"), (100_000, "100k"), (2_500_000, "2.5M")]
)
def test_counts_are_short(count: float, text: str) -> None:
    assert short_count(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (59.9, "59.9 s"),
        (60, "1 min 0 s"),
        (3_600, "1 h 0 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_times_are_short(seconds: float, text: str) -> None:
    assert short_time(seconds) == text
