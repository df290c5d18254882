"""What the tests of raw sockets have in common."""

import socket

import pytest


def may_have_raw_sockets() -> bool:
    """Say whether this process may."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    except OSError:
        return False
    return True


NEEDS_RAW = pytest.mark.skipif(not may_have_raw_sockets(), reason="raw sockets take a privilege")
