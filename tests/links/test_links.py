"""Runs the tests of `links.inside` on a network of its own, beside which they make another one."""

from pathlib import Path

import pytest
from support.own_network import run_on_own_network

SETUP = 'ip link set lo up && ip link add near type veth peer name far && ip link del near && "$@"'

pytestmark = [pytest.mark.needs_program("unshare", "ip", "tc"), pytest.mark.slow]


def test_datagrams_over_a_link(tmp_path: Path) -> None:
    otherwise = "this user can make no network of its own, or no link in it"
    inside = Path(__file__).with_name("inside.py")
    run_on_own_network(inside, SETUP, tmp_path, otherwise=otherwise)
