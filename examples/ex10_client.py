"""Daytime client by datagrams: ask, wait for a while, and ask again if nothing has come.

Either datagram may be lost, and nobody says so. Try it while no server is running, and while one is
stopped by Ctrl-Z.
"""

import sys

from supporting import HOST, PORT, run_client

from trunkline import ConnectionRefused, DatagramSocket, TimedOut, make_socket

PATIENCE = (0.5, 1.0, 2.0)
"""Seconds to wait for an answer to the first question, to the second, and to the last."""


# [entry]
def ex10_client(host: str = HOST, port: int = PORT) -> None:
    # Now the server is its peer. Nothing is sent for that, but what others send does not come here.
    with make_socket(host, port, type="datagram") as socket:
        print(f"My questions go from {socket.local_name} to {socket.remote_name}.")
        try:
            answer = ask(socket)
        except ConnectionRefused:
            sys.exit("The server's machine says that nobody is there.")
        print(answer.decode(errors="replace"), end="")


# [/entry]


# [ask]
def ask(socket: DatagramSocket) -> bytes:
    """Return an answer.

    Two questions may have two answers. The second one is never looked at, which does not matter
    here: each of them is right.
    """
    for seconds in PATIENCE:
        socket.send_to(b"", timeout=seconds)
        try:
            return socket.receive_from(timeout=seconds).data
        except TimedOut:
            print(f"No answer in {seconds} seconds.")
    sys.exit("The server does not answer.")


# [/ask]

if __name__ == "__main__":
    run_client(ex10_client)
