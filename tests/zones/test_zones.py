"""Runs the tests of `zones.inside` on a network where there is an address that has a zone."""

from pathlib import Path

import pytest
from support.own_network import run_on_own_network

SETUP = 'ip link set lo up && ip addr add fe80::1/64 dev lo nodad && exec "$@"'

pytestmark = [pytest.mark.needs_program("unshare", "ip"), pytest.mark.slow]


def test_every_place_that_takes_an_address_takes_its_zone(tmp_path: Path) -> None:
    otherwise = "this user can make no network of its own, or there is no IPv6 in it"
    inside = Path(__file__).with_name("inside.py")
    run_on_own_network(inside, SETUP, tmp_path, otherwise=otherwise)
