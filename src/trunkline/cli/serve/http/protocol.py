"""A connection that speaks HTTP/1.1: requests come one after the other, and are answered in turn.

What is sent waits in the transport's queue, files without being read. When that is full no further
request is looked at, and nothing more is read: however many requests a client sends at once, they
take no more than a few buffers.

Time is limited. A client has `REQUEST_TIMEOUT` for a whole request from its first byte on, however
slowly it sends, `IDLE_TIMEOUT` between two of them, and `WRITE_TIMEOUT` to take anything at all of
what is sent to it.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

import h11

from ...._core.timer_queue import Timer
from ...._sys.clock import monotonic
from ....errors import FileTooShort, SocketError
from ....multiplex import Transport, TransportProtocol
from ....multiplex.file_transfer import FileTransfer
from ...sizes import amount
from ..connection_log import note
from .site import Answer, Asked, Site

__all__ = ("IDLE_TIMEOUT", "LINGER_TIMEOUT", "REQUEST_TIMEOUT", "WRITE_TIMEOUT", "HTTPProtocol")

REQUEST_TIMEOUT = 20.0
"""Seconds for a request, from its first byte to its last."""

IDLE_TIMEOUT = 15.0
"""Seconds between two requests; a browser then connects anew."""

WRITE_TIMEOUT = 60.0
"""Seconds in which a client takes nothing of what is sent to it."""

LINGER_TIMEOUT = 5.0
"""Seconds for a client to notice that it was refused, and to stop sending."""

_LARGEST_HEAD = 16_384  # bytes, of all fields together
_LARGEST_BODY = 65_536  # bytes; nobody looks at it, and a larger one ends the connection

_VERSIONS = (b"1.0", b"1.1")
_METHODS = (b"GET", b"HEAD", b"OPTIONS")


class _InPlaceOf:
    """Stands for a part of a file where h11 counts what is sent."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


