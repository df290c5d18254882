"""The forms in which a transport delivers what it has received.

Each form is given bytes, and calls the protocol. What it cannot deliver yet it keeps: half a line,
half a character, or what comes after the protocol has interrupted it. `take_back` returns that as
bytes, for another form to deliver. Bytes themselves need no form: they are delivered as they come.
"""

from collections.abc import Iterator
from operator import length_hint
from typing import Any, Literal, Protocol, TypeAlias

from .._core.buffers import space_in
from .._core.callbacks import call_plainly, check_result
from .._core.external_format import ExternalFormat
from .._core.framing import Blocks, Frames, Splitter
from .._core.line_splitter import make_line_splitter
from .._core.meant import meant_instead
from .._core.text_collector import TextCollector
from ..errors import DecodingError, EndOfFile, StreamError

__all__ = ("Delivery", "DeliveryForm", "InputFailed", "Receiver", "make_delivery", "methods_of")

Delivery: TypeAlias = Literal["bytes", "text", "lines", "buffer"] | Blocks | Frames
"""How input is delivered: to `data_received`, `text_received`, `line_received` or `get_buffer`; in
`Blocks` to `block_received`, and in `Frames` to `frame_received`.
"""

_METHODS: dict[str, tuple[str, ...]] = {
    "bytes": ("data_received",),
    "text": ("text_received",),
    "lines": ("line_received",),
    "buffer": ("get_buffer", "buffer_updated"),
}


# What other libraries, and other parts of this one, call the forms.
_ELSEWHERE = {"line": "lines", "binary": "bytes", "str": "text", "string": "text"}


def methods_of(delivery: Delivery | type) -> tuple[str, ...]:
    """Return the names of the methods that a form of delivery calls.

    Raises:
        TypeError: It is a class.
        ValueError: There is no such form.
    """
    if isinstance(delivery, Blocks):
        return ("block_received",)
    if isinstance(delivery, Frames):
        return ("frame_received",)
    if isinstance(delivery, type) and issubclass(delivery, Blocks | Frames):
        example = "Blocks(512)" if issubclass(delivery, Blocks) else "Frames()"
        raise TypeError(
            f"the delivery is an object, like {example}, and {delivery.__name__} a class of them"
        )
    if not isinstance(delivery, str) or delivery not in _METHODS:
        meant = meant_instead(str(delivery), _METHODS, _ELSEWHERE)
        raise ValueError(f"there is no delivery as {delivery!r}{meant}")
    return _METHODS[delivery]


class InputFailed(Exception):
    """What has arrived cannot be delivered in this form, which keeps it."""

    def __init__(self, error: StreamError) -> None:
        super().__init__(error)
        self.error = error


class Receiver(Protocol):
    """What a form needs of its transport."""

    _interrupted: bool
    """Set by whatever the protocol does that means: deliver no more, or not like this."""

    def _input_callback(self, name: str) -> Any:
        """Return a method of the protocol's that takes input, by its name.

        Raises:
            TypeError: It has none like that.
        """


class DeliveryForm(Protocol):
    """One of the forms."""

    def deliver(self, data: bytes) -> bool:
        """Call the protocol, until it interrupts that; return whether there may be more for it.

        Another call, with nothing new, goes on, also after a callback has raised something.

        Raises:
            InputFailed: The input is bad.
        """

    def finish(self) -> bool:
        """Deliver what is left at the end of the input; see `deliver`."""

    def take_back(self) -> bytes:
        """Return the bytes of what has not been delivered, and forget it.

        Raises:
            ValueError: A part of it has been decoded, and cannot be had as bytes.
        """


class _Buffer:
    """Into the protocol's own buffer. It is for what was received before; see the transport."""

    __slots__ = ("_receiver", "_rest")

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._rest = memoryview(b"")

    def deliver(self, data: bytes) -> bool:
        if data:
            self._rest = memoryview(bytes(self._rest) + data)
        while self._rest and self._fill_a_buffer():
            pass
        return bool(self._rest)

    def _fill_a_buffer(self) -> bool:
        """Deliver as much as the protocol's next buffer takes; return whether to go on."""
        receiver = self._receiver
        buffer = receiver._input_callback("get_buffer")(len(self._rest))
        if receiver._interrupted:
            return False
        with space_in(buffer) as view:
            count = min(len(view), len(self._rest))
            if not count:
                raise ValueError("get_buffer() has returned an empty buffer")
            view[:count] = self._rest[:count]
        # An empty view would keep all that it was a view of.
        self._rest = self._rest[count:] or memoryview(b"")
        call_plainly(receiver._input_callback("buffer_updated"), count)
        return not receiver._interrupted

    def finish(self) -> bool:
        return False

    def take_back(self) -> bytes:
        rest, self._rest = bytes(self._rest), memoryview(b"")
        return rest


