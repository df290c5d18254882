"""Sending messages at their moments, on an event base, and waiting for the answers.

The clock of the system's waits ticks in milliseconds, which is longer than most answers take. So
what is due within two is waited for by looking at the clock, again and again.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..._sys.clock import monotonic
from ..._sys.sockaddr import AnyName
from ...errors import EndOfFile, TimedOut
from ...multiplex import EventBase, Timer, Transport, TransportProtocol
from ...multiplex.connector import connect_for
from .exchanges import Answered, Exchange
from .histogram import Histogram
from .schedule import Schedule

__all__ = ("Counts", "Load", "Plan")

_SOON = 0.002  # seconds within which the clock is looked at
_PAUSE = 0.1  # seconds after a connection was lost, before the next one is made


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done.

    Attributes:
        family: The family of the address.
        options: Where to connect to, and how, as `connect` takes it.
        make_exchange: Makes what is said on a connection.
        connections: How many there are.
        rate: Messages a second, on all of them together.
        duration: Seconds.
        timeout: Seconds for a connection, and for an answer.
    """

    family: Any
    options: dict[str, Any]
    make_exchange: Callable[[], Exchange]
    connections: int
    rate: float
    duration: float
    timeout: float


@dataclass
class Counts:
    """What has come of it.

    Attributes:
        latency: How long answers took, from the moment at which their messages were to go.
        lateness: How late those messages went whose connections were idle: that is our own fault.
        errors: What has failed, by kinds.
        answered: How many messages have been answered well.
        sent: How many have been sent.
        unsent: How many have not, because their connections were not free until the end.
        bytes_sent: How many bytes.
        bytes_received: How many bytes.
        seconds: How long it has taken.
    """

    latency: Histogram = field(default_factory=Histogram)
    lateness: Histogram = field(default_factory=Histogram)
    errors: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    sent: int = 0
    unsent: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    seconds: float = 0.0


class Load:
    """One run.

    Args:
        event_base: Who does it.
        plan: What is to be done.
        begin: Called with the name of the peer, when all connections are there.
    """

    def __init__(
        self, event_base: EventBase, plan: Plan, begin: Callable[[AnyName | None], object]
    ) -> None:
        self.event_base = event_base
        self.plan = plan
        self.counts: Counts = Counts()
        self.failure: Exception | None = None
        self._tell_begin = begin
        self._schedule: Schedule | None = None
        self._began = 0.0
        self._timer: Timer | None = None
        self._is_looking = False
        self._undecided = plan.connections  # those of which it is not known whether they are there
        self._clients = [_Client(self, number) for number in range(plan.connections)]

    def run(self) -> None:
        """Do it. What is left after Ctrl-C is counted, too.

        Raises:
            SocketError: No connection could be made at all.
        """
        for client in self._clients:
            client.connect()
        try:
            self.event_base.dispatch()
        finally:
            for client in self._clients:
                client.stop()
            if self._schedule is not None:
                self.counts.seconds = monotonic() - self._began
                self.counts.sent = self._schedule.taken
                self.counts.unsent = self._schedule.unsent
        if self._schedule is None and self.failure is not None:
            raise self.failure

    # -- beginning -------------------------------------------------------------------------------

    def decided(self, client: "_Client", error: Exception | None) -> None:
        """Take note that a first connection is there, or is not; when all are, begin."""
        self.failure = self.failure or error
        self._undecided -= 1
        if self._undecided:
            return
        transports = [each.transport for each in self._clients if each.transport is not None]
        if not transports:
            self.event_base.exit()
            return
        self._tell_begin(transports[0].remote_name)
        self._begin()

    def _begin(self) -> None:
        plan = self.plan
        self._began = monotonic()
        schedule = Schedule(plan.connections, plan.rate, self._began, plan.duration)
        self._schedule = schedule
        for number, client in enumerate(self._clients):
            if client.transport is not None:
                schedule.set_idle(number)
        add_timer = self.event_base.add_timer
        add_timer(self.exit_if_done, plan.duration, one_shot=True)
        add_timer(self.event_base.exit, plan.duration + plan.timeout, one_shot=True)
        add_timer(self._drop_late, plan.timeout / 10)
        self._look()

    # -- going on --------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether nothing more is sent."""
        return self._schedule is not None and monotonic() >= self._schedule.end

    def set_idle(self, client: "_Client") -> None:
        """Let a client send its next message, when it is time."""
        if self._schedule is not None:
            self._schedule.set_idle(client.number)
            self._wait()
            self.exit_if_done()

    def withdraw(self, client: "_Client") -> None:
        """Let a client send nothing, since its connection is over."""
        if self._schedule is not None:
            self._schedule.withdraw(client.number)

    def exit_if_done(self) -> None:
        """End if no message is to be sent, nor answered, any more."""
        assert self._schedule is not None
        is_sent = self.is_over or not self._schedule.unsent
        if is_sent and not any(client.is_waiting for client in self._clients):
            self.event_base.exit()

    def _look(self) -> None:
        self._is_looking = False
        self._timer = None
        assert self._schedule is not None
        now = monotonic()
        for number, moment in self._schedule.take(now):
            self._clients[number].send(moment, now)
        self._wait()

    def _wait(self) -> None:
        """See to it that somebody looks when the next message is due."""
        assert self._schedule is not None
        moment = self._schedule.next_moment()
        if moment is None or self._is_looking or self.is_over:
            return
        left = moment - monotonic()
        if self._timer is not None:
            self.event_base.remove_timer(self._timer)
            self._timer = None
        if left <= _SOON:
            self._is_looking = True
            self.event_base.call_soon(self._look)
        else:
            self._timer = self.event_base.add_timer(self._look, left - _SOON, one_shot=True)

    def _drop_late(self) -> None:
        """Give up answers that take too long."""
        limit = monotonic() - self.plan.timeout
        for client in self._clients:
            if client.is_waiting and client.sent_at <= limit:
                client.give_up(TimedOut.expired("read", None))


