"""Replies to whatever it is told, and closes the connection once the reply is out.

If it closed the connection right after `write`, what the system had not taken yet would be lost.
"""

from supporting import PORT, run_server

from trunkline.evented import AsyncSocket, start_event_loop, tcp_server

REPLY = "I notice that you have something to say. So have I.\n"


# [reply]
def on_data(sock: AsyncSocket, data: bytes) -> None:
    print(f"Read {len(data)} bytes from {sock.remote_name}")
    sock.write(REPLY, write_cb=AsyncSocket.close)


def evented_reply(port: int = PORT) -> None:
    def main() -> None:
        # There is no callback for events: the loop's default handler logs them.
        server = tcp_server("127.0.0.1", port, on_data)
        print(f"Listening at {server.local_name}")

    start_event_loop(main)


# [/reply]

if __name__ == "__main__":
    run_server(evented_reply)
