"""Supervisors under load: what becomes of the clients of workers that drain, or are killed."""

import signal
import sys
from typing import Any

import pytest
from servers.supervised import Client, Load, answered, kill, supervised

pytestmark = pytest.mark.alone

MODES: list[dict[str, Any]] = [{}, {"reuse_port": True}]
modes = pytest.mark.parametrize("mode", MODES, ids=["shared sockets", "reuse_port"])

MANY = 100  # connections


@modes
@pytest.mark.slow
def test_a_drain_loses_no_request_that_was_accepted(mode: dict[str, Any]) -> None:
    with supervised(workers=2, **mode) as it, Load(it.address, clients=8) as load:
        load.wait_for(answered, MANY)
        it.signal(signal.SIGTERM)
        load.wait_for(lambda outcome: outcome.kind == "refused")
        assert "lost=0, killed=0" in it.finish()
    assert not load.counts["lost"], load.counts
    if sys.platform == "linux":  # which also lets nobody arrive who would not be accepted
        assert not load.counts["not accepted"], load.counts


@modes
@pytest.mark.slow
def test_replacing_the_workers_refuses_nobody_and_loses_nothing(mode: dict[str, Any]) -> None:
    with supervised(workers=2, **mode) as it:
        with Load(it.address) as load:
            for generation in range(1, 4):
                load.wait_for(answered, MANY)
                it.signal(signal.SIGHUP)
                pids = it.wait_for_workers(f"0:ready:{generation}", f"1:ready:{generation}")
                load.wait_for(lambda outcome, pids=pids: outcome.pid in pids, MANY)  # type: ignore[misc]
        it.signal(signal.SIGTERM)
        assert "started=8, lost=0, killed=0, replacements=3" in it.finish()
    assert {*load.counts} == {"answered"}, load.counts


@modes
@pytest.mark.slow
def test_killing_a_worker_loses_only_what_it_had_accepted(mode: dict[str, Any]) -> None:
    with supervised(workers=2, **mode) as it:
        pids = []
        with Load(it.address) as load:
            load.wait_for(answered, MANY)
            for _ in range(3):
                with Client(it.address) as client:
                    pids.append(client.read_pid())
                    kill(pids[-1])
                    it.program.wait_for_line(r"is ready$")
                load.wait_for(answered, MANY)
        it.signal(signal.SIGTERM)
        assert "started=5, lost=3, killed=0" in it.finish()
    assert not load.counts["refused"]
    for outcome in load.outcomes:
        assert outcome.kind == "answered" or outcome.pid in (*pids, 0)


@modes
def test_who_waits_to_be_accepted_survives_the_worker(mode: dict[str, Any]) -> None:
    limit = {"max_connections": 1, "at_limit": "wait"}
    with supervised(server=limit, **mode) as it:
        with Client(it.address) as first, Client(it.address) as second, Client(it.address) as third:
            killed = first.read_pid()
            kill(killed)
            with pytest.raises(ConnectionResetError):
                assert first.read_pid()
            waiting = [second, third]
            for client in waiting:
                assert client.read_pid() != killed
                assert client.ask() == "answer to it\n"
        it.signal(signal.SIGTERM)
        assert "started=2, lost=1, killed=0" in it.finish()
