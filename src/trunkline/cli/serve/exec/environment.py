"""What a process is told of its connection, by the variables that others have for that.

They are those of tcpserver(1), of ncat(1) and of sockets that systemd has accepted. Their values
are addresses that the system has told, or a proxy that is believed, and never text of the client's.
"""

from collections.abc import Mapping

from ....addresses import Endpoint, LocalAddress

__all__ = ("connection_environment",)

# What would be said of another connection, or another process: see sd_listen_fds(3) for the last.
_NOT_INHERITED = frozenset(
    {
        *("PROTO", "TCPLOCALIP", "TCPLOCALPORT", "TCPLOCALHOST"),
        *("TCPREMOTEIP", "TCPREMOTEPORT", "TCPREMOTEHOST", "TCPREMOTEINFO"),
        *("NCAT_PROTO", "NCAT_LOCAL_ADDR", "NCAT_LOCAL_PORT"),
        *("NCAT_REMOTE_ADDR", "NCAT_REMOTE_PORT"),
        *("REMOTE_ADDR", "REMOTE_PORT"),
        *("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET"),
    }
)


def connection_environment(
    ours: Mapping[str, str], remote: object, local: object
) -> dict[str, str]:
    """Return the environment of a process.

    Args:
        ours: That of the server, of which the rest is taken.
        remote: The name of the client.
        local: The name that it has connected to.
    """
    found = {name: value for name, value in ours.items() if name not in _NOT_INHERITED}
    if isinstance(remote, Endpoint):
        host, port = str(remote.host), str(remote.port)
        found |= {"PROTO": "TCP", "NCAT_PROTO": "TCP"}
        found |= {"TCPREMOTEIP": host, "NCAT_REMOTE_ADDR": host, "REMOTE_ADDR": host}
        found |= {"TCPREMOTEPORT": port, "NCAT_REMOTE_PORT": port, "REMOTE_PORT": port}
    elif isinstance(remote, LocalAddress):
        found["PROTO"] = "UNIX"
    if isinstance(local, Endpoint):
        host, port = str(local.host), str(local.port)
        found |= {"TCPLOCALIP": host, "NCAT_LOCAL_ADDR": host}
        found |= {"TCPLOCALPORT": port, "NCAT_LOCAL_PORT": port}
    return found
