"""What the system knows of a TCP connection: Linux's ``struct tcp_info``, taken apart.

The structure has grown with the kernel, always at its end. A kernel that is older than a field
does not send it, and the field is None; what a newer kernel adds is left out. See <linux/tcp.h>,
and RFC 4898, from which many of the fields come.
"""

import struct
import sys
from dataclasses import dataclass

__all__ = ("LARGEST_TCP_INFO", "TCPInfo", "parse_tcp_info")

LARGEST_TCP_INFO = 1024
"""Bytes that are enough for the structure of any kernel to come."""

# At the numbers that they have in the kernel.
_STATES = """
    unknown established syn_sent syn_received fin_wait_1 fin_wait_2 time_wait closed close_wait
    last_ack listening closing new_syn_received
""".split()  # noqa: SIM905 - they are counted more easily like this
_CONGESTION_STATES = ("open", "disorder", "reduced", "recovery", "loss")

_TIMESTAMPS, _SACK, _WINDOW_SCALING, _ECN, _ECN_SEEN, _SYN_DATA = (1 << bit for bit in range(6))

_NO_THRESHOLD = 2**31 - 1  # TCP_INFINITE_SSTHRESH
_NO_RATE = 2**64 - 1

_MICROSECONDS, _MILLISECONDS = 1e6, 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class TCPInfo:
    """What the system knows of a TCP connection at one moment; see `ActiveSocket.tcp_info`.

    All times are in seconds. What the system is too old to tell is None.

    Attributes:
        state: ``"established"``, ``"close_wait"``, ``"fin_wait_1"`` and so on, as RFC 9293 has
            them.
        congestion_state: ``"open"`` if all is well, ``"disorder"`` after the first sign of
            trouble, ``"reduced"`` when routers have asked for it, and ``"recovery"`` or ``"loss"``
            while what was lost is sent again.
        retransmits: How often in a row the first packet without an acknowledgement was sent again.
        probes: How many questions whether the peer has room, or still exists, had no answer.
        backoff: How often the waiting before sending again was doubled.
        has_timestamps: Both ends send times along (RFC 7323).
        has_sack: Both ends tell what came after a gap (RFC 2018).
        has_window_scaling: Both ends can announce more than 64 KiB of room (RFC 7323).
        has_ecn: Both ends know of congestion that routers tell (RFC 3168).
        has_seen_ecn: A packet came in by which a router could have told it.
        has_data_in_syn: Data has come with the connection, and was taken (RFC 7413).
        send_window_scale: By how many bits the peer shifts the room that it announces.
        receive_window_scale: By how many bits this end does.
        is_limited_by_application: The `delivery_rate` was low because little was sent.
        retransmission_timeout: How long to wait for an acknowledgement before sending again.
        acknowledgement_timeout: How long this end may hold an acknowledgement back.
        send_segment_size: The largest segment sent, in bytes.
        receive_segment_size: About the largest segment that comes, in bytes.
        unacknowledged: How many packets are on their way; of a socket that listens, how many
            connections wait.
        selectively_acknowledged: How many came after a gap; of a socket that listens, how many may
            wait.
        lost: How many are believed to be lost.
        retransmitted: How many of those on their way were sent again.
        since_data_sent: Since data was sent last.
        since_data_received: Since data came last.
        since_acknowledgement_received: Since an acknowledgement came last.
        path_mtu: The largest packet that reaches the peer, in bytes.
        receive_slow_start_threshold: How much room this end will announce, in bytes.
        round_trip_time: How long an answer takes, smoothed.
        round_trip_variation: By how much that varies.
        slow_start_threshold: Up to how many packets on their way sending gets faster quickly; None
            is that there is no limit yet.
        congestion_window: How many packets may be on their way.
        advertised_segment_size: The largest segment that this end takes, in bytes.
        reordering: How many packets may overtake one before that counts as lost.
        receive_round_trip_time: The same as `round_trip_time`, as the receiver sees it; 0 where it
            does not know.
        receive_space: How many bytes the program reads in such a time.
        total_retransmits: How many packets were sent again, in all.
        pacing_rate: How fast the system sends, in bytes a second; None is without a limit.
        max_pacing_rate: How fast at most, see the option of that name.
        bytes_acknowledged: How many bytes the peer has acknowledged.
        bytes_received: How many bytes have come, and were acknowledged.
        segments_sent: How many packets were sent.
        segments_received: How many packets have come.
        not_sent: How many bytes wait to be sent for the first time.
        min_round_trip_time: The shortest time of an answer lately.
        data_segments_received: How many packets with data have come.
        data_segments_sent: How many packets with data were sent.
        delivery_rate: How fast data has reached the peer lately, in bytes a second.
        busy_time: For how long there was something to be sent.
        receive_window_limited: For how long of that the peer had no room.
        send_buffer_limited: For how long of that the send buffer was too small.
        delivered: How many packets have reached the peer.
        delivered_with_congestion: How many of them met with congestion, as routers have told.
        bytes_sent: How many bytes were sent, those that were sent again included.
        bytes_retransmitted: How many of them were sent again.
        duplicates_acknowledged: How many the peer had got already.
        reorderings_seen: How often packets have overtaken others.
        out_of_order_received: How many packets have come after a gap.
        send_window: How much room the peer has announced, in bytes.
    """

    state: str
    congestion_state: str
    retransmits: int
    probes: int
    backoff: int
    has_timestamps: bool
    has_sack: bool
    has_window_scaling: bool
    has_ecn: bool
    has_seen_ecn: bool
    has_data_in_syn: bool
    send_window_scale: int
    receive_window_scale: int
    is_limited_by_application: bool
    retransmission_timeout: float
    acknowledgement_timeout: float
    send_segment_size: int
    receive_segment_size: int
    unacknowledged: int
    selectively_acknowledged: int
    lost: int
    retransmitted: int
    since_data_sent: float
    since_data_received: float
    since_acknowledgement_received: float
    path_mtu: int
    receive_slow_start_threshold: int
    round_trip_time: float
    round_trip_variation: float
    slow_start_threshold: int | None
    congestion_window: int
    advertised_segment_size: int
    reordering: int
    receive_round_trip_time: float
    receive_space: int
    total_retransmits: int
    pacing_rate: int | None = None
    max_pacing_rate: int | None = None
    bytes_acknowledged: int | None = None
    bytes_received: int | None = None
    segments_sent: int | None = None
    segments_received: int | None = None
    not_sent: int | None = None
    min_round_trip_time: float | None = None
    data_segments_received: int | None = None
    data_segments_sent: int | None = None
    delivery_rate: int | None = None
    busy_time: float | None = None
    receive_window_limited: float | None = None
    send_buffer_limited: float | None = None
    delivered: int | None = None
    delivered_with_congestion: int | None = None
    bytes_sent: int | None = None
    bytes_retransmitted: int | None = None
    duplicates_acknowledged: int | None = None
    reorderings_seen: int | None = None
    out_of_order_received: int | None = None
    send_window: int | None = None


