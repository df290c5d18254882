"""The workers of a supervisor: what it knows of each, and what goes on in one.

A worker is a process that runs one server until it is told, or left, to end.
"""

import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from .._core.back_off import BackOff
from .._core.log_record import about
from .._sys.clock import monotonic
from .._sys.processes import PipeEnd, Signals, kill, open_pipe, reap
from .._sys.readiness import READABLE, wait_for_any
from .._sys.waker import Waker
from ..multiplex.listener import DEFAULT_DRAIN_TIMEOUT
from ..sockets.passive_socket import PassiveSocket
from .report import QUESTION, Answer, answer_questions, parse_answer

__all__ = (
    "MakeServer",
    "Place",
    "Supervised",
    "Worker",
    "WorkerState",
    "WorkerStatus",
    "run_worker",
    "worker_signals",
)

WorkerState: TypeAlias = Literal["starting", "ready", "draining"]

_READY = b"R"  # what a worker says when it serves; when it does so no more, it closes the pipe

_AT_ONCE = 1.0  # seconds; a worker that ends by itself within them has ended at once
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 30.0  # seconds before such a one is replaced

_logger = logging.getLogger("trunkline.servers")


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker, as it was when its supervisor was asked.

    Attributes:
        pid: Its process.
        place: Which one of the workers it is, from 0. While one is replaced, two have its place.
        state: ``"starting"``; ``"ready"``, which is serving; or ``"draining"``, which is serving
            those who are connected, and accepts nobody.
        generation: How many times the workers had been replaced when it was started.
    """

    pid: int
    place: int
    state: WorkerState
    generation: int


# -- what the supervisor knows --------------------------------------------------------------------


class Place:
    """One of so many workers that there should be.

    Attributes:
        number: Which one, from 0.
        sockets: What it listens at.
        not_before: When the next worker may be started here, by the clock.
    """

    def __init__(self, number: int, sockets: Sequence[PassiveSocket]) -> None:
        self.number = number
        self.sockets = sockets
        self._back_off = BackOff(first=_FIRST_DELAY, factor=2.0, last=_LONGEST_DELAY)
        self.not_before: float = monotonic()

    def put_off(self) -> float:
        """Wait for longer than the last time, and return for how many seconds."""
        delay = self._back_off.next_delay()
        self.not_before = monotonic() + delay
        return delay

    def note_loss(self, worker: "Worker") -> float:
        """Return the seconds to wait after the loss of a worker, none if it has served for long."""
        if worker.state == "starting" or monotonic() - worker.began < _AT_ONCE:
            return self.put_off()
        self.start_over()
        return 0.0

    def start_over(self) -> None:
        """Let a worker be started at once."""
        self._back_off.reset()
        self.not_before = monotonic()


class Worker:
    """A worker process.

    Attributes:
        place: Where it works.
        generation: See `WorkerStatus`.
        state: See `WorkerStatus`.
        pid: The process, once it is forked.
        began: When it was started, by the clock.
        deadline: When it is to be killed, if it is then still in the same state.
        is_told: Whether it was told to end.
        is_lost: Whether it has been noticed that it ends by itself.
        status: Where it says how it is.
        own_life: The worker's own end of the pipe that keeps it alive.
        own_status: The worker's own end of the pipe for its status.
        answers: Where it answers questions.
        own_questions: The worker's own end of the pipe for questions.
        own_answers: The worker's own end of the pipe for its answers.

    Raises:
        TooManyOpenFiles: There are no eight descriptors left.
    """

    def __init__(self, place: Place, generation: int, start_timeout: float | None) -> None:
        self.place = place
        self.generation = generation
        self.state: WorkerState = "starting"
        self.pid: int = 0
        self.began: float = monotonic()
        self.deadline: float | None = None if start_timeout is None else self.began + start_timeout
        self.is_told: bool = False
        self.is_lost: bool = False
        self.own_life: PipeEnd
        self.status: PipeEnd
        self.own_status: PipeEnd
        self.answers: PipeEnd
        self.own_questions: PipeEnd
        self.own_answers: PipeEnd
        self._answered = b""
        with contextlib.ExitStack() as undoing:
            self.own_life, self._life = _open_pipe(undoing)
            self.status, self.own_status = _open_pipe(undoing)
            self.own_questions, self._questions = _open_pipe(undoing)
            self.answers, self.own_answers = _open_pipe(undoing)
            undoing.pop_all()

    def close_own_ends(self) -> None:
        """In the supervisor: close what is the worker's."""
        for end in (self.own_life, self.own_status, self.own_questions, self.own_answers):
            end.close()

    def close_supervisor_ends(self) -> None:
        """In the worker: close what is the supervisor's."""
        for end in (self._life, self.status, self._questions, self.answers):
            end.close()

    def close(self) -> None:
        """Close everything."""
        self.close_own_ends()
        self.close_supervisor_ends()

    def hear(self, longest_end: float | None) -> None:
        """Take note of what the worker has said.

        Args:
            longest_end: If it ends by itself, the seconds after which it is killed.
        """
        said = None if self.status.closed else self.status.read()
        if said == b"":
            self.status.close()
            if self.state == "ready":
                self._drain(longest_end)
        elif said and self.state == "starting":
            self.state, self.deadline = "ready", None

    def ask(self) -> None:
        """Ask the worker how it is; what it has said to an earlier question is forgotten."""
        while self.answers.read():
            pass
        self._answered = b""
        self._questions.write(QUESTION)

    def take_answer(self) -> Answer | None:
        """Return what the worker has answered, or None while it has not."""
        said = self.answers.read()
        if said == b"":  # it is dead, or about to be
            return Answer()
        self._answered += said or b""
        line, newline, _ = self._answered.partition(b"\n")
        return parse_answer(line) if newline else None

    def look(self) -> WorkerStatus:
        """Return how it is."""
        return WorkerStatus(self.pid, self.place.number, self.state, self.generation)

    def tell_to_end(self, longest_end: float | None) -> None:
        """Let the worker drain, and end; kill it if it takes longer than so many seconds."""
        self.is_told = True
        self._drain(longest_end)
        self._life.close()

    def _drain(self, longest_end: float | None) -> None:
        self.state = "draining"
        self.deadline = None if longest_end is None else monotonic() + longest_end

    def kill(self) -> None:
        """End it now."""
        self.deadline = None
        kill(self.pid)

    def reap(self, *, wait: bool = False) -> int | None:
        """Return the exit status, negative for a signal, if it has ended; see `_sys.reap`."""
        status = reap(self.pid, wait=wait)
        if status is not None:
            self.close()
        return status

    def about(self) -> dict[str, object]:
        """Return what a record about it carries."""
        return about(worker=self.place.number, pid=self.pid)

    def __str__(self) -> str:
        return f"worker {self.place.number} (process {self.pid})"


