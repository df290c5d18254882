"""Several worker processes that serve the same addresses, and one process that looks after them.

The supervisor owns the listening sockets and serves nobody. It forks the workers, which accept from
those sockets. So a socket outlives each of its workers, and a client that is connected but was not
accepted waits in it for the next one.

Two pipes lead to each worker. One has its other end here, and nothing is ever written into it: when
that end is closed, because the worker is to end or because the supervisor is dead, the worker
drains. In the other one the worker says that it is ready, and it closes it when it begins to drain.
"""

import logging
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Never, Self, Unpack

from .._core.callbacks import call_plainly, check_callback, check_callback_or_none
from .._core.counts import check_count
from .._core.deadline import check_timeout
from .._core.log_record import about
from .._core.uncopied import Uncopied
from .._sys.arrivals import stop_arrivals
from .._sys.clock import monotonic
from .._sys.processes import Signals, fork
from .._sys.readiness import READABLE, wait_for_any
from ..errors import OperationNotSupported, SocketError
from ..multiplex.event_base import EventBase
from ..multiplex.listener import DEFAULT_DRAIN_TIMEOUT, Listener, listen
from ..multiplex.protocol import ProtocolLike
from ..multiplex.transport_options import TransportOptions
from ..sockets.passive_socket import PassiveSocket
from ..sockets.secured import ready_tls, reload_tls
from .binding import Hosts, Paths, SupervisorSocketOptions, bind_all
from .inquiry import Inquiry, Tell
from .python_names import PythonSupervisorNames
from .supervisor_options import check_supervisor_names
from .worker import MakeServer, Place, Worker, WorkerStatus, run_worker, worker_signals

if TYPE_CHECKING:
    from ..tls.description import TLSLike

__all__ = ("Supervisor", "SupervisorStatistics")

MOST_WORKERS = 1000
"""How many workers a supervisor has at most: more than that is a mistake."""

_logger = logging.getLogger("trunkline.servers")

# Which of the signals that have come together is obeyed first. Windows has not all of them.
_RANKS = tuple(
    getattr(signal, name)
    for name in ("SIGQUIT", "SIGTERM", "SIGINT", "SIGHUP")
    if hasattr(signal, name)
)


@dataclass(frozen=True, slots=True)
class SupervisorStatistics:
    """What a supervisor counts.

    Attributes:
        started: How many workers have been started in all.
        lost: How many have ended by themselves: they died, or their server has ended.
        killed: How many were killed because they took too long to start, or to drain.
        replacements: How many times all workers were to be replaced.
    """

    started: int = 0
    lost: int = 0
    killed: int = 0
    replacements: int = 0


