"""Names of methods that others have: they are not there, and say what is."""

import re
from typing import Any

import pytest

import trunkline
from trunkline import evented, multiplex

TRIED = {
    evented.AsyncSocket: "send recv sendall readline settimeout get_extra_info is_closing end"
    " destroy setTimeout pause resume",
    evented.TcpServer: "port address stop serve_forever connections getsockname",
    evented.EventLoop: "call_later call_soon run_forever stop add_reader add_signal_handler"
    " call_soon_threadsafe",
    multiplex.Listener: "port local_port getsockname sockets is_serving serve_forever wait_closed",
    multiplex.Reconnector: "stop cancel abort stopTrying",
    multiplex.Transport: "drain flush readline stop peername remote_host loseConnection"
    " abortConnection",
    trunkline.EventBase: "create_server create_connection create_task run_in_executor connect"
    " listen set_exception_handler callLater",
    trunkline.PassiveSocket: "recv port host serve_forever",
    trunkline.ActiveSocket: "accept listen encoding name mode readable",
}


PLACES = (trunkline, multiplex, evented, trunkline.TransportProtocol, trunkline.EventBase)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in TRIED.items() for name in names.split()]
)
def test_it_is_not_there_and_says_what_is(kind: Any, name: str) -> None:
    assert not hasattr(kind, name)
    with pytest.raises(AttributeError, match=rf"^{kind.__name__} has no {name}: \w.*\w") as caught:
        getattr(kind, name)
    for instead in re.findall(r"(\w+)\(", str(caught.value)):
        assert any(hasattr(place, instead) for place in (kind, *PLACES)), instead
