"""Talk server: tells each client what it has just sent.

The function of the server only makes a thread for each connection. So the next one is accepted at
once. Ctrl-C ends it.
"""

import sys
from threading import Thread

from supporting import run_server, say

from trunkline import ActiveSocket, SocketError, StreamError
from trunkline.dialects.lispworks import make_socket_stream, server_terminate, start_up_server

TALK_PORT = 10244  # a free TCP port number


# [program]
def make_stream_and_talk(handle: ActiveSocket) -> None:
    """Make a stream of a connection, and give it a thread."""
    stream = make_socket_stream(handle)
    Thread(
        target=talk_on_stream, args=(stream,), name=f"talk {handle.fileno()}", daemon=True
    ).start()


def talk_on_stream(stream: ActiveSocket) -> None:
    """Answer each line, until the other end closes the connection."""
    who, port = stream.remote_name
    with stream:
        try:
            for line in stream:
                stream.write(f"You sent: '{line}'\n")
                stream.finish_output()
        except (SocketError, StreamError) as error:
            say(f"Client {who}:{port}: {error}")


def talk_server(port: int = TALK_PORT) -> None:
    """Serve until Ctrl-C."""
    process, condition = start_up_server(
        function=make_stream_and_talk, service=port, announce=True, wait=True
    )
    if process is None:
        sys.exit(str(condition))
    try:
        process.join()
    finally:
        server_terminate(process)


# [/program]


if __name__ == "__main__":
    run_server(talk_server, TALK_PORT)
