"""What a supervisor takes, and what to say of what it does not take."""

from collections.abc import Iterable

from .binding import SupervisorSocketOptions
from .server_options import check_names

__all__ = ("check_count", "check_supervisor_names")

# What other supervisors, and `make_socket`, call it.
_ELSEWHERE = {
    "address": "host",
    "bind": "host path sockets",
    "filename": "path",
    "graceful_timeout": "drain_timeout",
    "grace_period": "drain_timeout",
    "hosts": "host",
    "listeners": "sockets",
    "local_filename": "path",
    "local_host": "host",
    "local_port": "port",
    "max_workers": "workers",
    "n_workers": "workers",
    "num_processes": "workers",
    "num_workers": "workers",
    "number_of_workers": "workers",
    "on_change": "watch",
    "on_reload": "reload",
    "paths": "path",
    "processes": "workers",
    "shutdown_timeout": "drain_timeout",
    "startup_timeout": "start_timeout",
    "stop_timeout": "drain_timeout kill_timeout",
    "timeout_graceful_shutdown": "drain_timeout",
    "uds": "path",
    "unix": "path",
    "worker_processes": "workers",
}


def check_supervisor_names(options: Iterable[str], own: Iterable[str]) -> None:
    """Raise `TypeError` for an option that a supervisor does not take; see `check_names`."""
    taken = SupervisorSocketOptions.__annotations__
    check_names("a supervisor", options, taken, own, _ELSEWHERE)


def check_count(workers: int) -> int:
    """Return a number of workers, if it is one."""
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise TypeError(f"workers is a number, not {type(workers).__name__}")
    if workers < 1:
        raise ValueError(f"there is at least one worker, not {workers}")
    return workers
