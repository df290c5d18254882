"""Taking a ``struct tcp_info`` apart, of whatever length."""

import copy
import dataclasses
import pickle
import struct
import sys

import pytest

from trunkline._core.tcp_info import TCPInfo, parse_tcp_info

LONGEST = 232  # bytes, in Linux 6.2
SMALLEST = 104  # in Linux 2.6, and all since then

# One number after the other, so that each field can be told by its own.
HEAD = bytes([1, 3, 2, 4, 5, 0b100111, 0xA7 if sys.byteorder == "little" else 0x7A, 0])
WORDS = struct.pack("=24I", *range(1_000_000, 24_000_001, 1_000_000))
LATER = struct.pack("=4Q6I4Q2I2Q4I", *range(101, 123))


def test_all_fields_are_where_they_belong() -> None:
    info = parse_tcp_info(HEAD + WORDS + LATER)
    assert dataclasses.asdict(info) == {
        "state": "established",
        "congestion_state": "recovery",
        "retransmits": 2,
        "probes": 4,
        "backoff": 5,
        "has_timestamps": True,
        "has_sack": True,
        "has_window_scaling": True,
        "has_ecn": False,
        "has_seen_ecn": False,
        "has_data_in_syn": True,
        "send_window_scale": 7,
        "receive_window_scale": 10,
        "is_limited_by_application": False,
        "retransmission_timeout": 1.0,
        "acknowledgement_timeout": 2.0,
        "send_segment_size": 3_000_000,
        "receive_segment_size": 4_000_000,
        "unacknowledged": 5_000_000,
        "selectively_acknowledged": 6_000_000,
        "lost": 7_000_000,
        "retransmitted": 8_000_000,
        "since_data_sent": 10_000.0,
        "since_data_received": 12_000.0,
        "since_acknowledgement_received": 13_000.0,
        "path_mtu": 14_000_000,
        "receive_slow_start_threshold": 15_000_000,
        "round_trip_time": 16.0,
        "round_trip_variation": 17.0,
        "slow_start_threshold": 18_000_000,
        "congestion_window": 19_000_000,
        "advertised_segment_size": 20_000_000,
        "reordering": 21_000_000,
        "receive_round_trip_time": 22.0,
        "receive_space": 23_000_000,
        "total_retransmits": 24_000_000,
        "pacing_rate": 101,
        "max_pacing_rate": 102,
        "bytes_acknowledged": 103,
        "bytes_received": 104,
        "segments_sent": 105,
        "segments_received": 106,
        "not_sent": 107,
        "min_round_trip_time": 108 / 1e6,
        "data_segments_received": 109,
        "data_segments_sent": 110,
        "delivery_rate": 111,
        "busy_time": 112 / 1e6,
        "receive_window_limited": 113 / 1e6,
        "send_buffer_limited": 114 / 1e6,
        "delivered": 115,
        "delivered_with_congestion": 116,
        "bytes_sent": 117,
        "bytes_retransmitted": 118,
        "duplicates_acknowledged": 119,
        "reorderings_seen": 120,
        "out_of_order_received": 121,
        "send_window": 122,
    }


@pytest.mark.parametrize("length", range(SMALLEST, LONGEST + 20))
def test_what_is_not_there_is_none_and_what_is_unknown_is_left_out(length: int) -> None:
    whole = HEAD + WORDS + LATER
    assert len(whole) == LONGEST
    info = parse_tcp_info((whole + b"\xff" * 20)[:length])
    complete = parse_tcp_info(whole)
    is_there = True
    for field in dataclasses.fields(TCPInfo):
        value = getattr(info, field.name)
        assert value is None or value == getattr(complete, field.name)
        is_there = is_there and value is not None
        assert is_there or value is None  # what is missing is at the end
    assert (info == complete) is (length >= LONGEST)


def test_what_has_no_limit_is_none() -> None:
    words = list(struct.unpack("=24I", WORDS))
    words[17] = 2**31 - 1
    info = parse_tcp_info(HEAD + struct.pack("=24I", *words) + b"\xff" * 16)
    assert info.slow_start_threshold is None
    assert info.pacing_rate is None
    assert info.max_pacing_rate is None


def test_states_that_nobody_knows_yet_have_their_number() -> None:
    info = parse_tcp_info(bytes([77, 88]) + HEAD[2:] + WORDS)
    assert info.state == "unknown (77)"
    assert info.congestion_state == "unknown (88)"


@pytest.mark.parametrize("length", [0, 8, SMALLEST - 1])
def test_less_than_there_has_ever_been_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"has {SMALLEST} bytes at least, not {length}"):
        parse_tcp_info(bytes(length))


def test_it_is_frozen_and_can_be_copied() -> None:
    info = parse_tcp_info(HEAD + WORDS + LATER)
    with pytest.raises(dataclasses.FrozenInstanceError):
        info.state = "closed"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(info)) == copy.deepcopy(info) == info
