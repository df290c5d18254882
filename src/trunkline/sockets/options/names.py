"""The names of the options, by the type of their values, for type checkers.

A test compares them with the table.
"""

from typing import Literal, TypeAlias, get_args

__all__ = (
    "OPTION_NAMES",
    "ICMPTypesOption",
    "LingerOption",
    "MTUDiscovery",
    "MTUDiscoveryOption",
    "NumberOption",
    "NumberOrDefaultOption",
    "NumberOrNoneOption",
    "OptionName",
    "ReadOnlyNumberOption",
    "ReadOnlySwitchOption",
    "SwitchOption",
    "TextOption",
    "TimeOption",
)

SwitchOption: TypeAlias = Literal[
    "bind_address_no_port",
    "broadcast",
    "debug",
    "dont_route",
    "free_bind",
    "include_headers",
    "keepalive",
    "multicast_all",
    "multicast_loop",
    "no_sigpipe",
    "nodelay",
    "oob_inline",
    "packet_info",
    "prefer_busy_poll",
    "report_errors",
    "reuse_address",
    "reuse_port",
    "tcp_cork",
    "tcp_fastopen_connect",
    "tcp_fastopen_no_cookie",
    "tcp_noopt",
    "tcp_nopush",
    "tcp_quickack",
    "tcp_thin_linear_timeouts",
    "transparent",
    "use_loopback",
    "v6_only",
    "zero_copy",
]

NumberOption: TypeAlias = Literal[
    "busy_poll",
    "dscp",
    "incoming_cpu",
    "mark",
    "min_hops",
    "multicast_hops",
    "priority",
    "receive_buffer",
    "receive_buffer_force",
    "receive_low_water",
    "send_buffer",
    "send_buffer_force",
    "send_low_water",
    "tcp_defer_accept",
    "tcp_fastopen",
    "tcp_keepcnt",
    "tcp_keepidle",
    "tcp_keepintvl",
    "tcp_linger2",
    "tcp_maxseg",
    "tcp_notsent_lowat",
    "tcp_rto_max",
    "tcp_save_syn",
    "tcp_syncnt",
    "tcp_user_timeout",
    "tcp_window_clamp",
    "traffic_class",
    "udp_segment",
]

ReadOnlySwitchOption: TypeAlias = Literal["accept_connections"]
ReadOnlyNumberOption: TypeAlias = Literal["cookie", "error", "mtu", "type"]
NumberOrDefaultOption: TypeAlias = Literal["hops"]
NumberOrNoneOption: TypeAlias = Literal["max_pacing_rate"]
LingerOption: TypeAlias = Literal["linger"]
TimeOption: TypeAlias = Literal["receive_timeout", "send_timeout"]
TextOption: TypeAlias = Literal["bind_to_device", "tcp_congestion"]
ICMPTypesOption: TypeAlias = Literal["icmp_types"]
MTUDiscoveryOption: TypeAlias = Literal["mtu_discovery"]
MTUDiscovery: TypeAlias = Literal["dont", "want", "do", "probe", "interface", "omit"]

OptionName: TypeAlias = Literal[
    SwitchOption,
    ReadOnlySwitchOption,
    NumberOption,
    ReadOnlyNumberOption,
    NumberOrDefaultOption,
    NumberOrNoneOption,
    LingerOption,
    TimeOption,
    TextOption,
    ICMPTypesOption,
    MTUDiscoveryOption,
]
"""The names of all options, for type checkers."""

OPTION_NAMES: tuple[OptionName, ...] = tuple(sorted(get_args(OptionName)))
"""The names of all options."""
