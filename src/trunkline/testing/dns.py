"""A name server that says what it is told to, over UDP and TCP: the truth, lies, or nothing.

Programs that look names up meet servers that are slow, silent, broken or malicious. Here is one
that is whatever a test needs, on the loopback address and at a port of its own:

    with DNSServer() as dns:
        dns.add(ARecord("www.example.test", 60, IPv4Address("192.0.2.1")))
        dns.script("slow.example.test", Reply(delay=0.2), Reply(rcode=SERVFAIL))
        resolve("www.example.test", dns.endpoint)
        assert dns.queries[0].name == "www.example.test"

What was added is a zone: a name that is not in it does not exist, and one that has no record of the
type has none, both with the SOA record that says for how long that may be remembered. Aliases are
followed. A script comes before the zone: its replies are given one after the other, and the last
one for ever.
"""

import socket
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from .._core.callbacks import check_callback
from .._core.counts import check_count
from .._core.deadline import check_timeout
from .._core.dns_message import (
    FORMERR,
    IN_A_CONNECTION,
    NOERROR,
    NOTIMP,
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    DNSMessage,
    DNSQuestion,
    pack_message,
    unpack_message,
)
from .._core.dns_names import key_of_name
from .._sys.sockaddr import family_of, name_from_sockaddr, sockaddr_from_name
from ..addresses import Endpoint
from ..errors import BadDNSMessage
from ..multiplex import EventBase, Transport, TransportProtocol, listen
from ..names import CNAMERecord, DNSRecord, RecordType, SOARecord
from ..sockets import make_socket

__all__ = (
    "FORMERR",
    "NOERROR",
    "NOTIMP",
    "NXDOMAIN",
    "REFUSED",
    "SERVFAIL",
    "DNSMessage",
    "DNSQuestion",
    "DNSServer",
    "Query",
    "Reply",
)

_LONGEST_CHAIN = 16  # of aliases, which may lead round in a circle
_MOST_RCODES = 2**12 - 1
_UNTIL_ROOM = 0.001  # seconds
_TRIES = 100  # to find a port that is free for both UDP and TCP


