"""Daytime server, two: tell one client after the other the time, in Python's manner.

End it with Ctrl-C: the ``with`` statements close the sockets.
"""

from supporting import PORT, daytime, run_server

from trunkline import IPV4_UNSPECIFIED, make_socket


def ex2_server(port: int = PORT) -> None:
    # [socket]
    with make_socket(
        connect="passive",
        address_family="ipv4",
        type="stream",
        external_format="utf-8/crlf",
    ) as server:
        print(f"Created socket: {server}[fd={server.fileno()}]")
        server.bind(IPV4_UNSPECIFIED, port, reuse_address=True)
        print(f"Bound socket: {server}")
        server.listen(backlog=5)
        print(f"Listening on socket bound to: {server.local_host}:{server.local_port}")
        # [/socket]

        # [accept]
        while True:
            print("Waiting to accept a connection...")
            # The client's socket is closed when this block is left.
            with server.accept() as client:
                who, client_port = client.remote_name
                print(f"Got a connection from {who}:{client_port}!")
                print("Sending the time...", end="")
                client.write_line(daytime())
                client.finish_output()
                print("Sent!")
        # [/accept]


if __name__ == "__main__":
    run_server(ex2_server)
