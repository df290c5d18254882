"""Daytime server, three: with the errors that every server has to expect.

Try to start it twice, and try a client that goes away without waiting for the time.
"""

import sys

from supporting import PORT, daytime, open_listener, run_server

from trunkline import AddressInUse, ConnectionReset, Hangup


# [serve]
def tell_the_time(port: int) -> None:
    # open_listener is the recipe of the servers before: make, bind, listen.
    with open_listener(port) as server:
        while True:
            print("Waiting to accept a connection...")
            with server.accept() as client:
                who, client_port = client.remote_name
                print(f"Got a connection from {who}:{client_port}!")
                print("Sending the time...", end="")
                try:
                    client.write_line(daytime())
                    client.finish_output()
                except ConnectionReset:
                    print("Client reset connection!")
                except Hangup:
                    print("Client closed connection!")
                print("Sent!")


# [/serve]


# [entry]
def ex3_server(port: int = PORT) -> None:
    try:
        tell_the_time(port)
    except AddressInUse:
        # Somebody listens at this port. Or, without reuse_address, a server did a minute ago.
        sys.exit("Bind: Address already in use, forget reuse_address=True?")


# [/entry]

if __name__ == "__main__":
    run_server(ex3_server)
