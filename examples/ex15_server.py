"""A program that works, and looks from time to time whether somebody wants to know how far it is.

It looks for prime numbers. Whoever connects is told the largest one so far: try `nc localhost 9999`
while it runs. Ctrl-C ends it.
"""

from supporting import PORT, open_listener, run_server

from trunkline import ActiveSocket, PassiveSocket, SocketError

PIECE = 20_000
"""How many numbers are looked at before we look whether somebody is there."""


# [entry]
def ex15_server(port: int = PORT) -> None:
    with open_listener(port) as server:
        largest, number = 2, 3
        while True:
            for candidate in range(number, number + PIECE, 2):
                if is_prime(candidate):
                    largest = candidate
            number += PIECE
            tell_whoever_waits(server, largest)


# [/entry]


# [accept]
def tell_whoever_waits(server: PassiveSocket, largest: int) -> None:
    """Tell everybody who has connected meanwhile, and return to the work."""
    # With the timeout 0 it does not wait: there is a client, or None.
    while (client := server.accept(timeout=0)) is not None:
        print(f"Telling {client.remote_name} about {largest}.")
        with client:
            tell(client, largest)


def tell(client: ActiveSocket, largest: int) -> None:
    # Whoever has gone away again holds up nobody, nor does one who reads nothing: the system has
    # room for this line.
    try:
        client.write_line(f"{largest} is prime.")
        client.finish_output(timeout=0)
    except SocketError as error:
        print(error)


# [/accept]


# [work]
def is_prime(number: int) -> bool:
    """Say whether an odd number is prime; this is meant to take a while."""
    divisor = 3
    while divisor * divisor <= number:
        if number % divisor == 0:
            return False
        divisor += 2
    return True


# [/work]

if __name__ == "__main__":
    run_server(ex15_server)
