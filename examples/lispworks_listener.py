"""Python's read-eval-print loop over a connection: a server without a function is a listener.

Connect with ``nc localhost 10243``, and send a name for the listener, ``"me"`` for instance, and a
newline. Then type whatever Python is to evaluate, in the server's process. ``exit()`` ends that,
and Ctrl-C the server. It listens at the loopback address, and everybody who can log in to this
machine can use it.
"""

import sys

from supporting import run_server

from trunkline.dialects.lispworks import server_terminate, start_up_server

PORT = 10243  # make sure that nobody else needs it


# [program]
def listener(port: int = PORT) -> None:
    """Let clients evaluate Python here, until Ctrl-C."""
    process, condition = start_up_server(service=port, announce=True, wait=True)
    if process is None:
        sys.exit(str(condition))
    try:
        process.join()
    finally:
        server_terminate(process)


# [/program]


if __name__ == "__main__":
    run_server(listener, PORT)
