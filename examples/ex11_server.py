"""Echo server by datagrams: sends back what it is sent, many at a time.

End it with Ctrl-C.
"""

from supporting import PORT, open_datagram_server, run_server

AT_ONCE = 64
"""How many datagrams are taken in one go, at most."""


# [entry]
def ex11_server(port: int = PORT) -> None:
    with open_datagram_server(port) as server:
        while True:
            # This waits for one datagram, and takes those that are behind it. Each knows its
            # sender, so that they can be sent back as they are.
            received = server.receive_many(AT_ONCE, timeout=None)
            server.send_many(received, timeout=None)
            print(f"Sent back {len(received)}.")


# [/entry]

if __name__ == "__main__":
    run_server(ex11_server)
