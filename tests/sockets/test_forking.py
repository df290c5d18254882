"""A forked child has copies of its parent's sockets, and must not spoil the originals.

A thread that reads, writes or accepts stays behind in the parent: in the child nobody does.
"""

import sys

import pytest
from support.processes import Program
from support.timing import PATIENCE

# The parent's threads wait in all of them; the child then does what CHILD says.
PROGRAM = """
import os, sys, threading
from trunkline import Busy, TimedOut, make_socket, make_socket_pair

TIMEOUT = float(sys.argv[1])
listener = make_socket(connect="passive", local_host="127.0.0.1")
near, far = make_socket_pair(timeout=TIMEOUT)
results = []

def is_busy(use):
    try:
        use()
    except Busy:
        return True
    return False

def accept():
    with listener.accept(timeout=TIMEOUT) as connection:
        results.append(connection.read_line(timeout=TIMEOUT))

def read():
    results.append(near.read_line())

threads = [threading.Thread(target=accept), threading.Thread(target=read)]
for thread in threads:
    thread.start()
while not (is_busy(lambda: listener.accept(timeout=0)) and is_busy(near.clear_input)):
    pass

child = os.fork()
if child == 0:
    status = 1
    try:
        CHILD
        status = 0
    finally:
        os._exit(status)
assert os.waitpid(child, 0)[1] == 0, "the child has failed"

with make_socket(remote_host="127.0.0.1", remote_port=listener.local_port) as client:
    client.write_line("to the acceptor")
    client.finish_output()
    far.write_line("to the reader")
    far.finish_output()
    for thread in threads:
        thread.join()
for each in (listener, near, far):
    each.close(abort=True)
print(sorted(results))
"""

CLOSING = """
        for each in (listener, near, far):
            each.close()
            assert each.closed
"""
ABORTING = CLOSING.replace("close()", "close(abort=True)")
USING = """
        assert listener.accept(timeout=0) is None
        try:
            near.read(timeout=0)
        except TimedOut:
            pass
        else:
            raise AssertionError("there was nothing to read")
"""


@pytest.mark.exact_io("the conversation with the program is not up to faults")
@pytest.mark.parametrize("what", [CLOSING, ABORTING], ids=["closing", "aborting"])
def test_what_a_child_closes_stays_open_in_its_parent(what: str) -> None:
    assert run(what) == "['to the acceptor', 'to the reader']\n"


@pytest.mark.exact_io("the conversation with the program is not up to faults")
@pytest.mark.slow
def test_what_a_thread_of_the_parent_uses_can_be_used_in_the_child() -> None:
    assert run(USING) == "['to the acceptor', 'to the reader']\n"


# Here the child's own thread waits for a connection when the socket is closed.
CLOSING_WHAT_IS_IN_USE = """
        accepting = threading.Thread(target=lambda: list(listener))
        accepting.start()
        while not is_busy(lambda: listener.accept(timeout=0)):
            pass
        listener.close()
        accepting.join()
"""


@pytest.mark.exact_io("the conversation with the program is not up to faults")
@pytest.mark.slow
def test_waking_a_thread_of_the_child_does_not_end_the_parent_s_listening() -> None:
    assert run(CLOSING_WHAT_IS_IN_USE) == "['to the acceptor', 'to the reader']\n"


def run(what: str) -> str:
    text = PROGRAM.replace("        CHILD\n", what)
    arguments = ["-W", "ignore::DeprecationWarning", "-c", text, str(PATIENCE / 2)]
    with Program([sys.executable, *arguments]) as program:
        output = program.read_to_end()
        assert program.wait() == 0, output
    return output
