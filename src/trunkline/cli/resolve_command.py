"""`trunkline resolve`: what a name stands for."""

from typing import TYPE_CHECKING

import click

from .as_usual import RESOLVE
from .command import Command, Example
from .completing import record_types
from .options import Seconds

if TYPE_CHECKING:
    from ..addresses import Endpoint, IPAddress
    from .resolve.asking import Found

__all__ = ("resolve",)

DNS_PORT = 53

EXAMPLES = (
    Example("trunkline resolve www.example.org", "What programs on this machine would connect to."),
    Example("trunkline resolve example.org MX", "Where a domain's mail goes."),
    Example("trunkline resolve 192.0.2.1", "Whose address that is."),
    Example("trunkline resolve example.org HTTPS --server 9.9.9.9", "What one name server says."),
    Example("trunkline resolve _xmpp-client._tcp.example.org SRV --json", "For another program."),
)


@click.command(cls=Command, examples=EXAMPLES, hints=RESOLVE)
@click.argument("name")
@click.argument("record_type", required=False, metavar="[TYPE]", shell_complete=record_types)
@click.option("--server", metavar="HOST[:PORT]", help="Ask that name server, and nobody else.")
@click.option("--reverse", is_flag=True, help="NAME is an address, whose name is wanted.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all that is known.")
@click.option("--timeout", type=Seconds(), help="For all of it.")
def resolve(
    name: str,
    record_type: str | None,
    server: str | None,
    reverse: bool,
    as_json: bool,
    timeout: float | None,
) -> None:
    """Look NAME up: its addresses, or its records of TYPE.

    Without a TYPE or a server, this machine is asked as its programs ask it: its table of hosts,
    the domains that it searches, and whatever else it has been told. Otherwise name servers are
    asked for the name as it stands. Of an address, the name is looked up.
    """
    from .resolve.asking import ask_machine, ask_server

    for word in (name, record_type or ""):
        if word.startswith("@"):
            raise click.UsageError(f"of another server, say --server {word[1:]}")
        if word.startswith("+"):
            raise click.UsageError(f"{word} is dig's: in a pipeline it is short, and --json is all")
    try:
        what = _subject(name, reverse=reverse)
        if not isinstance(what, str) and record_type not in (None, "PTR", "ptr"):
            raise ValueError(f"an address has a PTR record, and none of type {record_type}")
        if record_type is None and server is None:
            found = ask_machine(what, timeout)
        else:
            types = ("A", "AAAA") if record_type is None else (_type(record_type),)
            found = ask_server(what, types, _server(server, timeout), timeout)
    except ValueError as error:
        if isinstance(error, UnicodeError):
            raise
        raise click.UsageError(str(error)) from None
    if as_json:
        import json

        click.echo(json.dumps(_as_json(name, found), indent=2))
    else:
        _print(found)


def _subject(name: str, *, reverse: bool) -> "str | IPAddress":
    """Return an address, or a name."""
    from ..sockets.resolving import literal_address

    text = name.removeprefix("[").removesuffix("]")
    address = literal_address(text)
    if reverse and address is None:
        raise ValueError(f"--reverse is for addresses, and {name!r} is none")
    return address or name


def _type(text: str) -> str | int:
    """Return the name of a type, or the number in one that has no name: ``TYPE99`` (RFC 3597)."""
    number = text.upper().removeprefix("TYPE")
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else text


def _server(text: str | None, timeout: float | None) -> "Endpoint | None":
    """Return where a name server listens, whose own name may have to be looked up."""
    if text is None:
        return None
    from ..addresses import Endpoint
    from ..sockets.names import check_port
    from ..sockets.resolving import ensure_hostname

    host, port = text, str(DNS_PORT)
    if text.startswith("["):
        host, _, behind = text[1:].partition("]")
        port = behind.removeprefix(":") or port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    return Endpoint(ensure_hostname(host, timeout=timeout), check_port(port, "udp"))


def _print(found: "Found") -> None:
    from .tables import goes_to_terminal, print_table

    rows = found.rows
    if found.server is None:
        print_table(("name", "type", "data"), [(row.name, row.type, row.data) for row in rows])
    else:
        lines = [(row.name, str(row.ttl), row.type, row.data) for row in rows]
        print_table(("name", "ttl", "type", "data"), lines)
    if goes_to_terminal():
        said = "" if found.server is None else f" from {found.server}"
        plural = "" if len(rows) == 1 else "s"
        click.echo(f"{len(rows)} record{plural}{said} in {1000 * found.seconds:.1f} ms")


def _as_json(name: str, found: "Found") -> dict[str, object]:
    return {
        "name": name,
        "server": None if found.server is None else str(found.server),
        "seconds": round(found.seconds, 6),
        "records": [row._asdict() for row in found.rows],
    }
