"""Call all that is public with arguments that are wrong, and print what was neither good nor clear.

It is a program of its own: what it calls may crash, and the last line of its output tells then what
that was. Each parameter of each function, class and method gets each of the wrong things, while the
others have what is right, or nothing where that will do.
"""

import contextlib
import inspect
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import FrameType
from typing import Any

import trunkline
from trunkline import (
    TLS,
    Blocks,
    EventBase,
    Frames,
    Server,
    StreamIO,
    TransportProtocol,
    adopt,
    adopt_datagrams,
    listen,
    make_socket,
    make_socket_pair,
)


def nothing(*_: object) -> None:
    """Do nothing; as an argument, be a function."""


WRONG: tuple[Any, ...] = (None, object(), "\0", b"\0", -1, 2**70, float("nan"), [], {}, nothing)

# A look would take longer than what it does; an attribute that is missing says enough.
NOT_LOOKED_AT = frozenset({"EventBase.remove_timer"})

CLEAR = (TypeError, ValueError, OverflowError, OSError, trunkline.TrunklineError)

LONGEST = 0.01  # seconds that a call may wait, for which it is no error that it does


class Waits(BaseException):
    """What ends a call that waits, as one may whose arguments turn out to be good."""


def stop_waiting(number: int, frame: FrameType | None) -> None:
    raise Waits


# ---- What there is ----


def event_base(stack: ExitStack) -> Any:
    return stack.enter_context(EventBase())


def one_socket(stack: ExitStack) -> Any:
    one, other = make_socket_pair()
    other.close()  # so that nobody waits for what it sends
    stack.callback(one.close, abort=True)
    return one


def passive_socket(stack: ExitStack) -> Any:
    made = make_socket(connect="passive", local_host="127.0.0.1")
    return stack.enter_context(contextlib.closing(made))


def datagram_socket(stack: ExitStack) -> Any:
    return stack.enter_context(contextlib.closing(make_socket(type="datagram")))


def transport(stack: ExitStack) -> Any:
    made = adopt(event_base(stack), TransportProtocol(), one_socket(stack))
    stack.callback(made.abort)
    return made


def listener(stack: ExitStack) -> Any:
    made = listen(event_base(stack), passive_socket(stack), TransportProtocol)
    stack.callback(made.close)
    return made


def datagram_endpoint(stack: ExitStack) -> Any:
    sock = make_socket(type="datagram", local_host="127.0.0.1")
    made = adopt_datagrams(event_base(stack), trunkline.DatagramProtocol(), sock)
    stack.callback(made.abort)
    return made


def server(stack: ExitStack) -> Any:
    made = Server(nothing, host="127.0.0.1")
    stack.callback(made.close)
    return made


def a_function(stack: ExitStack) -> Any:
    return nothing


THINGS: dict[str, Callable[[ExitStack], Any]] = {
    "ActiveSocket": one_socket,
    "Blocks": lambda stack: Blocks(3),
    "DatagramEndpoint": datagram_endpoint,
    "DatagramSocket": datagram_socket,
    "EventBase": event_base,
    "Frames": lambda stack: Frames(),
    "ICMPMessage": lambda stack: trunkline.ICMPMessage.echo_request(1, 1),
    "Listener": listener,
    "PassiveSocket": passive_socket,
    "Server": server,
    "StreamIO": lambda stack: StreamIO(one_socket(stack)),
    "TLS": lambda stack: TLS(),
    "Transport": transport,
}

RIGHT: dict[str, Callable[[ExitStack], Any]] = {
    "callback": a_function,
    "data": lambda stack: b"data",
    "event": lambda stack: "read",
    "event_base": event_base,
    "protocol": lambda stack: TransportProtocol(),
    "protocol_factory": lambda stack: TransportProtocol,
    "size": lambda stack: 1,
    "sock": one_socket,
    "socket": one_socket,
}

FUNCTIONS_MAKE_IT = frozenset(
    """
    ActiveSocket DatagramEndpoint DatagramSocket ExitHandler FileTransfer Listener NetlinkSocket
    PacketSocket PassivePacketSocket PassiveSocket PipeStream Process RawSocket Reconnector
    ServerConnection Socket Stream Transport
    """.split()  # noqa: SIM905
)