_HEAD = struct.Struct("=8B")

# What follows in words of 32 bits. All kernels that we run on have these; None is of no use.
_WORDS: tuple[tuple[str | None, float | None], ...] = (
    ("retransmission_timeout", _MICROSECONDS),
    ("acknowledgement_timeout", _MICROSECONDS),
    ("send_segment_size", None),
    ("receive_segment_size", None),
    ("unacknowledged", None),
    ("selectively_acknowledged", None),
    ("lost", None),
    ("retransmitted", None),
    (None, None),  # forward acknowledgements, which there are no more
    ("since_data_sent", _MILLISECONDS),
    (None, None),  # since an acknowledgement was sent, which is not remembered
    ("since_data_received", _MILLISECONDS),
    ("since_acknowledgement_received", _MILLISECONDS),
    ("path_mtu", None),
    ("receive_slow_start_threshold", None),
    ("round_trip_time", _MICROSECONDS),
    ("round_trip_variation", _MICROSECONDS),
    ("slow_start_threshold", None),
    ("congestion_window", None),
    ("advertised_segment_size", None),
    ("reordering", None),
    ("receive_round_trip_time", _MICROSECONDS),
    ("receive_space", None),
    ("total_retransmits", None),
)

# What newer kernels have added, in this order, of 32 bits (I) or 64 (Q).
_LATER: tuple[tuple[str, str, float | None], ...] = (
    ("pacing_rate", "Q", None),
    ("max_pacing_rate", "Q", None),
    ("bytes_acknowledged", "Q", None),
    ("bytes_received", "Q", None),
    ("segments_sent", "I", None),
    ("segments_received", "I", None),
    ("not_sent", "I", None),
    ("min_round_trip_time", "I", _MICROSECONDS),
    ("data_segments_received", "I", None),
    ("data_segments_sent", "I", None),
    ("delivery_rate", "Q", None),
    ("busy_time", "Q", _MICROSECONDS),
    ("receive_window_limited", "Q", _MICROSECONDS),
    ("send_buffer_limited", "Q", _MICROSECONDS),
    ("delivered", "I", None),
    ("delivered_with_congestion", "I", None),
    ("bytes_sent", "Q", None),
    ("bytes_retransmitted", "Q", None),
    ("duplicates_acknowledged", "I", None),
    ("reorderings_seen", "I", None),
    ("out_of_order_received", "I", None),
    ("send_window", "I", None),
)