class _Text:
    __slots__ = ("_bad", "_collector", "_receiver")

    def __init__(self, receiver: Receiver, external_format: ExternalFormat) -> None:
        self._receiver = receiver
        self._collector = TextCollector(external_format)
        self._bad = b""

    def deliver(self, data: bytes, *, final: bool = False) -> bool:
        data, self._bad = self._bad + data, b""
        try:
            text = self._collector.collect(data, final=final)
        except DecodingError as error:
            text = self._take_good_part(data, error)
            if not text:
                raise InputFailed(error) from None
        if text:
            text_received = self._receiver._input_callback("text_received")
            result = text_received(text)
            if result is not None:
                check_result(result, text_received)
        if not self._bad:
            return False
        return self._receiver._interrupted or self.deliver(b"", final=final)

    def _take_good_part(self, data: bytes, error: DecodingError) -> str:
        """Return the text before what is malformed, and keep the rest."""
        count = error.start - (len(error.object) - len(data))  # less what had come before
        self._bad = data
        if count <= 0:
            return ""
        try:
            text = self._collector.collect(data[:count])
        except DecodingError:  # the position was not that of all decoders
            return ""
        self._bad = data[count:]
        return text

    def finish(self) -> bool:
        return self.deliver(b"", final=True)

    def take_back(self) -> bytes:
        rest, self._bad = self._collector.unread() + self._bad, b""
        return rest


class _Lines:
    __slots__ = ("_batch_size", "_receiver", "_splitter", "_waiting")

    def __init__(self, receiver: Receiver, external_format: ExternalFormat, limit: int) -> None:
        self._receiver = receiver
        self._splitter = make_line_splitter(external_format, limit)
        self._batch_size = 0  # how many lines the splitter has returned last
        self._waiting: Iterator[str] | None = None  # those of them that have not been delivered

    def deliver(self, data: bytes) -> bool:
        splitter, receiver = self._splitter, self._receiver
        if data:
            splitter.feed(data)
        line_received = receiver._input_callback("line_received")
        while True:
            try:
                lines = splitter.lines()
            except StreamError as error:
                raise InputFailed(error) from None
            if not lines:
                self._waiting = None
                return False
            # Each line leaves the iterator before it is delivered: whatever ends this loop, none is
            # lost, and none is delivered twice.
            self._waiting = waiting = iter(lines)
            self._batch_size = len(lines)
            try:
                for line in waiting:
                    result = line_received(line)
                    if result is not None:
                        check_result(result, line_received)
                    if receiver._interrupted:
                        self._put_back()
                        return True
            except BaseException:
                self._put_back()
                raise

    def _put_back(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and (left := length_hint(waiting)):
            self._splitter.put_back(self._batch_size - left)

    def finish(self) -> bool:
        self._splitter.feed_eof()
        return self.deliver(b"")

    def take_back(self) -> bytes:
        self._put_back()  # it is called from inside a callback, too
        return self._splitter.take_rest()


class _Pieces:
    """Blocks or frames, each of them whole."""

    __slots__ = ("_method", "_receiver", "_splitter")

    def __init__(self, receiver: Receiver, delivery: Blocks | Frames) -> None:
        self._receiver = receiver
        (self._method,) = methods_of(delivery)
        self._splitter = Splitter(delivery)

    def deliver(self, data: bytes) -> bool:
        receiver, splitter = self._receiver, self._splitter
        if data:
            splitter.feed(data)
        received = receiver._input_callback(self._method)
        while True:
            try:
                piece = splitter.take()
            except StreamError as error:
                raise InputFailed(error) from None
            if piece is None:
                return False
            result = received(piece)
            if result is not None:
                check_result(result, received)
            if receiver._interrupted:
                return True

    def finish(self) -> bool:
        if self.deliver(b""):
            return True
        rest = self._splitter.take_rest()
        if rest:
            self._splitter.feed(rest)  # it stays, as all that could not be delivered
            raise InputFailed(EndOfFile(partial=rest))
        return False

    def take_back(self) -> bytes:
        return self._splitter.take_rest()


def make_delivery(
    delivery: Delivery, receiver: Receiver, external_format: ExternalFormat, line_limit: int
) -> DeliveryForm | None:
    """Return a form of delivery, or None for bytes.

    Raises:
        ValueError: There is no such form.
    """
    methods_of(delivery)
    if isinstance(delivery, (Blocks, Frames)):
        return _Pieces(receiver, delivery)
    if delivery == "bytes":
        return None
    if delivery == "buffer":
        return _Buffer(receiver)
    if delivery == "text":
        return _Text(receiver, external_format)
    return _Lines(receiver, external_format, line_limit)
