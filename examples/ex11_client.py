"""Echo client by datagrams: sends a line that you type, and waits for it to come back.

What is lost is sent again. So an echo may come late, or twice: each line has a number, and an echo
with another one is not of this line.
"""

import sys

from supporting import HOST, PORT, read_input_line, run_client

from trunkline import ConnectionRefused, DatagramSocket, EndOfFile, TimedOut, make_socket

PATIENCE = (0.5, 1.0, 2.0)
"""Seconds to wait for the first echo of a line, the second and the last."""


# [entry]
def ex11_client(host: str = HOST, port: int = PORT) -> None:
    with make_socket(host, port, type="datagram") as socket:
        number = 0
        while True:
            try:
                line = read_input_line()
            except EndOfFile:
                return
            number += 1
            try:
                print(echo_of(socket, number, line))
            except ConnectionRefused:
                sys.exit("The server's machine says that nobody is there.")


# [/entry]


# [echo]
def echo_of(socket: DatagramSocket, number: int, line: str) -> str:
    """Send a line until its echo comes."""
    head = b"%d " % number
    for seconds in PATIENCE:
        socket.send_to(head + line.encode(), timeout=seconds)
        try:
            while True:
                data = socket.receive_from(timeout=seconds).data
                if data.startswith(head):
                    return data.removeprefix(head).decode(errors="backslashreplace")
                print("This came late, or twice.")
        except TimedOut:
            print(f"No echo in {seconds} seconds.")
    sys.exit("The server does not answer.")


# [/echo]

if __name__ == "__main__":
    run_client(ex11_client)