class _Client(TransportProtocol):
    """One connection after the other, on which messages are sent and answered.

    Attributes:
        number: Which one it is, from 0.
        transport: The connection, while it is there.
        is_waiting: Whether there is a message that was not answered.
        sent_at: When that was sent.
    """

    def __init__(self, load: Load, number: int) -> None:
        self._load = load
        self.number = number
        self.transport: Transport | None = None
        self._connecting: Transport | None = None
        self._exchange: Exchange
        self.is_waiting: bool = False
        self._moment = 0.0
        self.sent_at: float = 0.0
        self._idle_since = 0.0
        self._is_first = True
        self._is_stopped = False

    def connect(self) -> None:
        """Make a connection."""
        if self._load.is_over or self._is_stopped:
            return
        self._exchange = self._load.plan.make_exchange()
        options = {**self._load.plan.options, "connect_timeout": self._load.plan.timeout}
        self._connecting = connect_for(
            None, self._load.event_base, self, self._load.plan.family, options
        )

    def stop(self) -> None:
        """Be over; an answer that has not come is an error."""
        self._is_stopped = True
        if self.is_waiting and self._load.is_over:
            self._fail(TimedOut.expired("read", None))
        for transport in (self.transport, self._connecting):
            if transport is not None:
                transport.abort()

    def connection_made(self, transport: Transport) -> None:
        """The connection is there."""
        self.transport, self._connecting = transport, None
        self._be_idle()
        self._decided(None)

    def _decided(self, error: Exception | None) -> None:
        if self._is_first:
            self._is_first = False
            self._load.decided(self, error)

    def _be_idle(self) -> None:
        self._idle_since = monotonic()
        self._load.set_idle(self)

    def send(self, moment: float, now: float) -> None:
        """Send a message, whose moment has come."""
        assert self.transport is not None
        counts = self._load.counts
        if self._idle_since <= moment:
            counts.lateness.add(now - moment)
        message = self._exchange.request()
        counts.bytes_sent += len(message)
        self.is_waiting, self._moment, self.sent_at = True, moment, now
        self.transport.write(message)

    def data_received(self, data: bytes) -> None:
        """Something of an answer has come."""
        self._load.counts.bytes_received += len(data)
        if not self.is_waiting:
            self.give_up(None, "unasked")
            return
        answered = self._exchange.take(data)
        if answered is not None:
            self._be_answered(answered)

    def eof_received(self) -> bool | None:
        """The server ends the connection, which may be the end of an answer."""
        answered = self._exchange.take(b"") if self.is_waiting else None
        if answered is not None and not answered.error:
            self._be_answered(answered._replace(keeps=False))
        elif self.is_waiting:
            self._fail(EndOfFile())
        return False

    def _be_answered(self, answered: Answered) -> None:
        self.is_waiting = False
        counts = self._load.counts
        if answered.error:
            counts.errors[answered.error] += 1
        else:
            counts.answered += 1
            counts.latency.add(monotonic() - self._moment)
        assert self.transport is not None
        if answered.keeps:
            self._be_idle()
        else:
            self.transport.abort()

    def give_up(self, error: Exception | None, kind: str = "") -> None:
        """Count an error, and begin anew with another connection."""
        self._fail(error, kind)
        if self.transport is not None:
            self.transport.abort()

    def _fail(self, error: Exception | None, kind: str = "") -> None:
        self.is_waiting = False
        self._load.counts.errors[kind or type(error).__name__] += 1

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is over, or could not be made."""
        was_there, self.transport, self._connecting = self.transport, None, None
        if self._is_stopped:
            return
        if self.is_waiting or was_there is None:
            self._fail(error or EndOfFile())
        self._load.withdraw(self)
        self._decided(error)
        pause = 0.0 if was_there is not None and error is None else _PAUSE
        self._load.event_base.add_timer(self.connect, pause, one_shot=True)
        if self._load.is_over:
            self._load.exit_if_done()
