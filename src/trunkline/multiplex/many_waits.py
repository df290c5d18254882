"""Waiting for many things at once, without an event base.

All of it is poll(2), which takes any number of descriptors, whatever backend an event base would be
on. What that says is made more exact afterwards, for the few that are ready: nothing is received
for it.

Poll does not notice that a descriptor is closed by another thread. So where there is something to
wait for, the sockets are asked to wake the waiting thread when they are about to be closed.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from .._core.deadline import Deadline
from .._sys.clock import monotonic
from .._sys.identity import identify
from .._sys.readiness import (
    ENDED,
    FAULTY,
    HUNG_UP,
    NUMBER_CLOSED,
    READABLE,
    WRITABLE,
    is_at_end,
    make_interests,
    unread_count,
    wait_for_registered,
)
from ..errors import SocketClosed, SocketError
from ..sockets import ActiveSocket, Socket
from ..sockets.listening_socket import ListeningSocket
from .alarm import Alarm
from .descriptor_like import LARGEST_NUMBER, DescriptorLike, number_of
from .waits import WaitEvent, interest_in

__all__ = ("IOStatus", "Source", "wait_until_any_ready")

Source: TypeAlias = DescriptorLike | tuple[DescriptorLike, WaitEvent]
"""What is waited for: a descriptor, or a pair of it and of what it is asked about."""


class IOStatus(NamedTuple):
    """What `wait_until_any_ready` says of a descriptor. It is false if it is ready for nothing.

    Attributes:
        input: Whether something is there to be read; of a socket that listens, whether a connection
            waits to be accepted.
        output: Whether there is room to write.
        end_of_file: Whether all has been read, and the peer sends no more.
        error: Whether what was asked about will raise an error; with `input`, once what is there
            has been read. Where a connection has ended and was reset later, a read that has not
            seen the end yet finds that first.
    """

    input: bool = False
    output: bool = False
    end_of_file: bool = False
    error: bool = False

    def __bool__(self) -> bool:
        return True in self


_FOR_READING = READABLE | ENDED  # the end is told from a datagram without bytes

# The same as bits, while it is being found out.
_INPUT, _OUTPUT, _END_OF_FILE, _ERROR = 1, 2, 4, 8
_STATUSES = tuple(
    IOStatus(*(bool(bits & bit) for bit in (_INPUT, _OUTPUT, _END_OF_FILE, _ERROR)))
    for bits in range(2 * _ERROR)
)


def wait_until_any_ready(
    sources: Iterable[Source], *, timeout: float | None = None
) -> list[IOStatus]:
    """Wait until at least one of many things is ready, and tell of each of them what it is.

    You would want it to look after several connections in one thread, where an event base would be
    too much. Nothing is read or accepted by it.

    Buffered input of a stream counts. A direction that this end has ended with `shutdown` is never
    ready. A socket that is closed has an error, also if another thread closes it meanwhile. Of
    plain descriptors, and of other objects, only the system's part is known: neither what Python's
    files have buffered, nor that they are closed while this waits.

    Args:
        sources: Each is a number, or any object with `fileno`; or a pair of that and of what it is
            asked about, ``"read"`` (the default), ``"write"`` or ``"read_write"``, which is either.
            The same thing may be there several times.
        timeout: Seconds to wait; None is for ever, 0 only looks.

    Returns:
        An `IOStatus` for each of them, in their order; each is false when the time is up, and
        `any` of the list tells whether one is not.

    Raises:
        ValueError: One is a regular file or a directory; or there is no such event; or the timeout
            is negative; or there is no timeout, and nothing that could ever be ready.
        TypeError: An argument is of the wrong type.
        TooManyOpenFiles: It has to wait, and there are not two descriptors left to be woken by.
    """
    deadline = Deadline(timeout, monotonic)
    _check_several(sources)
    asked = [*sources]
    found = _Question(asked).ask(0)
    if not (found or deadline.is_immediate):
        found = _wait(asked, deadline)
    statuses = [_STATUSES[0]] * len(asked)
    for index, bits in found.items():
        statuses[index] = _STATUSES[bits]
    return statuses


def _check_several(sources: object) -> None:
    """Raise `TypeError` for a single thing; to iterate over a stream would take from it."""
    is_pair = isinstance(sources, tuple) and len(sources) == 2 and isinstance(sources[1], str)
    if is_pair or isinstance(sources, int) or hasattr(sources, "fileno"):
        kind = "pair" if is_pair else type(sources).__name__
        raise TypeError(
            "wait_until_any_ready takes an iterable of things to wait for, and no single "
            f"{kind}: give [it]"
        )


def _wait(asked: Sequence[Source], deadline: Deadline) -> dict[int, int]:
    things = (each[0] if isinstance(each, tuple) else each for each in asked)
    with Alarm(each for each in things if isinstance(each, Socket)) as alarm:
        while True:
            remaining = deadline.remaining()
            # Anew each time: what has rung the alarm may have changed what is to be asked.
            found = _Question(asked, alarm).ask(remaining)
            if found or remaining == 0:
                return found


class _Question:
    """What is to be asked of the system, and what is known without it.

    There may be thousands of sources, of which few are ready: little is done for each.

    Raises:
        ValueError, TypeError: See `wait_until_any_ready`.
    """

    def __init__(self, sources: Sequence[Source], alarm: Alarm | None = None) -> None:
        self._sources = sources
        self._alarm = alarm
        self._known: dict[int, int] = {}  # bits, by the index of the source
        self._indices: dict[int, int] = {}  # of sources, by the number of the descriptor
        self._repeated: dict[int, list[int]] = {}  # further sources of the same descriptor
        self._together: dict[int, int] = {}  # what all of these are asked about
        self._interests = make_interests()
        self._gone: Collection[int] = alarm.gone if alarm else ()
        indices, register = self._indices, self._interests.register
        for index, source in enumerate(sources):
            # What most of them are takes the short way: numbers, and connections without a past.
            if type(source) is int and 0 <= source <= LARGEST_NUMBER:
                number = source
            elif type(source) is ActiveSocket and not (
                source._has_obstacle or source._input._data or not source._input._is_direct
            ):
                descriptor = source._descriptor
                number = -1 if descriptor.is_closed else descriptor._number
            else:
                self._add(index, source)
                continue
            if number in indices or number < 0 or number in self._gone:
                self._add(index, source)
            else:
                indices[number] = index
                register(number, _FOR_READING)

    def _add(self, index: int, source: Source) -> None:
        interest = _FOR_READING
        if isinstance(source, tuple):
            source, interest = _taken_apart(source)
        if isinstance(source, Socket):
            number = source._descriptor.number
            if number >= 0 and number not in self._gone:
                interest, bits = _foresee(source, interest)
                if bits:
                    self._known[index] = bits
                if not interest:
                    return
        else:
            number = number_of(source)
        if number < 0 or number in self._gone:
            self._known[index] = _ERROR
        elif number in self._indices:
            self._repeat(number, index, interest)
        else:
            self._indices[number] = index
            self._interests.register(number, interest)

    def _repeat(self, number: int, index: int, interest: int) -> None:
        if number not in self._repeated:
            self._repeated[number] = []
            self._together[number] = _asked_of(self._sources[self._indices[number]])[1]
        self._repeated[number].append(index)
        self._together[number] |= interest
        self._interests.register(number, self._together[number])

    def _indices_of(self, number: int) -> list[int]:
        return [self._indices[number], *self._repeated.get(number, ())]

    def ask(self, timeout: float | None) -> dict[int, int]:
        """Wait, and return bits of the sources that are ready, by their indices."""
        found = self._known
        if found:
            timeout = 0
        elif timeout is None and not self._indices:
            raise ValueError("nothing of this can ever be ready: there is nothing to wait for")
        waker = self._alarm and self._alarm.waker
        if waker:
            self._interests.register(waker.fileno(), READABLE)
        for number, events in wait_for_registered(self._interests, timeout):
            if waker and number == waker.fileno():
                waker._handle_ready()
                continue
            for index in self._indices_of(number):
                source, interest, bits = _asked_of(self._sources[index])
                bits |= found.get(index, 0)
                if interest:  # and not ended meanwhile, by another thread
                    bits |= _explain(source, number, interest, events, bits)
                if bits:
                    found[index] = bits
        return found


def _asked_of(source: Source) -> tuple[DescriptorLike, int, int]:
    """Return what is waited for, for what, as far as that can come, and bits of what is known."""
    source, interest = _taken_apart(source) if isinstance(source, tuple) else (source, _FOR_READING)
    if isinstance(source, Socket) and source.fileno() >= 0:
        return source, *_foresee(source, interest)
    return source, interest, 0


def _taken_apart(pair: tuple[DescriptorLike, WaitEvent]) -> tuple[DescriptorLike, int]:
    if len(pair) != 2:
        raise TypeError(f"a pair is a descriptor and an event, not {len(pair)} things")
    interest = interest_in(pair[1])
    return pair[0], interest | ENDED if interest & READABLE else interest


def _foresee(source: Socket, interest: int) -> tuple[int, int]:
    """Return what one of our sockets can be ready for, and bits of what is known already."""
    if isinstance(source, ActiveSocket):
        unread = interest & READABLE and source._input.has_char()
        if source._has_obstacle:
            if source._is_useless:
                return 0, _ERROR | (_INPUT if unread else 0)
            if not source.is_output_open:
                interest &= ~WRITABLE
            if not source.is_input_open:
                return interest & ~_FOR_READING, 0
        return interest, _INPUT if unread else 0
    if isinstance(source, ListeningSocket):
        return (interest & READABLE, 0) if source.is_listening else (0, _ERROR)
    return interest, 0


def _explain(source: DescriptorLike, number: int, interest: int, events: int, known: int) -> int:
    """Return bits of what a descriptor is, from what the system says of it.

    Raises:
        ValueError: It is a regular file or a directory.
    """
    if events & NUMBER_CLOSED or _is_lost(source, number):
        return _ERROR
    if isinstance(source, ListeningSocket):
        return _ERROR if events & (FAULTY | HUNG_UP) else _INPUT
    bits = 0
    if isinstance(source, ActiveSocket) and interest & READABLE and source._input.at_end:
        bits |= _END_OF_FILE  # which stays, whatever has become of the connection since
        interest &= ~READABLE
        if not interest & WRITABLE:
            return bits
    if events & FAULTY:
        bits |= _ERROR
        # Before a connection that was reset says so, it lets what has come be read.
        if interest & READABLE and unread_count(number):
            bits |= _INPUT
    elif interest & READABLE and events & READABLE and not known & _INPUT:
        is_over = is_at_end(number, events)
        bits |= _ERROR if is_over is None else _END_OF_FILE if is_over else _INPUT
    if events & (FAULTY | HUNG_UP):
        # There is nobody to write to. Who reads as well is told so by the end of file.
        if not interest & READABLE:
            bits |= _ERROR
    elif interest & events & WRITABLE:
        bits |= _OUTPUT if _can_send(source) else _ERROR
    return bits


def _can_send(source: DescriptorLike) -> bool:
    """Return whether the peer takes something. Of a local one that does not, poll says nothing."""
    if isinstance(source, ActiveSocket) and source.address_family == "local":
        try:
            source._descriptor.send(b"")
        except SocketError:
            return False
    return True


def _is_lost(source: DescriptorLike, number: int) -> bool:
    """Whether it was closed meanwhile, so that the number may be another's."""
    if isinstance(source, Socket):
        return source.fileno() != number
    try:
        identify(number)
    except SocketClosed:
        return True
    return False