@dataclass(frozen=True, slots=True)
class Query:
    """A question that has come.

    Attributes:
        name: The name, in the case in which it was asked for.
        type: The number of the type, see `RecordType`.
        transport: ``"udp"`` or ``"tcp"``.
        source: Who has asked.
        message: All of it.
    """

    name: str
    type: int
    transport: str
    source: Endpoint
    message: DNSMessage


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered to a question, and how.

    Attributes:
        rcode: How it turned out, like `NXDOMAIN`.
        records: The answer. None is what the zone has.
        authority: The records that tell whose answer it is, or why there is none.
        additional: More records.
        truncated: Say in a datagram that there was no room, and leave the records out; over TCP all
            of them come.
        delay: Seconds to wait before.
        silent: Say nothing.
        drops: Close the connection in place of answering, where it is one.
        wrong_id: Answer with another id than was asked with.
        wrong_question: Answer a question that was not asked.
        wrong_source: Answer a datagram from another port.
        copies: How many times it is sent.
        raw: Bytes, or a function of the question's bytes that returns them, to be sent in place of
            a message; the first two become the question's id, unless that is to be wrong.

    Raises:
        TypeError, ValueError: One of them is none of what it can be.
    """

    rcode: int = NOERROR
    records: tuple[DNSRecord, ...] | None = None
    authority: tuple[DNSRecord, ...] = ()
    additional: tuple[DNSRecord, ...] = ()
    truncated: bool = False
    delay: float = 0.0
    silent: bool = False
    drops: bool = False
    wrong_id: bool = False
    wrong_question: bool = False
    wrong_source: bool = False
    copies: int = 1
    raw: bytes | Callable[[bytes], bytes] | None = None

    def __post_init__(self) -> None:
        check_count("rcode", self.rcode, least=0, most=_MOST_RCODES)
        check_count("copies", self.copies, least=0)
        if check_timeout(self.delay, "delay") is None:
            raise ValueError(f"delay is a number of seconds, not {self.delay}; see `silent`")
        if self.raw is not None and not isinstance(self.raw, bytes):
            check_callback(self.raw, "question", what="raw")
        for record in (*(self.records or ()), *self.authority, *self.additional):
            _check_record(record)


class DNSServer:
    """A scripted name server, in a thread of its own between entering and leaving its block.

    What goes wrong with a reply, like what a `raw` raises, is raised when the block is left.

    Args:
        *records: The first ones of its zone.
        host: The address to listen at.
        negative_ttl: For how many seconds it may be remembered that something is not there.

    Attributes:
        endpoint: Where it listens.
        soa: The record that comes with each answer that there is nothing. It can be set.

    Raises:
        TypeError, ValueError: An argument is none of what it can be.
    """

    def __init__(
        self, *records: DNSRecord, host: str = "127.0.0.1", negative_ttl: int = 60
    ) -> None:
        self.soa: SOARecord = SOARecord(
            ".", negative_ttl, "ns.test", "admin.test", 1, 3600, 600, 86_400, negative_ttl
        )
        _check_record(self.soa)
        self._error: Exception | None = None
        self._lock = threading.Condition()
        self._zone: dict[str, list[DNSRecord]] = defaultdict(list)
        self._scripts: dict[tuple[str, int | None], list[Reply]] = {}
        self._queries: list[Query] = []
        self.add(*records)
        self._host = host
        self._base = EventBase()
        self._thread = threading.Thread(target=self._base.dispatch, name="scripted DNS server")
        try:
            self._listen()
        except BaseException:
            self._base.close()
            raise

    def _listen(self) -> None:
        for _ in range(_TRIES):
            listener = make_socket(connect="passive", local_host=self._host, local_port=0)
            self.endpoint: Endpoint = Endpoint(listener.local_host, listener.local_port)
            try:
                self._udp = self._open_udp(self.endpoint.port)
            except OSError:
                listener.close()
                continue
            self._other_udp = self._open_udp(0)
            self._base.set_io_handler(self._udp.fileno(), "read", self._on_datagram)
            self._listener = listen(
                self._base, listener, lambda: _Connection(self), delivery=IN_A_CONNECTION
            )
            return
        raise OSError(f"no port of {self._host} is free for UDP and for TCP")

    def _open_udp(self, port: int) -> socket.socket:
        name = Endpoint(self.endpoint.host, port)
        family = family_of(name)
        udp = socket.socket(family, socket.SOCK_DGRAM)
        try:
            udp.bind(sockaddr_from_name(name, family, "bind"))
        except BaseException:
            udp.close()
            raise
        udp.setblocking(False)
        return udp

    # -- what it says ----------------------------------------------------------------------------

    def add(self, *records: DNSRecord) -> None:
        """Add records to the zone; at any time.

        Raises:
            TypeError, ValueError: One is none.
        """
        for record in records:
            _check_record(record)
        with self._lock:
            for record in records:
                self._zone[key_of_name(record.name)].append(record)

    def remove(self, name: str) -> None:
        """Remove all that there is of a name, its scripts included."""
        key = key_of_name(name)
        with self._lock:
            self._zone.pop(key, None)
            for script in [script for script in self._scripts if script[0] == key]:
                del self._scripts[script]

    def script(self, name: str, *replies: Reply, record_type: int | None = None) -> None:
        """Have the next questions for a name answered so, and all later ones like the last.

        Args:
            name: The name.
            *replies: What is answered; without any, the script is removed.
            record_type: Only for questions of this type. Default: of all.
        """
        key = key_of_name(name), record_type
        with self._lock:
            if replies:
                self._scripts[key] = list(replies)
            else:
                self._scripts.pop(key, None)

    # -- what it was asked -----------------------------------------------------------------------

    @property
    def queries(self) -> tuple[Query, ...]:
        """What has been asked until now."""
        with self._lock:
            return tuple(self._queries)

    def wait_for_queries(self, count: int, timeout: float = 10.0) -> tuple[Query, ...]:
        """Wait until so many questions have come, and return them.

        Raises:
            TimeoutError: They have not.
        """
        with self._lock:
            if not self._lock.wait_for(lambda: len(self._queries) >= count, timeout):
                raise TimeoutError(f"{len(self._queries)} of {count} questions have come")
            return tuple(self._queries)

    def forget_queries(self) -> None:
        """Begin to count anew."""
        with self._lock:
            self._queries.clear()

    # -- its thread ------------------------------------------------------------------------------

    def _on_datagram(self, *_: object) -> None:
        try:
            data, address = self._udp.recvfrom(65_535)
        except OSError:  # what others have refused of our answers is told here, too
            return

        def send(answer: bytes, reply: Reply) -> None:
            sender = self._other_udp if reply.wrong_source else self._udp
            try:
                sender.sendto(answer, address)
            except BlockingIOError:  # there is no room for it just now
                self._base.add_timer(lambda: send(answer, reply), _UNTIL_ROOM, one_shot=True)
            except OSError:
                return  # nobody is there any more

        source = name_from_sockaddr(address, self._udp.family)
        assert isinstance(source, Endpoint)
        self._answer(data, "udp", source, send, lambda: None)

    def _answer(
        self,
        data: bytes,
        transport: str,
        source: Endpoint,
        send: Callable[[bytes, Reply], object],
        drop: Callable[[], object],
    ) -> None:
        try:
            message = unpack_message(data)
        except BadDNSMessage:
            return
        if message.is_response or not message.questions:
            return
        question = message.questions[0]
        with self._lock:
            query = Query(question.name, question.type, transport, source, message)
            self._queries.append(query)
            self._lock.notify_all()
            reply = self._next_reply(question)
        if reply.silent:
            return
        if reply.drops:
            drop()
            return

        def answer_now() -> None:
            try:
                answer = self._bytes_of(reply, data, query)
                for _ in range(reply.copies):
                    send(answer, reply)
            except Exception as error:  # of whoever has written the reply
                self._error = self._error or error

        if reply.delay:
            self._base.add_timer(answer_now, reply.delay, one_shot=True)
        else:
            answer_now()

    def _next_reply(self, question: DNSQuestion) -> Reply:
        key = key_of_name(question.name)
        script = self._scripts.get((key, question.type)) or self._scripts.get((key, None))
        if not script:
            return Reply()
        return script.pop(0) if len(script) > 1 else script[0]

    def _bytes_of(self, reply: Reply, data: bytes, query: Query) -> bytes:
        number = query.message.id ^ (0xFFFF if reply.wrong_id else 0)
        question = query.message.questions[0]
        if reply.raw is not None:
            raw = reply.raw if isinstance(reply.raw, bytes) else reply.raw(data)
            return (number.to_bytes(2) + raw[2:]) if len(raw) >= 2 else raw
        answered = question._replace(name="not.asked.test") if reply.wrong_question else question
        message = DNSMessage(
            id=number,
            is_response=True,
            authoritative=True,
            recursion_desired=query.message.recursion_desired,
            recursion_available=True,
            questions=(answered,),
        )
        message = self._filled(message, reply, question)
        return _fitted(message, query, reply)

    def _filled(self, message: DNSMessage, reply: Reply, question: DNSQuestion) -> DNSMessage:
        if reply.records is not None or reply.rcode != NOERROR:
            authority = reply.authority
            if not authority and reply.rcode == NXDOMAIN:
                authority = (self.soa,)
            return message._replace(
                rcode=reply.rcode,
                answers=reply.records or (),
                authority=authority,
                additional=reply.additional,
            )
        with self._lock:
            answers, exists = self._look_up(question)
        if answers and (question.type == RecordType.ANY or answers[-1].type == question.type):
            return message._replace(answers=answers)
        rcode = NOERROR if exists else NXDOMAIN
        return message._replace(rcode=rcode, answers=answers, authority=(self.soa,))

    def _look_up(self, question: DNSQuestion) -> tuple[tuple[DNSRecord, ...], bool]:
        """Return what the zone has for a question, and whether the last name of it exists."""
        answers: list[DNSRecord] = []
        key = key_of_name(question.name)
        for _ in range(_LONGEST_CHAIN):
            there = self._zone.get(key, [])
            found = [each for each in there if question.type in (each.type, RecordType.ANY)]
            aliases = [each for each in there if isinstance(each, CNAMERecord)]
            answers += found or aliases
            if found or not aliases:
                return tuple(answers), bool(there)
            key = key_of_name(aliases[0].host)
        return tuple(answers), True

    # -- the end ---------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        if self._error is not None and error is None:
            raise self._error

    def close(self) -> None:
        """End it, and close all that it has open. May be repeated."""
        if self._thread.ident is not None:
            self._base.exit()
            self._thread.join()
        self._listener.stop(drain=0)
        self._base.close()
        self._udp.close()
        self._other_udp.close()


def _check_record(record: DNSRecord) -> None:
    """Raise `TypeError` or `ValueError` for what cannot be sent as a record."""
    if not isinstance(record, DNSRecord):
        raise TypeError(f"a record is a DNSRecord, not {type(record).__name__}")
    try:
        pack_message(DNSMessage(answers=(record,)))
    except (AttributeError, TypeError) as error:
        raise TypeError(f"{record!r} has a value of another type than it says: {error}") from None


class _Connection(TransportProtocol):
    """A client over TCP."""

    def __init__(self, server: DNSServer) -> None:
        self._server = server

    def connection_made(self, transport: Transport) -> None:
        self._transport = transport

    def frame_received(self, data: bytes) -> None:
        transport = self._transport
        self._server._answer(data, "tcp", transport.remote_name, self._send, transport.abort)

    def _send(self, answer: bytes, reply: Reply) -> None:
        self._transport.write(IN_A_CONNECTION.pack(answer))


def _fitted(message: DNSMessage, query: Query, reply: Reply) -> bytes:
    """Return a message as bytes, without its records where there is no room for them."""
    data = pack_message(message)
    if query.transport == "tcp":
        return data
    if reply.truncated or len(data) > query.message.payload_size:
        short = message._replace(truncated=True, answers=(), authority=(), additional=())
        return pack_message(short)
    return data
