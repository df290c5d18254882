"""The programs with callbacks, while the system's calls go wrong as they may: nobody notices.

Most of the conversations are those that the programs are tested with anyhow. Only the program meets
the faults, and not who talks with it. The seed is printed; give another one to
`TRUNKLINE_TEST_SEED` to meet other faults.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.peers import connect, receive_all
from support.tutorial import HOST

from examples import test_evented_programs as programs
from trunkline.testing import faults
from trunkline.testing.faults import Faults

SEED = int(os.environ.get("TRUNKLINE_TEST_SEED", "20231"))

CONVERSATIONS: list[Callable[[], None]] = [
    programs.test_evented_get_prints_the_page,
    programs.test_evented_echo_sends_back_the_very_bytes,
    programs.test_evented_echo_reads_no_more_from_a_client_that_does_not_read,
    programs.test_evented_proxy_hands_on_both_ways,
    programs.test_evented_proxy_closes_a_side_when_the_other_one_ends,
    programs.test_in_evented_chat_everybody_hears_the_others,
    programs.test_evented_chat_sends_away_who_sends_no_lines_and_who_does_not_listen,
]

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not faults.available(), reason="it takes Linux, glibc and a C compiler"),
    pytest.mark.usefixtures("backend"),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What programs have to load in order to meet faults."""
    return faults.build(tmp_path_factory.mktemp("faults"))


def check(conversation: Callable[[], None], plan: Faults, library: Path, directory: Path) -> None:
    """Have a conversation with programs that meet faults, and check that they have."""
    print(plan)
    report = directory / "report"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in plan.environment(library, report=report).items():
            patch.setenv(name, value)
        conversation()
    counts = faults.read_report(report)
    assert [name for name in counts if not name.endswith(" calls")], f"nothing happened: {counts}"


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda each: each.__name__[5:])
def test_programs_say_the_same_under_faults(
    conversation: Callable[[], None], library: Path, tmp_path: Path
) -> None:
    check(conversation, Faults.benign(SEED), library, tmp_path)


def test_evented_reply_replies_under_faults(library: Path, tmp_path: Path) -> None:
    def converse() -> None:
        with programs.serving("evented_reply") as (_, port):
            for said in (b"hello", b"x" * 10_000) * 3:
                with connect((HOST, port)) as client:
                    client.sendall(said)
                    replies = receive_all(client)
                # It replies to each piece that it reads before the first reply is out.
                is_reply = replies == programs.REPLY * (len(replies) // len(programs.REPLY))
                assert is_reply
                assert replies

    # Who closes must see what was not read, which no real system hides.
    check(converse, replace(Faults.benign(SEED), would_block=0), library, tmp_path)