def _open_pipe(undoing: contextlib.ExitStack) -> tuple[PipeEnd, PipeEnd]:
    ends = open_pipe()
    for end in ends:
        undoing.callback(end.close)
    return ends


# -- what goes on in a worker ---------------------------------------------------------------------


class Supervised(Protocol):
    """What a supervisor wants of a server: `Server` has it, and yours may have it, too.

    If there is a `drain_timeout`, and it is shorter than the supervisor's, it counts. If there are
    `statistics` and `traffic`, as a `Server` has them, `Supervisor.ask_workers` tells what they
    return.
    """

    def start(self) -> object:
        """Begin to serve, in threads of its own."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended, for whatever reason."""

    def shutdown(self, timeout: float | None) -> bool:
        """Stop accepting, give the clients `timeout` seconds, and return when it has ended."""


MakeServer: TypeAlias = Callable[[Sequence[PassiveSocket]], Supervised]
"""Makes the server of a worker, of the listening sockets."""


def run_worker(
    make_server: MakeServer,
    sockets: Sequence[PassiveSocket],
    *,
    life: PipeEnd,
    status: PipeEnd,
    questions: PipeEnd,
    answers: PipeEnd,
    signals: Signals,
    drain_timeout: float | None,
) -> int:
    """Serve until the supervisor closes its end of a pipe, or is no more; return the exit status.

    Args:
        make_server: Called here, with `sockets`.
        sockets: What to listen at.
        life: Ends when the worker should end.
        status: Where to say that the worker is ready.
        questions: Where it is asked how it is.
        answers: Where to answer that.
        signals: Those of the worker: SIGTERM ends it, too.
        drain_timeout: Seconds that the clients get then.

    Raises:
        TypeError: `make_server` has returned nothing.
        Whatever `make_server` raises, and the server's `start`.
    """
    server: Supervised | None = make_server(sockets)
    if server is None:
        raise TypeError("make_server has returned None, and not a server")
    server.start()
    with contextlib.closing(Waker()) as ended:
        watching = threading.Thread(
            target=_tell_when_ended, args=(server, ended), name="worker, watching", daemon=True
        )
        watching.start()
        answering = threading.Thread(
            target=answer_questions,
            args=(server, questions, answers),
            name="worker, answering",
            daemon=True,
        )
        answering.start()
        status.write(_READY)
        _wait_for_end(life, signals, ended)
    status.close()
    return 0 if server.shutdown(_shorter_drain(server, drain_timeout)) else 1


def _shorter_drain(server: Supervised, drain_timeout: float | None) -> float | None:
    """Return the supervisor's limit, or the server's own if that was set, and is shorter."""
    own: float | None = getattr(server, "drain_timeout", None)
    if own is None or own == DEFAULT_DRAIN_TIMEOUT:
        return drain_timeout
    return own if drain_timeout is None else min(own, drain_timeout)


def worker_signals() -> Signals:
    """Return what receives the signals of a worker."""
    # A terminal sends the first two to all processes of a group, and what to do then is the
    # supervisor's to say.
    return Signals((signal.SIGINT, signal.SIGHUP, signal.SIGTERM))


def _tell_when_ended(server: Supervised, ended: Waker) -> None:
    try:
        server.wait()
    except Exception as error:
        _logger.exception("the server of a worker has failed", extra=about(error=error))
    finally:
        ended.wake()


def _wait_for_end(life: PipeEnd, signals: Signals, ended: Waker) -> None:
    everything = [(each.fileno(), READABLE) for each in (life, signals, ended)]
    while True:
        ready = {number for number, _ in wait_for_any(everything, None)}
        if signal.SIGTERM in signals.take() or ready & {life.fileno(), ended.fileno()}:
            return
