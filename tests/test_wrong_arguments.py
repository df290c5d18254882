"""None, and things of a wrong type, in the place of each argument: an error, and never a crash.

A compiled function that expects an object of a class, and is not told to look, takes whatever it
gets for one. So this is tried with every method of what is compiled; and with all that is public,
in a process of its own.
"""

import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from enum import EnumType
from pathlib import Path
from typing import Any

import call_wrongly
import pytest

import trunkline
from trunkline import (
    Blocks,
    EventBase,
    Frames,
    IOHandler,
    Timer,
    Transport,
    TransportProtocol,
    adopt,
    listen,
    make_socket_pair,
)
from trunkline._core.deadline import Deadline
from trunkline._core.external_format import ensure_external_format
from trunkline._core.input_buffer import InputBuffer
from trunkline._core.line_splitter import make_line_splitter
from trunkline._core.output_queue import OutputQueue
from trunkline._core.text_reader import (
    AnyTextReader,
    DecodingTextReader,
    DirectTextReader,
    make_text_reader,
)
from trunkline._core.text_writer import TextWriter
from trunkline._core.timer_queue import TimerQueue
from trunkline._sys.backends import make_backend
from trunkline._sys.clock import monotonic
from trunkline._sys.registration import Registration
from trunkline._sys.socket_descriptor import STREAM, SocketDescriptor
from trunkline.multiplex.protocol_caller import ProtocolCaller
from trunkline.servers.limits import LimitedChannel, TimeLimits
from trunkline.streams import Stream

NOTHING: Any = None

WRONG: tuple[object, ...] = (None, object(), "text", b"bytes", -1, 2**70, 1.5, [], {}, print)


def event_base(stack: ExitStack) -> EventBase:
    return stack.enter_context(EventBase())


def transport(stack: ExitStack) -> Transport:
    one, other = make_socket_pair()
    stack.enter_context(one)
    made = adopt(event_base(stack), TransportProtocol(), other)
    stack.callback(made.abort)
    return made


def backend(stack: ExitStack) -> Any:
    made = make_backend()
    stack.callback(made.close)
    return made


def timer_queue(stack: ExitStack) -> TimerQueue:
    queue = TimerQueue()
    queue.add(Timer(print, 0.0, None))
    return queue


def output_queue(stack: ExitStack) -> OutputQueue:
    queue = OutputQueue()
    queue.append(b"some")
    return queue


def stream(stack: ExitStack) -> Stream:
    """Make one whose peer has ended, so that no call has anything to wait for."""
    one, other = SocketDescriptor.open_pair(STREAM)
    other.close()
    stack.callback(one.close)
    return Stream(one)


def limited_channel(stack: ExitStack) -> LimitedChannel:
    """Make one whose peer has ended, too."""
    one, other = SocketDescriptor.open_pair(STREAM)
    other.close()
    stack.callback(one.close)
    return LimitedChannel(one, TimeLimits(1, 1, 1, 1))


def input_buffer(encoding: str) -> InputBuffer:
    buffer = InputBuffer(ensure_external_format(encoding))
    buffer.feed("some\nlines\nof text".encode(encoding))
    return buffer


def text_reader(encoding: str) -> AnyTextReader:
    data = bytearray("some\nlines\nof text".encode(encoding))
    return make_text_reader(ensure_external_format(encoding), data)


THINGS: dict[str, Callable[[ExitStack], Any]] = {
    "EventBase": event_base,
    "Transport": transport,
    "Backend": backend,
    "TimerQueue": timer_queue,
    "OutputQueue": output_queue,
    "DirectLineSplitter": lambda stack: make_line_splitter(ensure_external_format("utf-8"), 100),
    "DecodingLineSplitter": lambda stack: make_line_splitter(ensure_external_format("utf-16"), 100),
    "ProtocolCaller": lambda stack: ProtocolCaller(TransportProtocol(), None),
    "Registration": lambda stack: Registration(3),
    "Stream": stream,
    "LimitedChannel": limited_channel,
    "InputBuffer": lambda stack: input_buffer("utf-8"),
    "InputBuffer of UTF-16": lambda stack: input_buffer("utf-16"),
    "DirectTextReader": lambda stack: text_reader("utf-8"),
    "DecodingTextReader": lambda stack: text_reader("utf-16"),
    "TextWriter": lambda stack: TextWriter(ensure_external_format("utf-8")),
    "Deadline": lambda stack: Deadline(1, monotonic),
}

CLASSES: tuple[type, ...] = (
    Deadline,
    DecodingTextReader,
    DirectTextReader,
    EventBase,
    IOHandler,
    InputBuffer,
    LimitedChannel,
    OutputQueue,
    ProtocolCaller,
    Registration,
    Stream,
    TextWriter,
    Timer,
    TimerQueue,
    Transport,
)

