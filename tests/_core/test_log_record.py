"""What the records of our logs carry."""

import ast
import logging
import pickle
from pathlib import Path

import pytest
from support.peers import connect, receive_all

import trunkline
from trunkline import ActiveSocket, ConnectionReset, Endpoint, IPv4Address, Server
from trunkline._core.log_record import about
from trunkline.evented import Event, EventKind, default_event_handler

FIELDS = {"server", "peer", "local", "worker", "pid", "error", "operation"}
LEVELS = {"debug", "info", "warning", "error", "exception", "log"}


def test_all_fields_are_always_there() -> None:
    assert about() == dict.fromkeys(FIELDS)
    peer = Endpoint(IPv4Address("192.0.2.7"), 1)
    error = ConnectionReset(operation="read_line", address=peer)
    found = about(server="s", peer=peer, local=peer, worker=1, pid=2, error=error)
    assert found == {
        "server": "s",
        "peer": peer,
        "local": peer,
        "worker": 1,
        "pid": 2,
        "error": error,
        "operation": "read_line",
    }
    assert about(error=RuntimeError())["operation"] is None


def test_no_field_has_the_name_of_one_of_logging_s_own() -> None:
    record = logging.makeLogRecord({})
    assert not FIELDS & {*vars(record), "message", "asctime"}


@pytest.mark.slow
def test_every_record_has_them() -> None:
    found = 0
    for path in Path(trunkline.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                continue
            logger = ast.unparse(call.func.value)
            if call.func.attr in LEVELS and ("logger" in logger or "getLogger" in logger):
                found += 1
                names = [keyword.arg for keyword in call.keywords]
                assert "extra" in names, f"{path}:{call.lineno}"
    assert found >= 20


def test_a_server_s_record_is_about_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    failure = RuntimeError("of the handler")

    def fail(connection: ActiveSocket) -> None:
        raise failure

    with (
        Server(fail, host="127.0.0.1", name="echo").start() as server,
        connect(("127.0.0.1", server.port)) as client,
    ):
        host, port = client.getsockname()
        receive_all(client)
    (record,) = (each for each in caplog.records if each.levelno == logging.ERROR)
    found = {name: getattr(record, name) for name in FIELDS}
    assert record.name == "trunkline.servers"
    assert found == about(server="echo", peer=Endpoint(IPv4Address(host), port), error=failure)
    assert pickle.loads(pickle.dumps(found)).keys() == FIELDS


def test_an_event_s_record_is_about_its_error(caplog: pytest.LogCaptureFixture) -> None:
    error = ConnectionReset(operation="read")
    default_event_handler(Event(EventKind.RESET, None, error))
    (record,) = caplog.records
    assert (record.error, record.operation) == (error, "read")  # type: ignore[attr-defined]
