"""Lines by Trunkline's `Server`: a thread for each connection.

What a handler has written leaves when it waits for more, or, with the argument "flush", at once.
"""

import sys

from bench.servers import BACKLOG, HOST
from trunkline.servers import Server, ServerConnection


def echo_lines(connection: ServerConnection) -> None:
    for line in connection:
        connection.write_line(line)


def echo_lines_at_once(connection: ServerConnection) -> None:
    for line in connection:
        connection.write_line(line)
        connection.finish_output()


handler = echo_lines_at_once if "flush" in sys.argv else echo_lines

# As many clients as the backlog holds: their number decides nothing for the others, either.
with Server(
    handler, host=HOST, port=0, backlog=BACKLOG, max_connections=BACKLOG, nodelay=True
) as server:
    print(server.port, flush=True)
    server.serve_forever()
