"""What the benchmark's tests share: the compiled load generator and servers to let it loose on."""

import json
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import pytest

# The benchmark is no part of the installed package: it is imported from the root of the repository.
sys.path.append(str(Path(__file__).parents[2]))

from bench.build import build_load
from bench.model import Contest, Contestant, Load

Handler = Callable[[socket.socket], None]


class RunLoad(Protocol):
    """Runs the load generator against a port and returns what it says: a result or an error."""

    def __call__(self, port: int, **options: object) -> dict[str, Any]: ...


@pytest.fixture(scope="session")
def load_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_load(tmp_path_factory.mktemp("load"))


@pytest.fixture
def run_load(load_program: Path) -> RunLoad:
    def run(port: int, **options: object) -> dict[str, Any]:
        options = {"port": port, "warmup": 0, "duration": 0.05, "patience": 5} | options
        arguments = [f"--{name}={value}" for name, value in options.items()]
        # The "go" it waits for is there already, and so is the end of its input.
        done = subprocess.run(
            [load_program, *arguments], input="go\n", capture_output=True, text=True, check=False
        )
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        assert ("error" in result) == (done.returncode == 1)
        return result

    return run


@pytest.fixture
def serve() -> Iterator[Callable[[Handler], int]]:
    """Start a server that gives every connection to a function in a thread; return its port."""
    servers: list[tuple[socketserver.ThreadingTCPServer, threading.Thread]] = []

    def start(handler: Handler) -> int:
        class Call(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):  # the load hangs up on servers that it has found out
                    handler(self.request)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Call)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        port: int = server.server_address[1]
        return port

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()  # waits for the connections' threads


@pytest.fixture
def echo_contest() -> Contest:
    return Contest(
        name="echo",
        title="Echo of {size} bytes",
        message="message",
        service="echo",
        limit="c-echo",
        load=Load(connections=2, size=100),
    )


@pytest.fixture
def make_script(tmp_path: Path) -> Callable[[str], tuple[Contestant, dict[str, Path]]]:
    """Make a contestant of a few lines of Python, to be found among the compiled programs."""

    def make(source: str) -> tuple[Contestant, dict[str, Path]]:
        script = tmp_path / "script"
        script.write_text(f"#!{sys.executable}\nimport os, socket, sys\n{source}")
        script.chmod(0o755)
        contestant = Contestant(
            library="script", interface="echo", services=("echo",), program="script.c"
        )
        return contestant, {"script.c": script}

    return make
