"""Daytime server, one: tell one client the time, and end.

It is written step by step, as it would be in C, and it handles no errors: each of them ends it.
"""

from supporting import PORT, daytime, run_server

from trunkline import IPV4_UNSPECIFIED, make_socket


# [socket]
def ex1_server(port: int = PORT) -> None:
    # Make an internet TCP socket under IPv4. It is a passive one: it will listen for clients.
    socket = make_socket(
        connect="passive",
        address_family="ipv4",
        type="stream",
        external_format="utf-8/crlf",
    )
    # [/socket]

    try:
        # [bind]
        # Bind it to all of the machine's interfaces, which is what 0.0.0.0 stands for.
        print(f"Created socket: {socket}[fd={socket.fileno()}]")
        socket.bind(IPV4_UNSPECIFIED, port, reuse_address=True)
        print(f"Bound socket: {socket}")
        # [/bind]

        # [listen]
        # Let it listen, and up to five clients wait until they are accepted.
        socket.listen(backlog=5)
        print(f"Listening on socket bound to: {socket.local_host}:{socket.local_port}")
        # [/listen]

        # [accept]
        # Wait for a client. What we get is another socket, an active one, whose peer is the client.
        print("Waiting to accept a connection...")
        client = socket.accept()
        # [/accept]

        try:
            # [send]
            # What is written is gathered first: finish_output sends it, and waits until it is out.
            who, client_port = client.remote_name
            print(f"Got a connection from {who}:{client_port}!")
            print("Sending the time...", end="")
            client.write_line(daytime())
            client.finish_output()
            # [/send]

        # [close-client]
        # We have nothing more to say.
        finally:
            client.close()
        print("Sent!")
        # [/close-client]

    # [close]
    finally:
        socket.close()
    # [/close]


if __name__ == "__main__":
    run_server(ex1_server)
