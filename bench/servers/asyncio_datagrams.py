"""Echo of datagrams by asyncio, on the event loop of the package that the command line names."""

import asyncio
import importlib
import sys
from typing import Any, cast

from bench.servers import HOST


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


async def main() -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=(HOST, 0))
    print(transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.Event().wait()


with asyncio.Runner(loop_factory=importlib.import_module(sys.argv[1]).new_event_loop) as runner:
    runner.run(main())
