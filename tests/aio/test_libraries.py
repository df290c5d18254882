"""What others have written for asyncio runs on our loop as on asyncio's own.

Servers and clients of the libraries that most people use talk to each other: HTTP, WebSockets, and
what stands on AnyIO.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from aio.loops import LoopFactory, each_loop, run_on
from support.certificates import Certificates
from support.processes import ROOT, Program

pytestmark = pytest.mark.thorough

HOST = "127.0.0.1"
BULK = bytes(range(256)) * 4096  # a mebibyte


# -- uvicorn serving, HTTPX asking ----------------------------------------------------------------


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer a request with its path and its body, in pieces."""
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send(
        {"type": "http.response.body", "body": scope["path"].encode() + b"\n", "more_body": True}
    )
    while True:
        message = await receive()
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message["body"], "more_body": more})
        if not more:
            return


@each_loop
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_uvicorn_answers_httpx(
    make_loop: LoopFactory, secure: bool, certificates: Certificates
) -> None:
    uvicorn, httpx = pytest.importorskip("uvicorn"), pytest.importorskip("httpx")

    async def main() -> None:
        options: dict[str, Any] = {"host": HOST, "port": 0, "log_level": "critical"}
        if secure:
            options["ssl_certfile"] = certificates.server.certificate
            options["ssl_keyfile"] = certificates.server.key
        server = uvicorn.Server(uvicorn.Config(application, **options))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0)
        port = server.servers[0].sockets[0].getsockname()[1]
        trusted = certificates.client_context() if secure else True
        base = f"http{'s' * secure}://{HOST}:{port}"
        async with httpx.AsyncClient(base_url=base, verify=trusted, trust_env=False) as client:
            assert (await client.get("/hello")).content == b"/hello\n"
            assert (await client.post("/bulk", content=BULK)).content == b"/bulk\n" + BULK
            answers = await asyncio.gather(*(client.get(f"/{number}") for number in range(20)))
            assert [answer.text for answer in answers] == [f"/{number}\n" for number in range(20)]
        server.should_exit = True
        await serving

    run_on(make_loop, main())


