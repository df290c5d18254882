"""What one is used to from other programs: what it is here, for who guesses wrong."""

from .command import Section

__all__ = ("AS_NC", "COMMANDS", "CONNECT", "RESOLVE", "SERVE")

AS_NC = Section(
    "As for nc",
    (
        ("-u, -U", "TARGET is udp:TARGET, or unix:TARGET."),
        ("-w SECONDS", "Is --timeout and --idle."),
        ("-N", "Is what is done anyway."),
    ),
)
"""What `connect` takes besides its own options."""

_PROXY = "it connects through no proxy of SOCKS or HTTP"

CONNECT = {
    "-c": "for TLS write tls:host:port; trunkline serve exec COMMAND runs a program",
    "-d": "say < /dev/null",
    "-e": "trunkline serve exec COMMAND does that",
    "-i": "what is typed is sent at once",
    "-k": "trunkline serve serves more than one client",
    "-n": "addresses are not looked up",
    "-o": "say --hex",
    "-p": "say --source ADDRESS:PORT; with --listen the port is the target",
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

COMMANDS = {
    "dig": "resolve",
    "host": "resolve",
    "nslookup": "resolve",
    "listen": "connect --listen",
    "nc": "connect",
    "ncat": "connect",
    "netcat": "connect",
    "telnet": "connect",
    "ping": "connect --probe",
    "help": "--help",
    **{name: f"serve {name}" for name in ("chargen", "daytime", "discard", "echo", "exec")},
    **{name: f"serve {name}" for name in ("http", "proxy", "repl")},
}
"""What is no command here, and what is meant."""
