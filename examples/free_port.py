"""A server that picks a free port, and remembers its socket, which can be asked for the port.

It runs until Ctrl-C, and tells each client the port that it has found.
"""

import sys
from queue import SimpleQueue

from supporting import parser_for, run

from trunkline import ActiveSocket, PassiveSocket
from trunkline.dialects.lispworks import get_socket_address, server_terminate, start_up_server


# [program]
def free_port() -> None:
    announced: SimpleQueue[PassiveSocket] = SimpleQueue()

    def my_announce_function(socket: PassiveSocket | None, condition: BaseException | None) -> None:
        if socket is not None:
            announced.put(socket)
        elif condition is not None:
            sys.stderr.write(f"The server has failed: {condition}\n")
        else:
            sys.stdout.write("The server has ended.\n")

    def answer(stream: ActiveSocket) -> None:
        with stream:
            stream.write_line(f"This is port {stream.local_port}.")

    process, condition = start_up_server(
        function=answer,
        service=None,
        create_stream=True,
        error=False,
        announce=my_announce_function,
        wait=True,  # so that the socket is there when this returns
    )
    if process is None:
        sys.exit(str(condition))
    try:
        _, port = get_socket_address(announced.get())
        print(f"The port is {port}.")
        process.join()
    finally:
        server_terminate(process)


# [/program]


def main() -> None:
    run(parser_for(free_port), lambda _: free_port())


if __name__ == "__main__":
    main()