NOT_TRIED = {
    "EventBase.dispatch": "it would wait for ever, where the argument is one of the good ones",
    "Backend.wait": "the same",
    "DirectLineSplitter.put_back": "it counts as far as it is told",
    "DirectTextReader.skip_lines": "the same",
}


def methods(thing: Any) -> Iterator[tuple[str, inspect.Signature]]:
    """Yield the names of the public methods of an object that take something."""
    for name, member in inspect.getmembers(type(thing), callable):
        if not name.startswith("_") and inspect.signature(member).parameters.keys() - {"self"}:
            yield name, inspect.signature(member)


def attempts(signature: inspect.Signature) -> Iterator[tuple[list[object], dict[str, object]]]:
    """Yield arguments: each of the wrong ones for each parameter, and for all the others, too."""
    parameters = [one for name, one in signature.parameters.items() if name != "self"]
    plain = [one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    named = [one for one in parameters if one.kind is one.KEYWORD_ONLY]
    for wrong in WRONG:
        yield [wrong] * len(plain), {}
        for one in named:
            yield [print] * len(plain), {one.name: wrong}
    for index in range(len(plain)):
        for wrong in WRONG:
            yield [wrong if each == index else print for each in range(len(plain))], {}


def try_call(function: Callable[..., Any], *args: object, **kwargs: object) -> Any:
    """Call something, which may work, or raise; whatever it is, the process lives on."""
    try:
        return function(*args, **kwargs)
    except SystemError:  # what C raises when it is confused
        raise
    except Exception:
        return None


@pytest.mark.parametrize("kind", THINGS)
def test_no_argument_is_taken_for_what_it_is_not(kind: str) -> None:
    with ExitStack() as stack:
        thing = THINGS[kind](stack)
        for name, signature in methods(thing):
            if f"{kind}.{name}" in NOT_TRIED:
                continue
            for args, kwargs in attempts(signature):
                with ExitStack() as inner:
                    try_call(getattr(THINGS[kind](inner), name), *args, **kwargs)


@pytest.mark.parametrize("kind", CLASSES)
def test_nothing_is_made_of_what_it_cannot_be_made_of(kind: type) -> None:
    for wrong in WRONG:
        for count in range(7):
            made = try_call(kind, *[wrong] * count)
            if isinstance(made, EventBase):
                made.close()


@pytest.mark.parametrize("kind", CLASSES)
def test_what_was_never_begun_is_an_error_and_no_crash(kind: type) -> None:
    # Of C, attributes are there from the beginning, and empty.
    make: Any = kind.__new__
    thing = make(kind)
    for name in dir(kind):
        if name.startswith("__") or f"{kind.__name__}.{name}" in NOT_TRIED:
            continue
        try:
            member = getattr(thing, name)
        except Exception:
            continue
        if callable(member):
            try_call(member)
    try_call(repr, thing)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda base: base.remove_timer(NOTHING), "Timer|NoneType"),
        (lambda base: base.remove_timer(NOTHING or 3), "Timer|int"),
        (lambda base: base.call_soon(NOTHING), "callable"),
        (lambda base: base.add_timer(NOTHING, 1), "callable"),
        (lambda base: base.add_timer(print, NOTHING), "a timer needs a number"),
        (lambda base: listen(base, NOTHING, TransportProtocol), "socket"),
        (lambda base: Frames().pack(NOTHING), "bytes"),
        (lambda base: Blocks(NOTHING), "number|integer"),
    ],
)
def test_what_is_wrong_is_said(call: Callable[[EventBase], object], message: str) -> None:
    wanted = (TypeError, ValueError, AttributeError)
    with EventBase() as base, pytest.raises(wanted, match=message):
        call(base)


ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_whatever_is_public_says_clearly_what_is_wrong_and_never_crashes(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "faulthandler", ROOT / "tests" / "call_wrongly.py"],
        cwd=tmp_path,  # where some of it makes files
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert ended.stdout == ""


def has_methods(kind: type) -> bool:
    """Say whether there is a public method that takes something, and is not that of a tuple."""
    return any(
        callable(member)
        and not hasattr(tuple, name)
        and inspect.signature(member).parameters.keys() - {"self"}
        for name, member in inspect.getmembers(kind, inspect.isroutine)
        if not name.startswith("_") and not isinstance(kind, EnumType)
    )


def test_each_public_class_is_tried_or_left_out_for_a_reason() -> None:
    members = {name: getattr(trunkline, name) for name in trunkline.__all__}
    kinds = {
        name
        for name, one in members.items()
        if isinstance(one, type) and not issubclass(one, (BaseException, dict)) and has_methods(one)
    }
    assert kinds == call_wrongly.THINGS.keys() | call_wrongly.METHODS_LEFT_OUT.keys()
