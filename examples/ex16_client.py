"""Client with a stop button: sends the lines that you type; a line with nothing but ! is urgent.

What the server says is printed when your input ends. `ex16_server` is the server.
"""

import sys

from supporting import HOST, PORT, read_input_line, run_client

from trunkline import ActiveSocket, ConnectionReset, EndOfFile, Hangup, make_socket


# [send]
def send_input(socket: ActiveSocket) -> None:
    while True:
        try:
            line = read_input_line()
        except EndOfFile:
            return
        if line == "!":
            # It goes past the stream's buffer, in which there must be nothing, and overtakes what
            # the server has not read.
            socket.send_to(b"!", out_of_band=True, timeout=None)
        else:
            socket.write_line(line, flush=True)


# [/send]


# [entry]
def ex16_client(host: str = HOST, port: int = PORT) -> None:
    with make_socket(remote_host=host, remote_port=port, external_format="utf-8/crlf") as socket:
        try:
            send_input(socket)
            socket.shutdown(write=True)
            for line in socket:
                print(line)
        except (ConnectionReset, Hangup):
            sys.exit("The server went away!")


# [/entry]

if __name__ == "__main__":
    run_client(ex16_client)