METHODS_LEFT_OUT = {
    "AsyncIOState": "its methods are those of a transport, and are made of functions",
    "DatagramProtocol": "what it does is the program's",
    "IPv4Header": "it is read from a datagram",
    "NetlinkSocket": "its methods are those of a DatagramSocket",
    "PacketSocket": "its methods are those of a DatagramSocket",
    "PassivePacketSocket": "its methods are those of a PassiveSocket",
    "PipeStream": "its methods are those of an ActiveSocket",
    "Process": "it would be a program, and no signal for it is wrong",
    "ProxyHeader": "it is read from a connection",
    "RawSocket": "not everybody may make one",
    "Reconnector": "it would connect again and again",
    "Resolver": "it is a protocol",
    "ServerConnection": "its methods are those of an ActiveSocket",
    "Socket": "its methods are those of an ActiveSocket",
    "Stream": "its methods are those of an ActiveSocket",
    "Supervised": "it would be a program",
    "Supervisor": "it would start programs",
    "SystemResolver": "it would ask a server",
    "TransportProtocol": "what it does is the program's",
}

LEFT_OUT = {
    "lookup_hostname": "it would ask a server",
    "shutdown_on_signals": "it would be this program that is ended",
}


def all_callables() -> Iterator[tuple[str, Callable[[ExitStack], Callable[..., Any]]]]:
    """Yield each name, and what makes a function of that, with what it is a method of."""
    for name in trunkline.__all__:
        member = getattr(trunkline, name)
        is_error = isinstance(member, type) and issubclass(member, BaseException)
        is_left_out = is_error or name in LEFT_OUT or name in FUNCTIONS_MAKE_IT
        if callable(member) and not is_left_out:
            yield name, lambda stack, member=member: member  # type: ignore[misc]
    for kind, make in THINGS.items():
        for name, _ in inspect.getmembers(getattr(trunkline, kind), callable):
            if not name.startswith("_"):
                yield (
                    f"{kind}.{name}",
                    lambda stack, make=make, name=name: getattr(  # type: ignore[misc]
                        make(stack), name
                    ),
                )


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return what a function takes; of a class in C nobody knows."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


def attempts(found: list[inspect.Parameter], stack: ExitStack) -> Iterator[tuple[Any, Any, Any]]:
    """Yield what is wrong, and arguments in which that is the only one."""
    for wrong_one in found:
        for wrong in WRONG:
            args: list[Any] = []
            kwargs: dict[str, Any] = {}
            for one in found:
                is_wrong = one is wrong_one
                if one.kind is one.VAR_KEYWORD or not (is_wrong or one.default is one.empty):
                    continue
                value = wrong if is_wrong else RIGHT.get(one.name, a_function)(stack)
                can_be_named = one.kind is one.POSITIONAL_OR_KEYWORD
                if one.kind is one.KEYWORD_ONLY or (is_wrong and can_be_named):
                    kwargs[one.name] = value
                else:
                    args.append(value)
            yield wrong_one.name, args, kwargs
    for count in range(1, 5) if not found else ():
        for wrong in WRONG:
            yield "all", [wrong] * count, {}


def end(made: Any) -> None:
    """End what has been made after all."""
    for name in ("abort", "shutdown", "close"):
        with contextlib.suppress(Exception, Waits):
            getattr(made, name)()


def try_call(name: str, make: Callable[[ExitStack], Callable[..., Any]]) -> None:
    """Call it in all ways."""
    with ExitStack() as stack:
        found = parameters(make(stack))
        for which, args, kwargs in attempts(found, stack):
            print(f"{name}: {which}: {args} {kwargs}", file=sys.stderr, flush=True)
            with ExitStack() as inner:
                function = make(inner)
                try:
                    signal.setitimer(signal.ITIMER_REAL, LONGEST)
                    try:
                        made = function(*args, **kwargs)
                    finally:
                        signal.setitimer(signal.ITIMER_REAL, 0)
                    end(made)
                except (*CLEAR, Waits):
                    pass
                except BaseException as error:
                    if isinstance(error, AttributeError) and name in NOT_LOOKED_AT:
                        continue
                    print(f"{name}: {which}: {args} {kwargs}: {error!r}", flush=True)


def main() -> None:
    """Call it all."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, stop_waiting)
    for name, make in all_callables():
        try_call(name, make)
    print(f"done, with {threading.active_count()} threads", file=sys.stderr)


if __name__ == "__main__":
    main()
