"""The table of all socket options: what each is, who has it, and what it means.

The reference is made of this table. Where IPv4 and IPv6 have an option each for what is one thing,
there is one name for both.
"""

from typing import NamedTuple

from . import values as of
from .values import ValueType, number

__all__ = ("OPTIONS", "Option")


class Option(NamedTuple):
    """One option.

    Attributes:
        meaning: What it is good for, in a line.
        value: Of which type it is.
        level: The name of the constant for its level.
        constant: The name of its own constant.
        ipv6: The name of the constant that IPv6 sockets have for it, if that is another one.
        ipv6_level: The level of that.
        ipv6_value: Its type, if that is another one.
        kinds: Which kinds of sockets have it.
        access: Whether it can be read, and written.
    """

    meaning: str
    value: ValueType
    level: str
    constant: str
    ipv6: str | None = None
    ipv6_level: str = "IPPROTO_IPV6"
    ipv6_value: ValueType | None = None
    kinds: str = "all"
    access: str = "read, write"


def _socket(meaning: str, value: ValueType, constant: str, access: str = "read, write") -> Option:
    return Option(meaning, value, "SOL_SOCKET", constant, access=access)


def _tcp(meaning: str, value: ValueType, constant: str) -> Option:
    return Option(meaning, value, "IPPROTO_TCP", constant, kinds="TCP")


def _ip(
    meaning: str,
    value: ValueType,
    constant: str,
    ipv6: str | None = None,
    *,
    kinds: str = "internet",
    access: str = "read, write",
) -> Option:
    return Option(meaning, value, "IPPROTO_IP", constant, ipv6, kinds=kinds, access=access)


_BYTES = number(unit="bytes")
_BYTE = number(0, 255)
_READ, _WRITE = "read", "write"

