"""Discovery: programs on one machine find each other without knowing any port.

Run `ex13_discovery.py offer daytime:9999` in one terminal or in several, each with a name and a
port of its own, and `ex13_discovery.py find` in another one: it asks all of them at once, by a
datagram to a group, and prints who has answered. Ctrl-C ends an offer.
"""

from supporting import PORT, parser_for, port_number, run

from trunkline import DatagramSocket, EventBase, IPv4Address, make_socket
from trunkline.names import if_addresses

GROUP = IPv4Address("239.255.77.77")
"""Addresses that begin with 239.255 are for groups that only a site knows (RFC 2365)."""

QUESTION = b"who is there?"
AT_ONCE = 64  # answers, at most
SECONDS = 0.5  # to wait for answers


# [group]
def loopback() -> str:
    """Return the name of the network interface that leads nowhere but to this machine."""
    return next(each.interface.name for each in if_addresses() if each.address.is_loopback)


def open_member(port: int) -> DatagramSocket:
    """Return a socket to which everything comes that is sent to the group."""
    # All members have the same port, so that each of them says reuse_address. A socket that is
    # bound to the group receives what is sent there, and nothing else.
    member = make_socket(type="datagram", local_host=GROUP, local_port=port, reuse_address=True)
    try:
        member.join(GROUP, interface=loopback())
    except BaseException:
        member.close(abort=True)
        raise
    return member


# [/group]


# [offer]
def offer(what: str, port: int = PORT) -> None:
    """Tell everybody who asks what is here."""
    with open_member(port) as member:
        print(f"Waiting for questions to {member.local_name}.")
        for data, sender in member:
            if data != QUESTION:
                continue  # anybody may send anything to a group
            member.send_to(what.encode(), sender, timeout=None)
            print(f"Told {sender.host}:{sender.port} of {what}.")


# [/offer]


# [find]
def find(port: int = PORT) -> None:
    """Ask everybody, and print the answers that come in time."""
    with make_socket(type="datagram") as socket, EventBase() as event_base:
        socket.multicast_interface = loopback()
        socket.multicast_hops = 0  # for this machine; 1 would be for the networks that it is on
        socket.send_to(QUESTION, GROUP, port, timeout=None)

        def on_answer(fd: int, event: str, cause: object) -> None:
            for data, sender in socket.receive_many(AT_ONCE, timeout=0):
                print(f"{data.decode(errors='backslashreplace')} is offered at {sender.host}.")

        event_base.set_io_handler(socket, "read", on_answer)
        # Nobody knows how many will answer.
        event_base.dispatch(timeout=SECONDS)


# [/find]

if __name__ == "__main__":
    parser = parser_for(offer)
    parser.add_argument("--port", type=port_number, default=PORT, help="the group's (%(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    offering = commands.add_parser("offer", help="say what is here to everybody who asks")
    offering.add_argument("what", help="what is here, like daytime:9999")
    commands.add_parser("find", help="ask everybody what is there")
    run(
        parser,
        lambda chosen: (
            find(chosen.port) if chosen.command == "find" else offer(chosen.what, chosen.port)
        ),
    )