class Supervisor(PythonSupervisorNames, Uncopied):
    """Runs a server in several processes, and keeps them running.

    You want it to use more than one processor, since the threads of one Python process share one;
    to survive the death of a process; or to replace your program without refusing anybody::

        def make_server(sockets):
            return Server(echo, sockets=sockets)

        with Supervisor(make_server, host="127.0.0.1", port=7777, workers=4) as supervisor:
            supervisor.run()

    It listens as soon as it is made. `run` starts the workers, and returns when they have ended. A
    worker that dies is replaced; if it died within a second, or could not start, after a delay that
    grows with each time. When a worker is killed, the connections that it has accepted are lost,
    and no others. When the supervisor is killed, its workers drain, and end.

    While it runs, signals say what to do:

    * SIGTERM and SIGINT: drain, and end. Nobody is accepted any more, and the clients get
      `drain_timeout`. Another one of these signals is like SIGQUIT.
    * SIGQUIT: end at once, and cut all connections.
    * SIGHUP: replace all workers. Only when the new ones are ready, the old ones drain; where a new
      one cannot start, the old one goes on. `make_server` is called anew, in the new processes: the
      modules that it is the first to import are new, too. Those that come while workers are
      starting are one, which is obeyed when these are ready, or have failed.

    A worker that is sent SIGTERM drains, and is replaced.

    The workers are forked. So the supervisor must have no other thread when it runs, nor get one
    meanwhile, and what was opened before is common to all workers: open the rest in `make_server`.

    Args:
        make_server: Called in each worker with the listening sockets, which are the worker's own;
            returns a `Server`, or something else with its `start`, `wait` and `shutdown`.
        *misplaced: Nothing: all else is said by name.
        workers: How many workers there are, 1000 at most; None is one for each processor.
        host: Where to listen: as for `Server`, like the next four.
        port: The port.
        path: A local socket, or several.
        sockets: Passive sockets that exist, like those of `activated_sockets`. They are the
            supervisor's from now on.
        backlog: How many connections may wait to be accepted. Default: 4096; the system may
            allow fewer, see listen(2).
        tls: How to speak TLS, as for `Server`; the servers need not be told. Its files are read
            again when the workers are replaced because of SIGHUP. If they are broken then, that is
            logged, and the old certificates stay.
        reuse_port: Give each worker listening sockets of its own (for `host` only), among which the
            system spreads the connections evenly. The drawback: who waits in the socket of a worker
            that is busy, or dead, is served by nobody else, and waits for that worker, or the one
            that replaces it.
        drain_timeout: Seconds that the clients of a worker get when it is to end; None is for ever.
            Default: `DEFAULT_DRAIN_TIMEOUT`. A server that was made with a shorter one of its own
            keeps to that.
        kill_timeout: Seconds that a worker may take beyond that; then it is killed.
        start_timeout: Seconds that a worker may take to be ready; then it is killed, and another
            one tried. None is for ever.
        reload: Called in the supervisor before workers are replaced because of SIGHUP, for instance
            to read a configuration. If it raises, that is logged, and nothing is replaced.
        watch: Called in the supervisor, with it, whenever a worker has changed its state. What it
            raises is logged.
        **socket_options: Further options of `make_socket`, for sockets that the supervisor makes:
            `external_format`, `keepalive`, `nodelay`, `fast_open`, `interface`, `reuse_address`,
            `v6_only`, `resolver`, `timeout`, `input_buffer_size`, `output_buffer_size`.

    Raises:
        AddressInUse, AddressNotAvailable, PermissionDenied, SocketError: It cannot listen there.
        OperationNotSupported: The system cannot fork, as Windows.
        TypeError, ValueError: An argument is none of those that it can be.
    """

    def __init__(
        self,
        make_server: MakeServer,
        *misplaced: Never,
        workers: int | None = None,
        host: Hosts = None,
        port: int | str = 0,
        path: Paths = None,
        sockets: Iterable[PassiveSocket] = (),
        backlog: int | None = None,
        tls: "TLSLike | None" = None,
        reuse_port: bool = False,
        drain_timeout: float | None = DEFAULT_DRAIN_TIMEOUT,
        kill_timeout: float = 10.0,
        start_timeout: float | None = 60.0,
        reload: Callable[[], object] | None = None,
        watch: Callable[["Supervisor"], object] | None = None,
        **socket_options: Unpack[SupervisorSocketOptions],
    ) -> None:
        if misplaced:
            raise TypeError(
                "a supervisor takes what makes its servers first, and says by name where they "
                "listen: Supervisor(make_server, host='127.0.0.1', port=7777)"
            )
        check_callback(make_server, "sockets", what="make_server")
        if reuse_port and host is None:
            raise TypeError("reuse_port needs a host: other sockets exist only once")
        if not hasattr(os, "fork"):
            raise OperationNotSupported(operation="fork")
        check_supervisor_names(socket_options, Supervisor.__init__.__kwdefaults__)
        self._make_server = make_server
        self._drain_timeout = check_timeout(drain_timeout, "drain_timeout")
        self._kill_timeout = check_timeout(kill_timeout, "kill_timeout")
        self._start_timeout = check_timeout(start_timeout, "start_timeout")
        self._reload = check_callback_or_none(reload, what="reload")
        self._watch = check_callback_or_none(watch, "supervisor", what="watch")
        self._workers: list[Worker] = []
        self._seen: tuple[WorkerStatus, ...] = ()  # by who watches
        self._counts: Counter[str] = Counter()
        self._has_run = False
        self._is_ending = False
        self._is_replacement_due = False
        self._event_base: EventBase | None = None
        self._beside: list[Listener] = []
        self._inquiry = Inquiry()
        number = check_count(
            "workers", os.cpu_count() or 1 if workers is None else workers, most=MOST_WORKERS
        )
        options: dict[str, Any] = {
            **socket_options,
            "tls": ready_tls(tls, server_side=True, operation="listen"),
            **({} if backlog is None else {"backlog": backlog}),
        }
        if reuse_port:
            options["reuse_port"] = True
        self._given = given = list(sockets)
        first = bind_all(host, port, path, given, options)
        shared = first
        if reuse_port:
            shared = [each for each in first if each in given or each.address_family == "local"]
        self._places = [Place(0, first)]
        try:
            for each in range(1, number):
                own = bind_all(host, first[0].local_port, None, (), options) if reuse_port else []
                self._places.append(Place(each, own + shared))
        except BaseException:
            for socket in set(self.sockets).difference(given):
                socket.close()
            raise

    # -- what there is to look at ----------------------------------------------------------------

    @property
    def sockets(self) -> tuple[PassiveSocket, ...]:
        """The listening sockets, those of all workers."""
        return tuple(dict.fromkeys(each for place in self._places for each in place.sockets))

    @property
    def workers(self) -> tuple[WorkerStatus, ...]:
        """The workers that there are now, in the order of their places, the oldest first."""
        return tuple(worker.look() for worker in self._in_order())

    def _in_order(self) -> list[Worker]:
        return sorted(self._workers, key=lambda worker: (worker.place.number, worker.generation))

    def statistics(self) -> SupervisorStatistics:
        """Return what has been counted since the supervisor was made."""
        return SupervisorStatistics(**self._counts)

    def __repr__(self) -> str:
        places = ", ".join(str(socket.local_name) for socket in self.sockets if not socket.closed)
        return f"<Supervisor of {len(self._workers)} workers{' at ' * bool(places)}{places}>"

    # -- what else goes on -----------------------------------------------------------------------

    @property
    def event_base(self) -> EventBase:
        """An event base that goes on while the supervisor runs, in its process, for your timers.

        Workers do not have it. What it calls keeps the supervisor from its work: let it be short.
        """
        if self._event_base is None:
            self._event_base = EventBase()
        return self._event_base

    def listen_beside(
        self,
        socket: PassiveSocket,
        protocol_factory: Callable[[], ProtocolLike],
        *,
        max_connections: int | None = None,
        **transport_options: Unpack[TransportOptions],
    ) -> Listener:
        """Serve something in the supervisor's own process: what tells how it is, for instance.

        It is served until the workers have ended, and they have nothing of it.

        Args:
            socket: Where to listen. It is the supervisor's from now on.
            protocol_factory: As for `listen`.
            max_connections: As for `listen`.
            **transport_options: As for `Transport`: `delivery`, `external_format`, `line_limit`,
                `high_water`, `low_water`, `idle_timeout`, `read_timeout`, `write_timeout`,
                `context`.

        Raises:
            Everything that `listen` raises.
        """
        listener = listen(
            self.event_base,
            socket,
            protocol_factory,
            max_connections=max_connections,
            **transport_options,
        )
        self._beside.append(listener)
        return listener

    def ask_workers(self, tell: Tell) -> None:
        """Ask the workers how they are, and have it told when all have answered.

        Those that have not answered within a second have statistics that are None; so have those
        that have just been started. It is for what `event_base` calls.

        Args:
            tell: Called by the supervisor with a tuple of `WorkerReport`, one for each worker.
        """
        self._inquiry.ask(self._in_order(), tell)

    def _leave_behind(self) -> None:
        """In the child, or in the end: have nothing of what goes on beside any more."""
        for listener in self._beside:
            for transport in listener.connections:
                transport.abort()
            listener.close()
        self._beside.clear()
        if self._event_base is not None:
            self._event_base.close()

    # -- running ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Start the workers, and look after them until a signal ends it.

        Raises:
            RuntimeError: This is not the main thread, or there are other threads; or it was run, or
                closed, before.
        """
        if self._has_run:
            raise RuntimeError(f"{self!r} cannot be run again")
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("a supervisor runs in the main thread, which receives the signals")
        if threading.active_count() > 1:
            raise RuntimeError("a supervisor forks, and must be the only thread of its process")
        self._has_run = True
        self._signals = Signals((*_RANKS, signal.SIGCHLD))
        try:
            self._fill_places()
            while self._workers or not self._is_ending:
                self._look_after()
        finally:
            for worker in self._workers:
                worker.kill()
                worker.reap(wait=True)
            self._workers.clear()
            self._signals.close()
            self.close()

    def close(self) -> None:
        """Close the listening sockets. May be repeated; `run` does it in the end."""
        self._has_run = True
        for socket in self.sockets:
            socket.close()
        if not self._workers:
            self._leave_behind()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _look_after(self) -> None:
        """Wait until there is something to be done, and do it."""
        heard = [worker.status.fileno() for worker in self._workers if not worker.status.closed]
        answering = [worker.answers.fileno() for worker in self._inquiry.waits_for]
        sources = [(number, READABLE) for number in (self._signals.fileno(), *heard, *answering)]
        if self._event_base is not None:
            sources += self._event_base._sources()
        wait_for_any(sources, self._time_left())
        self._go_on_beside()
        self._obey(self._signals.take())
        for worker in tuple(self._workers):
            self._hear(worker)
            self._reap(worker)
        self._keep_deadlines()
        self._replace_workers()
        self._fill_places()
        self._tell_watcher()

    def _go_on_beside(self) -> None:
        """Do what is to be done beside; what fails there is no reason to end."""
        try:
            if self._event_base is not None:
                self._event_base.dispatch(timeout=0)
            self._inquiry.look(self._in_order())
        except Exception as error:
            text = "supervisor: what goes on beside has failed"
            _logger.exception(text, extra=about(error=error))

    def _tell_watcher(self) -> None:
        workers = self.workers
        if self._watch is None or workers == self._seen:
            return
        self._seen = workers
        try:
            call_plainly(self._watch, self)
        except Exception as error:
            _logger.exception("supervisor: watching has failed", extra=about(error=error))

    def _time_left(self) -> float | None:
        moments = [each.deadline for each in self._workers if each.deadline is not None]
        if not self._is_ending:
            moments += [place.not_before for place in self._places if self._is_vacant(place)]
        times = [moment - monotonic() for moment in moments]
        times += [] if (asking := self._inquiry.time_left()) is None else [asking]
        if self._event_base is not None and (beside := self._event_base._time_left()) is not None:
            times.append(beside)
        return max(0.0, min(times)) if times else None

    # -- starting, and replacing -----------------------------------------------------------------

    def _is_newest(self, worker: Worker) -> bool:
        return worker.generation == self._counts["replacements"]

    def _is_vacant(self, place: Place) -> bool:
        """Whether there is no worker of the newest generation at a place, or it is leaving."""
        return not any(
            worker.place is place and self._is_newest(worker) and worker.state != "draining"
            for worker in self._workers
        )

    def _fill_places(self) -> None:
        """Start the workers that are missing, and let those drain whose successors are ready."""
        if self._is_ending:
            return
        for place in self._places:
            if self._is_vacant(place) and place.not_before <= monotonic():
                self._start_worker(place)
        newest = [worker for worker in self._workers if self._is_newest(worker)]
        ready = {worker.place for worker in newest if worker.state == "ready"}
        for worker in self._workers:
            if worker.place in ready and not self._is_newest(worker):
                self._tell_to_end(worker)

    def _start_worker(self, place: Place) -> None:
        worker = None
        try:
            worker = Worker(place, self._counts["replacements"], self._start_timeout)
            self._workers.append(worker)
            worker.pid = fork(lambda: self._become(worker), lambda: self._work(worker))
        except SocketError as error:
            delay = place.put_off()
            text = "supervisor: worker %d cannot be started (%s); again in %g s"
            extra = about(worker=place.number, error=error)
            _logger.error(text, place.number, error, delay, extra=extra)
            if worker is not None:
                self._workers.remove(worker)
                worker.close()
            return
        worker.close_own_ends()
        self._counts["started"] += 1
        text = "supervisor: worker %d starts, as process %d"
        _logger.info(text, place.number, worker.pid, extra=worker.about())

    def _become(self, worker: Worker) -> None:
        """In the child: give up what is the supervisor's, before any signal comes."""
        self._signals.close()
        self._signals = worker_signals()
        self._leave_behind()
        for other in self._workers:
            if other is not worker:
                other.close()
        worker.close_supervisor_ends()
        for socket in set(self.sockets).difference(worker.place.sockets):
            socket.close()

    def _work(self, worker: Worker) -> int:
        """In the child: do the work, and return the exit status."""
        return run_worker(
            self._make_server,
            worker.place.sockets,
            life=worker.own_life,
            status=worker.own_status,
            questions=worker.own_questions,
            answers=worker.own_answers,
            signals=self._signals,
            drain_timeout=self._drain_timeout,
        )

    # -- what happens ----------------------------------------------------------------------------

    def _obey(self, signals: Counter[int]) -> None:
        """Do what signals say. Those that end it come first, whatever came before them."""
        del signals[signal.SIGCHLD]  # each worker is looked at anyway
        for number in sorted(signals, key=_RANKS.index):
            _logger.info("supervisor: received %s", _name_of(number), extra=about())
            if number == signal.SIGHUP:
                self._is_replacement_due = True
            elif number == signal.SIGQUIT or self._is_ending or signals[number] > 1:
                self._end()
                for worker in self._workers:
                    worker.kill()
            else:
                self._end()

    def _replace_workers(self) -> None:
        """Let the next workers be new ones, if that is due.

        While workers are starting it has to wait, so that there are never more than two that have
        not been told to end at a place; and what comes meanwhile is one replacement.
        """
        is_starting = any(worker.state == "starting" for worker in self._workers)
        if self._is_ending or is_starting or not self._is_replacement_due:
            return
        self._is_replacement_due = False
        if self._call_reload():
            self._counts["replacements"] += 1
            for place in self._places:
                place.start_over()

    def _call_reload(self) -> bool:
        """Return whether workers are to be replaced now."""
        if self._reload is not None:
            try:
                call_plainly(self._reload)
            except Exception as error:
                text = "supervisor: reloading has failed, and nothing is replaced"
                _logger.exception(text, extra=about(error=error))
                return False
            self._obey(self._signals.take())  # it may have taken its time
        if not self._is_ending:
            self._reload_certificates()
        return not self._is_ending

    def _reload_certificates(self) -> None:
        for tls in dict.fromkeys(socket._tls for socket in self.sockets):
            try:
                reload_tls(tls)
            except SocketError as error:
                text = "supervisor: the new certificates are broken, and the old ones stay: %s"
                _logger.error(text, error, extra=about(error=error))

    def _end(self) -> None:
        """Let all workers drain, and start no others."""
        self._is_ending = True
        # The workers have the same sockets, and accept who waits in them.
        for socket in self.sockets:
            if not (socket.closed or socket in self._given):
                stop_arrivals(socket.fileno())
        self.close()
        for worker in self._workers:
            self._tell_to_end(worker)

    def _tell_to_end(self, worker: Worker) -> None:
        if not worker.is_told:
            _logger.info("supervisor: %s is to end", worker, extra=worker.about())
            worker.tell_to_end(self._longest_end)

    @property
    def _longest_end(self) -> float | None:
        """The seconds after which a worker that is to end is killed."""
        if self._drain_timeout is None or self._kill_timeout is None:
            return None
        return self._drain_timeout + self._kill_timeout

    def _hear(self, worker: Worker) -> None:
        """Take note of what a worker says."""
        was_ready = worker.state == "ready"
        worker.hear(self._longest_end)
        if worker.state == "ready" and not was_ready:
            _logger.info("supervisor: %s is ready", worker, extra=worker.about())
        elif was_ready and worker.state == "draining" and not worker.is_told:
            self._lose(worker)

    def _reap(self, worker: Worker) -> None:
        """Take note of a worker's end."""
        status = worker.reap()
        if status is None:
            return
        self._workers.remove(worker)
        how = f"by {_name_of(-status)}" if status < 0 else f"with status {status}"
        level = logging.INFO if worker.is_told else logging.WARNING
        _logger.log(level, "supervisor: %s has ended, %s", worker, how, extra=worker.about())
        if not (worker.is_told or worker.is_lost):
            self._lose(worker)

    def _lose(self, worker: Worker) -> None:
        """Have a worker replaced that ends by itself."""
        worker.is_lost = True
        self._counts["lost"] += 1
        if self._is_ending or not self._is_newest(worker):
            return
        delay = worker.place.note_loss(worker)
        if delay:
            _logger.warning(
                "supervisor: worker %d ended at once; the next one starts in %g s",
                worker.place.number,
                delay,
                extra=worker.about(),
            )

    def _keep_deadlines(self) -> None:
        for worker in self._workers:
            if worker.deadline is not None and worker.deadline <= monotonic():
                text = "supervisor: %s takes too long, and is killed"
                _logger.error(text, worker, extra=worker.about())
                self._counts["killed"] += 1
                worker.kill()


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # one of those for real-time applications
        return f"signal {number}"
