"""What one is used to from other programs: what it is here, for who guesses wrong."""

from .command import Section

__all__ = ("AS_NC", "COMMANDS", "CONNECT", "RESOLVE", "SERVE", "TARGETS")

AS_NC = Section(
    "As for nc",
    (
        ("-u, -U", "TARGET is udp:TARGET, or unix:TARGET."),
        ("-w SECONDS", "Is --timeout and --idle."),
        ("-p PORT", "Is where to listen, with --listen."),
        ("-n", "TARGET is an address, and no name."),
        ("-N", "Is what is done anyway."),
    ),
)
"""What `connect` takes besides its own options."""

_PROXY = "no proxy of SOCKS or HTTP is spoken to; socat listens here for who has to use one"

CONNECT = {
    "-c": "for TLS write tls:host:port; trunkline serve exec COMMAND runs a program",
    "-d": "say < /dev/null",
    "-e": "trunkline serve exec COMMAND does that",
    "-i": "what is typed is sent at once",
    "-k": "trunkline serve serves more than one client",
    "-o": "say --hex",
    "-q": "the end of the server ends it, and --idle is for one that does not",
    "-t": "it does not speak telnet",
    "-x": _PROXY,
    "-X": _PROXY,
    "--exec": "trunkline serve exec COMMAND does that",
    "--proxy": _PROXY,
    "--recv-only": "say < /dev/null",
    "--send-only": "say > /dev/null",
    "--sh-exec": "trunkline serve exec COMMAND does that",
    "--ssl": "write tls:host:port",
    "--udp": "write udp:host:port",
    "--wait": "say --timeout, or --idle",
}
"""Options of nc and ncat that `connect` has not, and what to do instead."""

_ADDRESS = "the address comes last, as in trunkline serve echo 9999"

SERVE = {
    "-b": _ADDRESS,
    "--bind": _ADDRESS,
    "-d": "say trunkline serve http DIR",
    "--directory": "say trunkline serve http DIR",
    "-e": "say trunkline serve exec COMMAND",
    "-k": "it serves one client after the other, and several at once",
    "-l": f"it listens anyway; {_ADDRESS}",
    "-p": _ADDRESS,
    "--port": _ADDRESS,
    "-u": "trunkline serve proxy udp:host:port is what there is for datagrams",
    "-U": "write unix:path",
}
"""The same for `serve`, of nc and of http.server, too."""

RESOLVE = {
    "-t": "the type comes after the name",
    "-x": "say the address alone",
    "--type": "the type comes after the name",
}
"""The same for `resolve`, of dig and host."""

TARGETS = {
    "tcp4": "host:port, and say -4",
    "tcp6": "host:port, and say -6",
    "tcp-connect": "host:port",
    "tcp-listen": "the port alone, and say --listen",
    "udp4": "udp:host:port, and say -4",
    "udp6": "udp:host:port, and say -6",
    "udp-connect": "udp:host:port",
    "openssl": "tls:host:port",
    "openssl-connect": "tls:host:port",
    "ssl": "tls:host:port",
    "unix-connect": "unix:path",
    "unix-client": "unix:path",
    "unix-listen": "unix:path, and say --listen",
    "abstract-connect": "abstract:name",
    "exec": "trunkline serve exec COMMAND",
    "system": "trunkline serve exec COMMAND",
}
"""The words of socat and others that a target does not begin with."""

COMMANDS = {
    "dig": "resolve",
    "host": "resolve",
    "nslookup": "resolve",
    "listen": "connect --listen",
    "nc": "connect",
    "ncat": "connect",
    "netcat": "connect",
    "socat": "connect",
    "s_client": "connect tls:HOST:PORT",
    "telnet": "connect",
    "ping": "connect --probe",
    "help": "--help",
    **{name: f"serve {name}" for name in ("chargen", "daytime", "discard", "echo", "exec")},
    **{name: f"serve {name}" for name in ("http", "proxy", "repl")},
}
"""What is no command here, and what is meant."""
