"""Echo client, three: the one before, and right about the end of its input.

When the user's input ends it only says so to the server, by ending its own half of the connection,
and goes on until the server has sent everything back and ends the other half.
"""

from contextlib import suppress

from ex5a_client import EchoClient, run_echo_client
from supporting import HOST, PORT, run_client

from trunkline import NotConnected


# [client]
class PatientEchoClient(EchoClient):
    """An echo client that waits for its last answers."""

    name = "ex5b"

    def on_end_of_input(self) -> None:
        print(f"{self.name} write: Shutting down write end of socket!")
        with suppress(NotConnected):  # it was reset, as the read handler is about to find out
            self.socket.shutdown(write=True)
        # There is nothing more to write; the read handler stays.
        self.disconnect(write=True)


# [/client]


# [entry]
def ex5b_client(host: str = HOST, port: int = PORT) -> None:
    run_echo_client(PatientEchoClient, host, port)


# [/entry]

if __name__ == "__main__":
    run_client(ex5b_client)
