"""Echo server by await: a task for each client sends back every line that it reads.

The line "quit" ends the connection. Ctrl-C ends the server: it accepts nobody any more, and the
clients have ten seconds to finish. After another Ctrl-C they have none.
"""

import asyncio
import signal
import sys

from supporting import PORT, add_listening_port, parser_for, run, say
from supporting_await import add_loop, run_on

from trunkline import AddressInUse, aio


# [handle]
async def echo_lines(client: aio.ServerStream) -> None:
    """Send each line back, until the client says "quit", or ends."""
    say(f"A task is handling the connection from {client.remote_name}!")
    async for line in client:
        say(f"Read line from {client.remote_name}: {line}")
        await client.write_line(line)
        if line == "quit":
            break
    say(f"Closing connection to {client.remote_name}!")


# [/handle]


# [serve]
async def serve(port: int) -> None:
    async with aio.serve(echo_lines, host="0.0.0.0", port=port) as server:

        def end() -> None:
            server.shutdown(0 if server.draining else 10)

        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, end)
        say(f"Listening at {server.local_names[0]}")
        await server.wait()
        say(f"{server.statistics().accepted} clients were served.")


# [/serve]


def await_echo(loop: str, port: int) -> None:
    try:
        run_on(loop, serve(port))
    except AddressInUse:
        sys.exit("Bind: Address already in use")


if __name__ == "__main__":
    parser = parser_for(await_echo)
    add_listening_port(parser, PORT)
    add_loop(parser)
    run(parser, lambda chosen: await_echo(chosen.loop, chosen.port))
