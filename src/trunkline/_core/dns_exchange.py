"""Asking name servers one question: whom, how, what of their answers is believed, and what next.

It sends nothing and waits for nothing. Whoever does is told what to ask whom (`Ask`), and tells
what has come of it.

What is believed has the id that was asked with, and the question that was asked, which only an
error may leave out; that it comes from where it was sent to is the business of who receives it. Of
such an answer only those records count that belong to the name, or to what it is an alias of:
whatever else a server adds, nobody has asked for. All else is as if it had not come, since the true
answer may still be on its way.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Literal, NamedTuple, TypeAlias

from ..addresses import Endpoint
from ..errors import (
    BadDNSMessage,
    NoName,
    NoRecord,
    QueryRefused,
    ResolverError,
    ServerFailure,
    TryAgain,
)
from .dns_message import (
    FORMERR,
    NOERROR,
    NOTIMP,
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    DNSMessage,
    DNSQuestion,
    pack_query,
    pack_question,
    unpack_message,
)
from .dns_names import key_of_name
from .dns_records import CNAMERecord, DNSRecord, RecordType, SOARecord
from .dns_usual_answer import usual_answer
from .resolver_config import ResolverConfig

__all__ = ("Ask", "DNSAnswer", "DNSTransport", "Exchange")

DNSTransport: TypeAlias = Literal["udp", "tcp"]

_BADVERS = 16  # what a server says to options of a newer kind (RFC 6891, section 6.1.3)

_PAYLOAD_SIZE = 1232  # bytes: what no network has to take apart
_MOST_ALIASES = 16  # one after the other, which may lead round in a circle

_LONGEST_NEGATIVE = 10_800  # seconds (RFC 2308, section 5)

_ttl_of = attrgetter("ttl")


class Ask(NamedTuple):
    """What is to be done next.

    Attributes:
        server: Whom to ask.
        transport: By a datagram, or in a connection.
        message: What to send.
        timeout: Seconds to wait for the answer.
    """

    server: Endpoint
    transport: DNSTransport
    message: bytes
    timeout: float


class DNSAnswer(NamedTuple):
    """What a server has answered.

    Attributes:
        name: Whose records were asked for.
        type: Of which type, see `RecordType`.
        records: The records of that type, and before them the aliases that lead to them.
        canonical_name: The name that has them.
        ttl: For how many seconds all of that may be remembered.
        server: Who has said so.
    """

    name: str
    type: int
    records: tuple[DNSRecord, ...]
    canonical_name: str
    ttl: int
    server: Endpoint


class Exchange:
    """One question, from the first server that is asked to the answer, or the error.

    Args:
        name: Whose records are wanted.
        record_type: Of which type.
        config: Whom to ask, and how often.
        make_id: Returns a number below 65,536 that nobody can guess.
        first: The index of the server that is asked first.

    Raises:
        ValueError: The name is none.
    """

    __slots__ = (
        "_aliases",
        "_asked",
        "_config",
        "_has_options",
        "_id",
        "_key",
        "_make_id",
        "_name",
        "_server",
        "_transport",
        "_turn",
        "_turns_left",
        "_type",
    )

    def __init__(
        self,
        name: str,
        record_type: int,
        config: ResolverConfig,
        make_id: Callable[[], int],
        first: int = 0,
    ) -> None:
        self._name = name
        self._type = record_type
        self._config = config
        self._make_id = make_id
        self._key = key_of_name(name)
        self._asked = pack_question(self._key, record_type)
        self._aliases: tuple[CNAMERecord, ...] = ()
        self._id = b""
        self._turn = first
        self._turns_left = len(config.servers) * config.attempts
        self._turn_to_next()

    def _turn_to_next(self) -> None:
        """Ask the next server, of which nothing is known yet."""
        servers = self._config.servers
        self._server = servers[self._turn % len(servers)]
        self._turn += 1
        self._turns_left -= 1
        self._transport: DNSTransport = "tcp" if self._config.use_tcp else "udp"
        self._has_options = True

    def ask(self) -> Ask:
        """Return what is to be done first."""
        payload_size = _PAYLOAD_SIZE if self._has_options else 0
        message = pack_query(self._make_id(), self._asked, payload_size)
        self._id = message[:2]
        return Ask(self._server, self._transport, message, self._config.timeout)

    def failed(self, why: str) -> Ask:
        """Take note that the server could not be asked, or has not answered in time.

        Raises:
            TryAgain: There is nobody left to ask.
        """
        return self._ask_next(self._error(TryAgain, why))

    def _ask_next(self, error: ResolverError) -> Ask:
        if not self._turns_left:
            raise error
        self._turn_to_next()
        return self.ask()

    def received(self, data: bytes) -> Ask | DNSAnswer | None:
        """Take note of what has come from the server; return the answer, or what to do next.

        None is to go on waiting: that was no answer to the question.

        Raises:
            NoName, NoRecord: That is the answer. Their `ttl` is for how long it may be remembered.
            ResolverError: The server could not tell, and there is nobody left to ask.
        """
        if data[:2] != self._id:
            return None
        usual = usual_answer(data, self._asked)
        if usual:
            return self._answer(usual)
        try:
            message = unpack_message(data, self._asked)
        except BadDNSMessage as error:
            return self._ask_next(self._error(ServerFailure, f"the answer is garbage: {error}"))
        if not message.is_response or message.opcode:
            return None
        if not self._is_asked(message):
            return None
        if message.rcode in (NOERROR, NXDOMAIN):
            return self._take(message)
        if self._has_options and message.rcode in (FORMERR, NOTIMP, _BADVERS):
            self._has_options = False  # an old server, which has no idea of them
            return self.ask()
        return self._ask_next(self._refusal(message.rcode))

    def _is_asked(self, message: DNSMessage) -> bool:
        """Return whether a message is about the question.

        One that says nothing of the name need not repeat it: who has not understood a question
        often leaves it out (RFC 6891, section 7), and who guesses the id gains little by that.
        """
        if not message.questions:
            return message.rcode not in (NOERROR, NXDOMAIN)
        first, *others = message.questions
        asked = DNSQuestion(self._asked.name, self._asked.type)
        return not others and first._replace(name=key_of_name(first.name)) == asked

    def _refusal(self, rcode: int) -> ResolverError:
        if rcode == REFUSED:
            return self._error(QueryRefused, "the server refuses to answer")
        texts = {
            FORMERR: "the server has not understood",
            SERVFAIL: "the server has failed",
            NOTIMP: "the server cannot do that",
        }
        return self._error(ServerFailure, texts.get(rcode, f"the server has error {rcode}"))

    def _error(self, kind: type[ResolverError], text: str) -> ResolverError:
        return kind(
            strerror=text,
            operation="query",
            host=self._name,
            record_type=self._type,
            server=self._server,
        )

    # -- answers ---------------------------------------------------------------------------------

    def _take(self, message: DNSMessage) -> Ask | DNSAnswer:
        if message.truncated and self._transport == "udp":
            self._transport = "tcp"
            return self.ask()
        records = self._follow(message.answers)
        if records:
            return self._answer(records)
        if message.truncated:
            return self._ask_next(self._error(ServerFailure, "the answer is cut off"))
        if message.rcode == NXDOMAIN:
            error = self._negative(NoName, "no such name", message)
            error._of_all_types = not self._aliases  # there is no alias, either
            raise error
        is_elsewhere = self._asked.name != self._key  # the last alias has led there
        if is_elsewhere and len(self._aliases) < _MOST_ALIASES:
            self._asked = pack_question(self._key, self._type)
            return self.ask()
        raise self._negative(NoRecord, "no such record", message)

    def _answer(self, records: Sequence[DNSRecord]) -> DNSAnswer:
        found = (*self._aliases, *records)
        ttl = min(map(_ttl_of, found))
        return DNSAnswer(self._name, self._type, found, records[0].name, ttl, self._server)

    def _follow(self, answers: Iterable[DNSRecord]) -> list[DNSRecord]:
        """Follow the aliases; return the records of the name that they lead to."""
        by_name: dict[str, list[DNSRecord]] = {}
        for record in answers:
            by_name.setdefault(key_of_name(record.name), []).append(record)
        while len(self._aliases) < _MOST_ALIASES:
            here = by_name.get(self._key, [])
            wanted = [each for each in here if self._type in (each.type, RecordType.ANY)]
            if wanted:
                return wanted
            alias = next((each for each in here if isinstance(each, CNAMERecord)), None)
            if alias is None:
                break
            self._aliases += (alias,)
            self._key = key_of_name(alias.host)
        return []

    def _negative(self, kind: type[ResolverError], text: str, message: DNSMessage) -> ResolverError:
        error = self._error(kind, text)
        for record in message.authority:
            zone = key_of_name(record.name)
            is_its = zone == "." or self._key == zone or self._key.endswith(f".{zone}")
            if isinstance(record, SOARecord) and is_its:
                ttls = record.ttl, record.minimum, *map(_ttl_of, self._aliases)
                error.ttl = min(*ttls, _LONGEST_NEGATIVE)
        return error
