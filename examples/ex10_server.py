"""Daytime server by datagrams: whoever sends one, whatever is in it, is sent the local time.

There is nothing to accept and nothing to close, so that it serves everybody at once. End it with
Ctrl-C.
"""

from supporting import PORT, daytime, open_datagram_server, run_server


# [entry]
def ex10_server(port: int = PORT) -> None:
    with open_datagram_server(port) as server:
        # An answer goes to the sender of the question. A client that is gone is no concern of ours:
        # nobody tells, and the loop goes on.
        for _, sender in server:
            server.send_to(f"{daytime()}\n".encode(), sender, timeout=None)
            print(f"Told {sender.host}:{sender.port} the time.")


# [/entry]

if __name__ == "__main__":
    run_server(ex10_server)