_ALL_WORDS = struct.Struct(f"={len(_WORDS)}I")
_SMALLEST = _HEAD.size + _ALL_WORDS.size


def parse_tcp_info(data: bytes) -> TCPInfo:
    """Return what a ``struct tcp_info`` of whatever length says.

    Raises:
        ValueError: It is shorter than it has ever been.
    """
    if len(data) < _SMALLEST:
        raise ValueError(f"a struct tcp_info has {_SMALLEST} bytes at least, not {len(data)}")
    state, congestion, retransmits, probes, backoff, options, scales, flags = _HEAD.unpack_from(
        data
    )
    values: dict[str, float | None] = {
        name: word if unit is None else word / unit
        for (name, unit), word in zip(_WORDS, _ALL_WORDS.unpack_from(data, _HEAD.size), strict=True)
        if name is not None
    }
    if values["slow_start_threshold"] == _NO_THRESHOLD:
        values["slow_start_threshold"] = None
    values.update(_parse_later(data))
    is_big = sys.byteorder == "big"  # there C begins with the upper bits
    return TCPInfo(
        state=_name(_STATES, state),
        congestion_state=_name(_CONGESTION_STATES, congestion),
        retransmits=retransmits,
        probes=probes,
        backoff=backoff,
        has_timestamps=bool(options & _TIMESTAMPS),
        has_sack=bool(options & _SACK),
        has_window_scaling=bool(options & _WINDOW_SCALING),
        has_ecn=bool(options & _ECN),
        has_seen_ecn=bool(options & _ECN_SEEN),
        has_data_in_syn=bool(options & _SYN_DATA),
        send_window_scale=scales >> 4 if is_big else scales & 0xF,
        receive_window_scale=scales & 0xF if is_big else scales >> 4,
        is_limited_by_application=bool(flags & (0x80 if is_big else 1)),
        **values,  # type: ignore[arg-type]
    )


def _parse_later(data: bytes) -> dict[str, float | None]:
    values: dict[str, float | None] = {}
    offset = _SMALLEST
    for name, form, unit in _LATER:
        field = struct.Struct(f"={form}")
        if offset + field.size > len(data):
            break
        (word,) = field.unpack_from(data, offset)
        offset += field.size
        is_limit = name.endswith("pacing_rate") and word == _NO_RATE
        values[name] = None if is_limit else word if unit is None else word / unit
    return values


def _name(names: list[str] | tuple[str, ...], number: int) -> str:
    return names[number] if number < len(names) else f"unknown ({number})"