def test_uvicorns_command_takes_our_loop(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    (tmp_path / "served.py").write_text(
        "import asyncio\n"
        "async def application(scope, receive, send):\n"
        "    loop = type(asyncio.get_running_loop())\n"
        "    body = f'{loop.__module__}.{loop.__name__}'.encode()\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': body})\n"
    )
    path = tmp_path / "socket"
    command = [sys.executable, "-m", "uvicorn", "served:application", "--lifespan", "off"]
    command += ["--uds", str(path), "--app-dir", str(tmp_path), "--loop", "trunkline.aio:EventLoop"]
    with Program(command, cwd=ROOT) as server:
        server.read_until("Uvicorn running")
        with Program(["curl", "-sS", "--unix-socket", path, "http://localhost/"]) as client:
            assert client.read_to_end() == "trunkline.aio.loop.EventLoop"
        server.interrupt()
        assert "Finished server process" in server.read_to_end()


# -- aiohttp --------------------------------------------------------------------------------------


@each_loop
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_aiohttp_answers_aiohttp(
    make_loop: LoopFactory, secure: bool, certificates: Certificates, tmp_path: Path
) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    web = pytest.importorskip("aiohttp.web")
    file = tmp_path / "bulk"
    file.write_bytes(BULK)

    async def echo(request: Any) -> Any:
        return web.Response(body=await request.read())

    async def send_file(request: Any) -> Any:
        return web.FileResponse(file)

    async def talk(request: Any) -> Any:
        answers = web.WebSocketResponse()
        await answers.prepare(request)
        async for message in answers:
            await answers.send_str(message.data.upper())
        return answers

    async def main() -> None:
        app = web.Application(client_max_size=2 * len(BULK))
        app.add_routes([web.post("/echo", echo), web.get("/file", send_file), web.get("/", talk)])
        runner = web.AppRunner(app)
        await runner.setup()
        tls = certificates.server_context() if secure else None
        await web.TCPSite(runner, HOST, 0, ssl_context=tls).start()
        trusted = certificates.client_context() if secure else True
        base = f"http{'s' * secure}://{HOST}:{runner.addresses[0][1]}"
        connector = aiohttp.TCPConnector(ssl=trusted)
        async with aiohttp.ClientSession(base, connector=connector) as session:
            async with session.post("/echo", data=BULK) as answer:
                assert await answer.read() == BULK
            async with session.get("/file") as answer:
                assert await answer.read() == BULK
            async with session.ws_connect("/") as socket:
                await socket.send_str("hello")
                assert (await socket.receive_str()) == "HELLO"
        await runner.cleanup()

    run_on(make_loop, main())


# -- websockets -----------------------------------------------------------------------------------


@each_loop
@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_websockets_talk_both_ways(
    make_loop: LoopFactory, secure: bool, certificates: Certificates
) -> None:
    websockets = pytest.importorskip("websockets")
    served = pytest.importorskip("websockets.asyncio.server")
    connecting = pytest.importorskip("websockets.asyncio.client")

    async def talk(socket: Any) -> None:
        async for message in socket:
            await socket.send(message[::-1])

    async def main() -> None:
        tls = certificates.server_context() if secure else None
        trusted = certificates.client_context() if secure else None
        async with served.serve(talk, HOST, 0, ssl=tls, max_size=None) as server:
            port = server.sockets[0].getsockname()[1]
            url = f"ws{'s' * secure}://{HOST}:{port}"
            async with connecting.connect(url, ssl=trusted, max_size=None, proxy=None) as socket:
                for message in ("hello", BULK):
                    await socket.send(message)
                    assert await socket.recv() == message[::-1]
                await (await socket.ping())
            with pytest.raises(websockets.ConnectionClosed):
                await socket.recv()

    run_on(make_loop, main())


# -- AnyIO ----------------------------------------------------------------------------------------


@each_loop
@pytest.mark.parametrize("kind", ["tcp", "local", "tls"])
def test_anyio_streams_talk(
    make_loop: LoopFactory, kind: str, certificates: Certificates, tmp_path: Path
) -> None:
    anyio = pytest.importorskip("anyio")
    streams = pytest.importorskip("anyio.streams.tls")

    async def echo(stream: Any) -> None:
        async with stream:
            async for data in stream:
                await stream.send(data)

    async def main() -> None:
        listener: Any
        if kind == "local":
            listener = await anyio.create_unix_listener(tmp_path / "socket")
        else:
            listener = (await anyio.create_tcp_listener(local_host=HOST)).listeners[0]
            port = listener.extra(anyio.abc.SocketAttribute.local_port)
        if kind == "tls":
            context = certificates.server_context()
            listener = streams.TLSListener(listener, context)
        async with listener, anyio.create_task_group() as group:
            group.start_soon(listener.serve, echo)
            if kind == "local":
                stream = await anyio.connect_unix(tmp_path / "socket")
            else:
                trusted = certificates.client_context() if kind == "tls" else None
                stream = await anyio.connect_tcp(HOST, port, ssl_context=trusted)
            async with stream:
                group.start_soon(stream.send, BULK)
                received = bytearray()
                while len(received) < len(BULK):
                    received += await stream.receive()
                assert received == BULK
            group.cancel_scope.cancel()

    anyio.run(main, backend_options={"loop_factory": make_loop})


@each_loop
def test_anyio_runs_threads_and_processes_and_cancels(make_loop: LoopFactory) -> None:
    anyio = pytest.importorskip("anyio")

    async def main() -> None:
        assert await anyio.to_thread.run_sync(lambda: anyio.from_thread.run_sync(int)) == 0
        done = await anyio.run_process(["tr", "a-z", "A-Z"], input=b"hello")
        assert done.stdout == b"HELLO"
        with anyio.move_on_after(0) as scope:
            await anyio.sleep_forever()
        assert scope.cancelled_caught
        send, receive = anyio.create_memory_object_stream(1)
        async with send, receive, anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(send.send, number)
            assert sorted([await receive.receive() for _ in range(3)]) == [0, 1, 2]

    anyio.run(main, backend_options={"loop_factory": make_loop})


@each_loop
def test_anyio_sends_datagrams(make_loop: LoopFactory) -> None:
    anyio = pytest.importorskip("anyio")

    async def main() -> None:
        async with await anyio.create_udp_socket(local_host=HOST) as server:
            port = server.extra(anyio.abc.SocketAttribute.local_port)
            async with await anyio.create_connected_udp_socket(HOST, port) as client:
                await client.send(b"hello")
                data, sender = await server.receive()
                await server.sendto(data.upper(), *sender)
                assert await client.receive() == b"HELLO"

    anyio.run(main, backend_options={"loop_factory": make_loop})
