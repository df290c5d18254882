"""What only netlink sockets have, see netlink(7)."""

from .datagram_descriptor import DatagramDescriptor

__all__ = ("join_group", "leave_group")

_LEVEL, _ADD, _DROP = 270, 1, 2  # SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NETLINK_DROP_MEMBERSHIP


def join_group(descriptor: DatagramDescriptor, group: int) -> None:
    """Have what is sent to a group come to a socket, too."""
    descriptor.set_option(_LEVEL, _ADD, group)


def leave_group(descriptor: DatagramDescriptor, group: int) -> None:
    """Undo `join_group`."""
    descriptor.set_option(_LEVEL, _DROP, group)