class HTTPProtocol(TransportProtocol):
    """Answers the requests of one connection.

    Args:
        site: What is served.
    """

    transport: Transport

    def __init__(self, site: Site) -> None:
        self._site = site
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD)
        self._request: h11.Request | None = None  # which has begun, and was not answered
        self._began = 0.0
        self._body_size = 0
        self._timer: Timer | None = None
        self._timed_by: Callable[[], None] | None = None
        self._is_full = False  # the transport's queue is
        self._is_stopping = False
        self._is_ending = False  # what comes is not looked at any more

    # -- what the transport tells ----------------------------------------------------------------

    def connection_made(self, transport: Transport) -> None:
        """The connection is there."""
        self.transport = transport
        transport.set_timeouts(write=WRITE_TIMEOUT)
        self._set_timer(IDLE_TIMEOUT, self._idled)

    def data_received(self, data: bytes) -> None:
        """A part of a request has come, or several requests."""
        if not self._is_ending:
            self._http.receive_data(data)
            self._go_on()

    def eof_received(self) -> bool:
        """There are no more requests; those that have come are answered."""
        if not self._is_ending:
            self._http.receive_data(b"")
            self._go_on()
        return True

    def pause_writing(self) -> None:
        """There is enough in the queue."""
        self._is_full = True
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """There is room again; others have their turn first."""
        self._is_full = False
        self.transport.event_base.call_soon(self._look_again)

    def _look_again(self) -> None:
        self._go_on()
        if not self._is_full:
            self.transport.resume_reading()

    def stop_requested(self) -> None:
        """What has been asked is answered, and nothing else."""
        self._is_stopping = True
        if self._is_between_requests():
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """It is over."""
        self._stop_timer()

    # -- requests --------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Take what has come apart, as far as there is room for answers."""
        while not (self._is_full or self._is_ending or self.transport.is_closing):
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                self._refuse(error.error_status_hint, str(error))
                return
            if event is h11.NEED_DATA:
                self._wait()
                return
            self._take(event)

    def _take(self, event: Any) -> None:
        if isinstance(event, h11.Request):
            self._request, self._body_size = event, 0
            self._began = monotonic()
            status = self._status_of_head(event)
            if status is not None:
                self._answer(self._site.refuse(status), is_last=True)
            elif int(dict(event.headers).get(b"content-length", b"0")) > _LARGEST_BODY:
                self._refuse_body()
            elif self._http.they_are_waiting_for_100_continue:
                self._answer_request()  # at once: nobody would look at what is to come
        elif isinstance(event, h11.Data):
            self._body_size += len(event.data)
            if self._body_size > _LARGEST_BODY:
                self._refuse_body()
        elif isinstance(event, h11.EndOfMessage):
            self._answer_request()
        else:  # the client sends no more
            self.transport.close()

    def _status_of_head(self, request: h11.Request) -> int | None:
        """Return with what to refuse a request, whatever it is for."""
        headers = dict(request.headers)
        if request.http_version not in _VERSIONS:
            return 505
        fields = sum(len(name) + len(value) for name, value in request.headers)
        if fields + len(request.target) > _LARGEST_HEAD:  # it has come at once, as a whole
            return 431
        if headers.get(b"expect", b"100-continue").lower() != b"100-continue":
            return 417
        return None

    def _refuse_body(self) -> None:
        """End a request that goes on for longer than anybody reads; what it is for says how."""
        assert self._request is not None
        if self._request.method in _METHODS:
            self._answer(self._site.refuse(413), is_last=True)
        else:
            self._is_stopping = True
            self._answer_request()

    def _answer_request(self) -> None:
        request = self._request
        assert request is not None
        headers: dict[str, str] = {}
        for name, value in request.headers:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        method, target = request.method.decode("latin-1"), request.target.decode("latin-1")
        self._answer(self._site.answer(Asked(method, target, headers)), is_last=self._is_stopping)

    def _refuse(self, status: int, why: str) -> None:
        """Answer what is no request, if there is still somebody to answer, and end it."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._answer(self._site.refuse(status), is_last=True, why=why)
        else:
            self.transport.close()

    # -- answers ---------------------------------------------------------------------------------

    def _answer(self, answer: Answer, *, is_last: bool, why: str = "") -> None:
        self._stop_timer()
        request, self._request = self._request, None
        headers = [*answer.headers]
        if answer.status not in (204, 304):
            headers.append(("Content-Length", str(answer.size)))
        if is_last:
            headers.append(("Connection", "close"))
        reason = HTTPStatus(answer.status).phrase
        self._send(h11.Response(status_code=answer.status, headers=headers, reason=reason))
        record = _Record(self.transport.remote_name, request, self._began, answer.status, why)
        try:
            if request is None or request.method != b"HEAD":
                self._send_body(answer, record)
        except (FileTooShort, SocketError) as error:
            record.end(error)
            self.transport.abort()  # its size has been promised
            return
        finally:
            if answer.file is not None:
                answer.file.close()
        record.all_is_queued(answer.error)
        self._send(h11.EndOfMessage())
        if self._http.their_state not in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED):
            self._end()
        elif self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.transport.close()

    def _end(self) -> None:
        """End a connection whose client is still sending, and would not get its answer otherwise.

        What a system receives for a connection that is closed it resets, and with that goes what
        the client has not read yet (RFC 9112, section 9.6).
        """
        self._is_ending = True
        self.transport.write_eof()
        self._set_timer(LINGER_TIMEOUT, self.transport.close)

    def _send_body(self, answer: Answer, record: "_Record") -> None:
        for piece in answer.pieces:
            if isinstance(piece, bytes):
                self._send(h11.Data(data=piece))
                record.size += len(piece)
            elif piece:
                assert answer.file is not None
                self._http.send_with_data_passthrough(
                    h11.Data(data=cast("bytes", _InPlaceOf(len(piece))))
                )
                record.files_left += 1
                transfer = self.transport.send_file(
                    answer.file, offset=piece.start, count=len(piece), done=record.file_is_done
                )
                if transfer.error is not None:  # there is nobody any more, and nothing is called
                    record.end(transfer.error)

    def _send(self, event: Any) -> None:
        self.transport.write(self._http.send(event) or b"")

    # -- time ------------------------------------------------------------------------------------

    def _is_between_requests(self) -> bool:
        return self._http.their_state is h11.IDLE and not self._http.trailing_data[0]

    def _wait(self) -> None:
        """Wait for the rest of a request, or for the next one."""
        if self._is_between_requests():
            if self._is_stopping:
                self.transport.close()
            else:
                self._set_timer(IDLE_TIMEOUT, self._idled)
        elif self._timed_by != self._took_too_long:
            self._set_timer(REQUEST_TIMEOUT, self._took_too_long)

    def _set_timer(self, seconds: float, callback: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self.transport.event_base.add_timer(callback, seconds, one_shot=True)
        self._timed_by = callback

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self.transport.event_base.remove_timer(self._timer)
            self._timer = self._timed_by = None

    def _idled(self) -> None:
        if self.transport.buffered_output:  # it is busy with what it has been sent
            self._set_timer(IDLE_TIMEOUT, self._idled)
        else:
            self.transport.close()

    def _took_too_long(self) -> None:
        self._refuse(408, "the request took too long")


class _Record:
    """What the log is to say of a request, when its answer has been sent.

    Attributes:
        size: How many bytes of the answer's body have been sent.
        files_left: How many parts of files have not.
    """

    def __init__(
        self,
        peer: object,
        request: h11.Request | None,
        began: float,
        status: int,
        why: str,
    ) -> None:
        self._peer = peer
        self._request = request
        self._began = began
        self._status = status
        self._why = why
        self._has_ended = False
        self.size = 0
        self.files_left = 0

    def all_is_queued(self, error: Exception | None) -> None:
        """Tell it now, unless files are still on their way."""
        if not self.files_left:
            self.end(error)

    def file_is_done(self, transfer: FileTransfer) -> None:
        """A part of a file was sent, or could not be."""
        self.files_left -= 1
        self.size += transfer.sent
        if not self.files_left or transfer.error is not None:
            self.end(transfer.error)

    def end(self, error: Exception | None) -> None:
        """Write the line, once."""
        if self._has_ended:
            return
        self._has_ended = True
        what, method, target, seconds = "-", None, None, 0.0
        if self._request is not None:
            method = self._request.method.decode("latin-1")
            target = self._request.target.decode("latin-1")
            version = self._request.http_version.decode("latin-1")
            # No URL has a quotation mark in it, and none is to end what is quoted here.
            what = f"{method} {target} HTTP/{version}".replace('"', "%22")
            seconds = monotonic() - self._began
        why = str(error) if error is not None else self._why
        note(
            f'"{what}" {self._status}, {amount(self.size)} in {seconds * 1000:.1f} ms'
            + (f": {why}" if why else ""),
            server="http",
            peer=self._peer,
            error=error,
            method=method,
            target=target,
            status=self._status,
            size=self.size,
            seconds=seconds,
        )
