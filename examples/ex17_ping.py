"""Ping: asks a host by ICMP whether it is there, and tells how long its answers take.

A request for an echo has three things that tell its answer from all else: a number for who asks, a
number for which request it is, and contents that nobody can guess. Where the system offers sockets
that do just this to everybody, no privilege is needed; otherwise you have to be root.
"""

import argparse
import os
import time

from supporting import HOST, parser_for, run

from trunkline import (
    DatagramSocket,
    Endpoint,
    ICMPMessage,
    IPAddress,
    IPv4Header,
    PermissionDenied,
    Received,
    SocketError,
    TimedOut,
    ensure_hostname,
    make_socket,
)

IDENTIFIER = os.getpid() & 0xFFFF  # the number for who asks has 16 bits


# [socket]
def open_socket(address: IPAddress) -> tuple[DatagramSocket, bool]:
    # The first kind takes requests for an echo only, and gets the answers to those only. It has a
    # peer, so that what the network says of a request is an error of the next call.
    try:
        return make_socket(address, type="datagram", protocol="icmp"), False
    except PermissionDenied as error:
        print(f"Not without a privilege: {error}")
    # The second kind gets all messages of ICMP that come to this machine, from whomever.
    if address.version == 4:
        return make_socket(type="raw", address_family="ipv4", protocol="icmp"), True
    return make_socket(type="raw", address_family="ipv6", protocol="icmp"), True


# [/socket]


# [message]
def message_in(received: Received[bytes], *, is_raw: bool) -> ICMPMessage | None:
    # A raw socket of IPv4 gets the header of IP, too. Others do not.
    data = received.data
    if received.sender.host.version == 6:
        return ICMPMessage.decode(data, version=6)
    if is_raw:
        parts = IPv4Header.split(data)
        if parts is None:
            return None
        _, data = parts
    return ICMPMessage.decode(data)


# [/message]


# [answer]
def wait_for_answer(
    socket: DatagramSocket, is_raw: bool, request: ICMPMessage, seconds: float
) -> str:
    end = time.monotonic() + seconds
    while True:
        received = socket.receive_from(timeout=max(0.0, end - time.monotonic()))
        message = message_in(received, is_raw=is_raw)
        if message is None:
            continue
        host = received.sender.host
        if message.is_echo_reply and message.sequence == request.sequence:
            # Whoever answers to something else, or makes an answer up, does not know this.
            if message.payload == request.payload:
                return f"{len(message.payload)} bytes from {host}"
        elif (about := message.quoted) is not None and about.rest == request.rest:
            # Somebody on the way says what has become of the request.
            return f"{host} says: {message.meaning}"


# [/answer]


# [ask]
def ask(
    socket: DatagramSocket, is_raw: bool, address: IPAddress, number: int, seconds: float
) -> bool:
    request = ICMPMessage.echo_request(
        IDENTIFIER, number, os.urandom(56), version=4 if address.version == 4 else 6
    )
    start = time.monotonic()
    try:
        socket.send_to(request.encode(), Endpoint(address, 0))  # there are no ports
        answer = wait_for_answer(socket, is_raw, request, seconds)
    except TimedOut:
        print(f"{number}: no answer")
        return False
    except SocketError as error:
        print(f"{number}: {error}")
        return False
    print(f"{number}: {answer}, after {1000 * (time.monotonic() - start):.2f} ms")
    return "bytes from" in answer


# [/ask]


# [entry]
def ex17_ping(host: str = HOST, *, count: int = 3, timeout: float = 1.0) -> None:
    address = ensure_hostname(host)
    socket, is_raw = open_socket(address)
    with socket:
        print(f"Asking {address} with {socket}")
        answers = sum(
            ask(socket, is_raw, address, number, timeout) for number in range(1, count + 1)
        )
    print(f"{answers} of {count} requests were answered.")


# [/entry]


def positive(text: str) -> int:
    """Return the number that an argument is; any other argument is a mistake of the user's."""
    if not (text.isascii() and text.isdecimal() and 1 <= len(text) <= 4 and int(text)):
        raise argparse.ArgumentTypeError(f"it is a number from 1 to 9999, not {text!r}")
    return int(text)


if __name__ == "__main__":
    parser = parser_for(ex17_ping)
    parser.add_argument("host", nargs="?", default=HOST, help="whom to ask (%(default)s)")
    parser.add_argument("--count", type=positive, default=3, help="how often (%(default)s)")
    parser.add_argument(
        "--timeout", type=float, default=1.0, help="seconds to wait for each answer (%(default)s)"
    )
    run(
        parser,
        lambda chosen: ex17_ping(chosen.host, count=chosen.count, timeout=chosen.timeout),
    )