OPTIONS = {
    # Of the socket itself, see socket(7).
    "accept_connections": _socket("The socket listens.", of.SWITCH, "SO_ACCEPTCONN", _READ),
    "bind_to_device": _socket(
        "The network interface that is used, and no other; empty is any.",
        of.TEXT,
        "SO_BINDTODEVICE",
    ),
    "broadcast": _socket(
        "Datagrams may be sent to all hosts of a network.", of.SWITCH, "SO_BROADCAST"
    ),
    "busy_poll": _socket(
        "How long a receive asks the network card itself before it sleeps.",
        number(unit="microseconds"),
        "SO_BUSY_POLL",
    ),
    "cookie": _socket(
        "A number that no other socket gets until the machine restarts; `ss -e` shows it.",
        of.COOKIE,
        "SO_COOKIE",
        _READ,
    ),
    "debug": _socket("The system keeps notes; takes a privilege.", of.SWITCH, "SO_DEBUG"),
    "dont_route": _socket(
        "Send only to networks that this machine is on.", of.SWITCH, "SO_DONTROUTE"
    ),
    "error": _socket("The errno that is pending; reading clears it.", of.NUMBER, "SO_ERROR", _READ),
    "incoming_cpu": _socket(
        "The processor that packets come in at, or are wanted from; -1 is none.",
        number(-1),
        "SO_INCOMING_CPU",
    ),
    "keepalive": _socket(
        "Find out now and then whether the peer still exists.", of.SWITCH, "SO_KEEPALIVE"
    ),
    "linger": _socket(
        "How long close(2) waits for the peer to acknowledge; 0 resets the connection.",
        of.LINGER,
        "SO_LINGER",
    ),
    "mark": _socket(
        "What the firewall and the routes know these packets by; takes a privilege.",
        of.UNSIGNED,
        "SO_MARK",
    ),
    "max_pacing_rate": _socket(
        "How fast the system sends at most.", of.PACING_RATE, "SO_MAX_PACING_RATE"
    ),
    "no_sigpipe": _socket(
        "A send to a peer that is gone is no signal; here it never is.", of.SWITCH, "SO_NOSIGPIPE"
    ),
    "oob_inline": _socket("Urgent bytes are read among the others.", of.SWITCH, "SO_OOBINLINE"),
    "prefer_busy_poll": _socket(
        "Ask the network card instead of being interrupted by it.",
        of.SWITCH,
        "SO_PREFER_BUSY_POLL",
    ),
    "priority": _socket(
        "Which of several queues packets leave by; above 6 takes a privilege.",
        number(),
        "SO_PRIORITY",
    ),
    "receive_buffer": _socket(
        "How much the system keeps of what has come; Linux doubles what is set.",
        _BYTES,
        "SO_RCVBUF",
    ),
    "receive_buffer_force": _socket(
        "The same, beyond the system's limit; takes a privilege.",
        _BYTES,
        "SO_RCVBUFFORCE",
        _WRITE,
    ),
    "receive_low_water": _socket(
        "How much has to come before the socket counts as readable.", _BYTES, "SO_RCVLOWAT"
    ),
    "receive_timeout": _socket(
        "A limit that has no effect here, where descriptors never block.",
        of.SECONDS,
        "SO_RCVTIMEO",
    ),
    "reuse_address": _socket(
        "Bind although old connections of that port are still fading away.",
        of.SWITCH,
        "SO_REUSEADDR",
    ),
    "reuse_port": _socket(
        "Several sockets of a user share a port; the system spreads what comes.",
        of.SWITCH,
        "SO_REUSEPORT",
    ),
    "send_buffer": _socket(
        "How much the system keeps of what was sent; Linux doubles what is set.",
        _BYTES,
        "SO_SNDBUF",
    ),
    "send_buffer_force": _socket(
        "The same, beyond the system's limit; takes a privilege.",
        _BYTES,
        "SO_SNDBUFFORCE",
        _WRITE,
    ),
    "send_low_water": _socket(
        "How much room there has to be before the socket counts as writable.",
        _BYTES,
        "SO_SNDLOWAT",
    ),
    "send_timeout": _socket(
        "A limit that has no effect here, where descriptors never block.",
        of.SECONDS,
        "SO_SNDTIMEO",
    ),
    "type": _socket("SOCK_STREAM and so on, as a number.", of.NUMBER, "SO_TYPE", _READ),
    "use_loopback": _socket(
        "Routing sockets hear what they send themselves.", of.SWITCH, "SO_USELOOPBACK"
    ),
    "zero_copy": _socket(
        "Whoever calls send(2) with MSG_ZEROCOPY himself may; `send_file` needs no such.",
        of.SWITCH,
        "SO_ZEROCOPY",
    ),
    # Of TCP, see tcp(7).
    "nodelay": _tcp("Send small pieces at once rather than gather them.", of.SWITCH, "TCP_NODELAY"),
    "tcp_congestion": _tcp(
        "How fast to send where the network is busy, like `cubic`.", of.TEXT, "TCP_CONGESTION"
    ),
    "tcp_cork": _tcp("Send only full packets until this is off again.", of.SWITCH, "TCP_CORK"),
    "tcp_defer_accept": _tcp(
        "How long a connection may wait for its first data before it is accepted.",
        number(unit="seconds"),
        "TCP_DEFER_ACCEPT",
    ),
    "tcp_fastopen": _tcp(
        "How many connections may wait that came with data (RFC 7413); of passive sockets.",
        number(),
        "TCP_FASTOPEN",
    ),
    "tcp_fastopen_connect": _tcp(
        "Connect with the first data that is sent (RFC 7413).", of.SWITCH, "TCP_FASTOPEN_CONNECT"
    ),
    "tcp_fastopen_no_cookie": _tcp(
        "The same with servers that have not been spoken to before, and trust everybody.",
        of.SWITCH,
        "TCP_FASTOPEN_NO_COOKIE",
    ),
    "tcp_keepcnt": _tcp(
        "How many questions without an answer `keepalive` takes for the peer's end.",
        number(1),
        "TCP_KEEPCNT",
    ),
    "tcp_keepidle": _tcp(
        "After how long a silence `keepalive` asks.", number(1, unit="seconds"), "TCP_KEEPIDLE"
    ),
    "tcp_keepintvl": _tcp(
        "How long it waits before it asks again.", number(1, unit="seconds"), "TCP_KEEPINTVL"
    ),
    "tcp_linger2": _tcp(
        "How long a closed connection waits for the peer to end it, too; -1 is not at all.",
        number(-1, unit="seconds"),
        "TCP_LINGER2",
    ),
    "tcp_maxseg": _tcp("The largest segment.", _BYTES, "TCP_MAXSEG"),
    "tcp_noopt": _tcp("Use no options of TCP.", of.SWITCH, "TCP_NOOPT"),
    "tcp_nopush": _tcp("What Linux calls `tcp_cork`.", of.SWITCH, "TCP_NOPUSH"),
    "tcp_notsent_lowat": _tcp(
        "The socket is writable while less than this waits to be sent; 0 is the system's.",
        of.UNSIGNED,
        "TCP_NOTSENT_LOWAT",
    ),
    "tcp_quickack": _tcp(
        "Acknowledge at once; the system may change it back.", of.SWITCH, "TCP_QUICKACK"
    ),
    "tcp_rto_max": _tcp(
        "How long the system waits at most before it sends again.",
        number(unit="milliseconds"),
        "TCP_RTO_MAX_MS",
    ),
    "tcp_save_syn": _tcp(
        "Keep the first packet of each connection; 2 keeps its link header, too.",
        number(0, 2),
        "TCP_SAVE_SYN",
    ),
    "tcp_syncnt": _tcp("How often connecting is tried again.", number(1), "TCP_SYNCNT"),
    "tcp_thin_linear_timeouts": _tcp(
        "Do not wait longer each time where only little is sent.",
        of.SWITCH,
        "TCP_THIN_LINEAR_TIMEOUTS",
    ),
    "tcp_user_timeout": _tcp(
        "How long what was sent may stay unacknowledged; 0 is the system's.",
        number(unit="milliseconds"),
        "TCP_USER_TIMEOUT",
    ),
    "tcp_window_clamp": _tcp("How much the peer may send ahead.", _BYTES, "TCP_WINDOW_CLAMP"),
    # Of IP, see ip(7) and ipv6(7).
    "bind_address_no_port": _ip(
        "Binding to port 0 leaves the choice to connecting, which has more ports then.",
        of.SWITCH,
        "IP_BIND_ADDRESS_NO_PORT",
    ),
    "dscp": _ip(
        "How routers are to treat the packets (RFC 2474); clears the two bits of ECN.",
        of.DSCP,
        "IP_TOS",
        "IPV6_TCLASS",
    ),
    "free_bind": _ip(
        "Bind to an address that this machine does not have yet.",
        of.SWITCH,
        "IP_FREEBIND",
        "IPV6_FREEBIND",
    ),
    "hops": _ip(
        "How many routers a packet may pass, plus one.",
        of.number_or_default(1, 255),
        "IP_TTL",
        "IPV6_UNICAST_HOPS",
    ),
    "icmp_types": Option(
        "The types of ICMP messages that are received; of IPv4, those above 31 always are.",
        of.icmp_types(32),
        "SOL_RAW",
        "ICMP_FILTER",
        "ICMP6_FILTER",
        "IPPROTO_ICMPV6",
        of.icmp_types(256),
        kinds="raw",
    ),
    "include_headers": _ip(
        "What is sent begins with the IP header.",
        of.SWITCH,
        "IP_HDRINCL",
        "IPV6_HDRINCL",
        kinds="raw",
    ),
    "min_hops": _ip(
        "Drop packets that may pass fewer routers than this (RFC 5082).",
        _BYTE,
        "IP_MINTTL",
        "IPV6_MINHOPCOUNT",
    ),
    "mtu": _ip(
        "The largest packet that reaches the peer, as far as is known.",
        of.NUMBER,
        "IP_MTU",
        "IPV6_MTU",
        access=_READ,
    ),
    "mtu_discovery": _ip(
        "Whether the system finds that out, or packets are cut; see IP_PMTUDISC_DONT and so on.",
        of.MTU_DISCOVERY,
        "IP_MTU_DISCOVER",
        "IPV6_MTU_DISCOVER",
    ),
    "multicast_all": _ip(
        "Receive also what only other sockets have joined the group for.",
        of.SWITCH,
        "IP_MULTICAST_ALL",
        "IPV6_MULTICAST_ALL",
        kinds="UDP, raw",
    ),
    "multicast_hops": _ip(
        "The same as `hops` for what is sent to groups.",
        _BYTE,
        "IP_MULTICAST_TTL",
        "IPV6_MULTICAST_HOPS",
        kinds="UDP, raw",
    ),
    "multicast_loop": _ip(
        "What is sent to groups comes to members on this machine, too.",
        of.SWITCH,
        "IP_MULTICAST_LOOP",
        "IPV6_MULTICAST_LOOP",
        kinds="UDP, raw",
    ),
    "packet_info": _ip(
        "Senders know which address their datagram was sent to.",
        of.SWITCH,
        "IP_PKTINFO",
        "IPV6_RECVPKTINFO",
        kinds="UDP, raw",
    ),
    "report_errors": _ip(
        "Keep a queue of what the network says of earlier packets.",
        of.SWITCH,
        "IP_RECVERR",
        "IPV6_RECVERR",
    ),
    "traffic_class": _ip(
        "The whole byte that `dscp` is the upper six bits of.", _BYTE, "IP_TOS", "IPV6_TCLASS"
    ),
    "transparent": _ip(
        "Speak with addresses of others, as a proxy that is not seen; takes a privilege.",
        of.SWITCH,
        "IP_TRANSPARENT",
        "IPV6_TRANSPARENT",
    ),
    "udp_segment": Option(
        "Have what is sent cut into datagrams of this size; 0 is not to.",
        number(0, 65_535, unit="bytes"),
        "IPPROTO_UDP",
        "UDP_SEGMENT",
        kinds="UDP",
    ),
    "v6_only": Option(
        "Take what comes by IPv6 only, and nothing with IPv4-mapped addresses.",
        of.SWITCH,
        "IPPROTO_IPV6",
        "IPV6_V6ONLY",
        kinds="IPv6",
    ),
}
