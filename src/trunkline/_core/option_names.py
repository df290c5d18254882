"""The names of keyword arguments: what others call them, and what to say of a wrong one."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from .meant import meant_instead

__all__ = ("check_names", "check_names_for", "meant_option", "split_options")

# From a name elsewhere to all that it may be here. Whoever is asked leaves out what it does not
# have, so that one table serves sockets, transports, servers and supervisors.
_ELSEWHERE = {
    "RequestHandlerClass": "handler",
    "address": "remote_host local_host remote_filename local_filename host bind_address",
    "allow_reuse_address": "reuse_address",
    "allow_reuse_port": "reuse_port",
    "attempts": "max_attempts",
    "backoff": "first_delay factor",
    "bind": "host path sockets local_host",
    "blocking": "timeout",
    "buffer_size": "input_buffer_size output_buffer_size",
    "buffering": "input_buffer_size output_buffer_size",
    "bufsize": "input_buffer_size output_buffer_size",
    "client_connected_cb": "handler",
    "codec": "external_format",
    "cwd": "current_directory",
    "daemon": "threads",
    "daemon_threads": "threads",
    "deadline": "timeout connect_timeout",
    "delay": "first_delay attempt_delay",
    "drain": "drain_timeout",
    "dual_stack": "v6_only address_family",
    "dualstack": "v6_only address_family",
    "dualstack_ipv6": "v6_only address_family",
    "encoding": "external_format",
    "env": "environment",
    "eol": "external_format",
    "error_callback": "failed event_cb",
    "errors": "external_format",
    "exception_handler": "exception_hook catch_app_errors",
    "extra_groups": "groups",
    "family": "address_family host",
    "filename": "remote_filename local_filename path",
    "grace_period": "drain_timeout",
    "graceful_timeout": "drain_timeout",
    "group": "gid new_group",
    "handle_error": "exception_hook",
    "happy_eyeballs_delay": "attempt_delay",
    "host": "remote_host local_host bind_address",
    "hostname": "remote_host local_host host bind_address",
    "hosts": "host",
    "initial_delay": "first_delay",
    "ipv4": "address_family host",
    "ipv6": "address_family host",
    "ipv6_only": "v6_only",
    "keep_alive": "keepalive",
    "keepalives": "keepalive",
    "limit": "line_limit max_connections",
    "listen": "connect",
    "listeners": "sockets",
    "local_addr": "local_host local_filename",
    "local_address": "local_host local_filename",
    "local_filename": "path",
    "local_host": "host",
    "local_port": "port",
    "max_clients": "max_connections",
    "max_conn": "max_connections",
    "max_connections_per_ip": "max_connections_per_address",
    "max_conns": "max_connections",
    "max_delay": "longest_delay",
    "max_line_length": "line_limit",
    "max_retries": "max_attempts",
    "max_threads": "max_connections",
    "max_tries": "max_attempts",
    "max_workers": "workers max_connections",
    "maxconn": "max_connections",
    "maxconnections": "max_connections",
    "maximum_delay": "longest_delay",
    "mode": "connect delivery",
    "multiplier": "factor",
    "n_workers": "workers",
    "newline": "external_format",
    "no_delay": "nodelay",
    "num_processes": "workers",
    "num_workers": "workers",
    "number_of_workers": "workers",
    "on_change": "watch",
    "on_connect": "connect_cb",
    "on_error": "exception_hook failed event_cb catch_app_errors",
    "on_reload": "reload",
    "path": "remote_filename local_filename",
    "paths": "path",
    "poller": "backend",
    "port": "remote_port local_port",
    "process_group": "new_group",
    "processes": "workers",
    "protocol": "protocol_factory",
    "read_timeout": "timeout",
    "remote_address": "remote_host remote_filename",
    "request_queue_size": "backlog",
    "retries": "max_attempts",
    "reuse_addr": "reuse_address",
    "reuseaddr": "reuse_address",
    "reuseport": "reuse_port",
    "selector": "backend",
    "server_address": "host port",
    "shutdown_timeout": "drain_timeout",
    "sock": "sockets",
    "source_address": "local_host local_filename",
    "start_new_session": "new_session",
    "startup_timeout": "start_timeout",
    "stop_timeout": "drain_timeout kill_timeout",
    "tcp_nodelay": "nodelay",
    "timeout": "connect_timeout idle_timeout read_timeout",
    "timeout_graceful_shutdown": "drain_timeout",
    "uds": "path",
    "unix": "path",
    "user": "uid",
    "wait": "timeout connect_timeout drain_timeout",
    "worker_processes": "workers",
    "workers": "threads max_connections",
    "working_directory": "current_directory",
    "write_timeout": "timeout",
}


def meant_option(name: str, known: Iterable[str]) -> str:
    """Return the end of an error's text that says which known option is meant, or nothing."""
    known = tuple(known)
    if name in _ELSEWHERE and not any(each in known for each in _ELSEWHERE[name].split()):
        return ""  # what it would be called here, and not what merely looks like it
    return meant_instead(name, known, _ELSEWHERE)


def check_names(
    who: str, options: Iterable[str], taken: Collection[str], own: Iterable[str] | None = None
) -> None:
    """Raise `TypeError` for an option that is not taken, and say what may be meant.

    Args:
        who: Who does not take it.
        options: What was given besides its own arguments.
        taken: What it takes besides them.
        own: Their names, or those of them that have defaults.
    """
    for name in options:
        if name not in taken:
            meant = meant_option(name, [*(own or ()), *taken])
            raise TypeError(f"{who} does not take {name}{meant}")


def check_names_for(
    function: Callable[..., Any],
    options: Iterable[str],
    taken: Collection[str] = (),
    made_with: Collection[str] = (),
) -> None:
    """Raise `TypeError` for an option that a function does not take; see `check_names`.

    Args:
        function: Which one; or a class, which has it all from its ``__init__``.
        options: What was given besides its own arguments.
        taken: What it takes besides them.
        made_with: What `make_socket` takes, for a function that is given a socket.
    """
    code = getattr(function, "__code__", None) or function.__init__.__code__
    own = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for name in options:
        if name in taken or meant_option(name, [*own, *taken]):
            continue
        meant = "" if name in made_with else meant_option(name, made_with)
        if name in made_with or meant:
            raise TypeError(
                f"{function.__name__}() does not take {name}: make_socket() does, which makes the "
                f"socket{meant}"
            )
    check_names(f"{function.__name__}()", options, taken, own)


def split_options(
    options: Mapping[str, Any], names: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options that have one of some names, and the others."""
    named = {name: value for name, value in options.items() if name in names}
    others = {name: value for name, value in options.items() if name not in names}
    return named, others
