"""Opening a stream to await: names, the race of their addresses, connecting, and TLS."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Literal, Unpack, overload

from .._core.back_off import BackOff
from .._core.deadline import Deadline
from .._sys.sockaddr import Name, family_of
from .._sys.socket_descriptor import STREAM, SocketDescriptor
from ..addresses import AddressLike, IPAddress, ensure_address
from ..errors import SocketError, TimedOut, WouldBlock
from ..sockets.active_socket import ActiveSocket
from ..sockets.connect_plan import ConnectPlan, Route
from ..sockets.connecting import Attempts, start_to_connect
from ..sockets.families import AddressFamily, InternetFamily
from ..sockets.keywords import (
    ActiveLocalOptions,
    UnaddressedOptions,
    check_keywords,
    split_stream_options,
)
from ..sockets.local_stream import stream_descriptors
from ..sockets.secured import ready_tls
from .lookups import begin_to_resolve, find_addresses, own_resolver
from .settling import succeed
from .stream import AsyncStream

__all__ = ("open_stream",)


@overload
async def open_stream(
    remote_host: AddressLike,
    remote_port: int | str,
    *,
    address_family: InternetFamily = ...,
    **options: Unpack[UnaddressedOptions],
) -> AsyncStream: ...
@overload
async def open_stream(
    *, address_family: Literal["local"], **options: Unpack[ActiveLocalOptions]
) -> AsyncStream: ...
async def open_stream(
    remote_host: Any = None,
    remote_port: Any = None,
    *,
    address_family: AddressFamily = "internet",
    **options: Any,
) -> AsyncStream:
    """Connect to a server, on the loop that is running, and return a stream.

    A name is looked up, and its addresses race (RFC 8305), while others are still being looked for.
    That takes a thread, but for a `DNSResolver` on an `EventLoop`. Nothing is left behind if it
    fails, or is cancelled.

    Args:
        remote_host: The address or the name of the server.
        remote_port: Its port, or the name of a service.
        address_family: ``"internet"``, ``"ipv4"``, ``"ipv6"`` or ``"local"``.
        **options: As for an active stream of `make_socket`: `remote_filename` and
            `local_filename` for a local one; else `local_host`, `local_port`, `reuse_address`,
            `keepalive`, `nodelay`, `fast_open`, `interface`, `resolver`, `attempt_delay`; `tls`;
            `external_format`, `input_buffer_size`, `output_buffer_size`, `timeout`.
            `connect_timeout` is the seconds for looking up, connecting and shaking hands. Default:
            the stream's `timeout`.

    Raises:
        TypeError: The kind of connection does not take an option, or one is missing.
        ValueError: An option is none of those that it can be.
        RuntimeError: No loop is running.
        ConnectionRefused, TimedOut, NetworkUnreachable, HostUnreachable, ConnectFailed,
        SocketError: Connecting failed; see `ActiveSocket.connect`.
        NoName, TryAgain, ServerFailure, ResolverError: The host's name could not be resolved.
        TLSCertificateError, TLSMismatch, NotTLS, TLSError: The handshake failed.
    """
    loop = asyncio.get_running_loop()
    if remote_host is not None:
        options["remote_host"] = remote_host
    if remote_port is not None:
        options["remote_port"] = remote_port
    check_keywords("active", address_family, "stream", options)
    is_local = address_family == "local"
    for needed in ("remote_filename",) if is_local else ("remote_host", "remote_port"):
        if options.get(needed) is None:
            raise TypeError(f"open_stream() needs a {needed}")
    stream_options, others = split_stream_options(options)
    seconds = others.pop("connect_timeout", stream_options.get("timeout"))
    deadline = Deadline(seconds, loop.time)
    tls = ready_tls(
        others.pop("tls", None), server_side=False, operation="connect", has_host=not is_local
    )
    host = None
    if address_family == "local":
        descriptor, name = await _connect_locally(deadline, **others)
    else:
        if others.get("resolver") is None:
            others["resolver"] = own_resolver(loop)
        plan = ConnectPlan(address_family, **others)
        host = plan.target_host
        descriptor, name = await _connect(plan, deadline)
    socket = ActiveSocket(descriptor, remote_name=name, **stream_options)
    socket._host = host
    stream = AsyncStream(socket)
    if tls is not None:
        try:
            socket._begin_tls_when_connected(tls)
            await stream.handshake(timeout=deadline.remaining())
        except BaseException:
            # In good order: a peer that is refused gets the alert that says why.
            with suppress(SocketError):
                socket.close(timeout=0)
            raise
    return stream


async def _connect(plan: ConnectPlan, deadline: Deadline) -> tuple[SocketDescriptor, Name]:
    """Connect to the first of several addresses that answers; see `connect_by`."""
    source = None
    if plan.source_to_look_up is not None:
        found = await find_addresses(
            plan.resolver, plan.source_to_look_up, plan.family, deadline, "connect"
        )
        source = found.addresses[0]
    race = _Race(plan, plan.route(source), deadline)
    try:
        return await race.run()
    finally:
        race.close()


class _Race:
    """A race of addresses, which may still be looked for when it begins.

    Args:
        plan: What is to be connected.
        route: Where to.
        deadline: The limit for all of it.
    """

    def __init__(self, plan: ConnectPlan, route: Route, deadline: Deadline) -> None:
        self._loop = asyncio.get_running_loop()
        self._attempts = Attempts(route, plan.attempt_delay, self._loop.time)
        self._deadline = deadline
        self._happened: asyncio.Future[Any] | None = None
        self._failure: Exception | None = None
        self._give_up: Callable[[], object] | None = None
        name = route.name_to_look_up
        if name is None:
            self._attempts.complete(())
            return
        self._give_up = begin_to_resolve(
            self._loop,
            plan.resolver,
            name,
            route.wanted_family,
            deadline,
            lambda found: self._take(self._attempts.complete, found.addresses),
            self._fail,
            came=partial(self._take, self._attempts.offer),
        )

    def _take(
        self, take: Callable[[tuple[IPAddress, ...]], object], addresses: tuple[IPAddress, ...]
    ) -> None:
        """Take note of addresses that were found."""
        try:
            take(addresses)
        except Exception as error:
            self._failure = error
        self._happen()

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._happen()

    def _happen(self, name: Any = None) -> None:
        if self._happened is not None:
            succeed(self._happened, name)

    async def run(self) -> tuple[SocketDescriptor, Name]:
        """Return the descriptor that is connected, and to where."""
        attempts = self._attempts
        while not attempts.is_over:
            attempts.start_due()
            if not attempts.is_over:
                await self._wait()
            if self._failure is not None:
                raise self._failure
        return attempts.take_winner()

    async def _wait(self) -> None:
        """Wait until something happens or the next attempt is due, and take note of what has."""
        loop, attempts = self._loop, self._attempts
        remaining = self._deadline.remaining()
        if remaining == 0:
            raise attempts.timed_out()
        if attempts.next_due is not None:
            until_next = max(0.0, attempts.next_due - loop.time())
            remaining = until_next if remaining is None else min(remaining, until_next)
        happened = self._happened = loop.create_future()
        watched = [(descriptor.number, name) for name, descriptor in attempts.running.items()]
        timer = None if remaining is None else loop.call_later(remaining, self._happen)
        try:
            for number, name in watched:
                loop.add_writer(number, self._happen, name)
            name = await happened
        finally:
            self._happened = None
            for number, _ in watched:
                loop.remove_writer(number)
            if timer is not None:
                timer.cancel()
        if name is not None:
            attempts.finish(name)

    def close(self) -> None:
        """Close what is still running, and look for nothing any more."""
        if self._give_up is not None:
            self._give_up()
        self._attempts.close()


async def _connect_locally(
    deadline: Deadline,
    *,
    remote_filename: Any,
    local_filename: Any = None,
    file_descriptors: bool = False,
) -> tuple[SocketDescriptor, Name]:
    """Connect to a local address, when its backlog has room."""
    name = ensure_address(remote_filename, "local")
    source = None if local_filename is None else ensure_address(local_filename, "local")
    back_off = BackOff(first=0.005, factor=2.0, last=0.1)
    descriptor = stream_descriptors(file_descriptors).open(family_of(name), STREAM, address=name)
    try:
        if source is not None:
            descriptor.bind(source)
        while True:
            try:
                start_to_connect(descriptor, name)
                return descriptor, name
            except WouldBlock as error:  # the system cannot tell when there is room
                remaining = deadline.remaining()
                if remaining == 0:
                    raise TimedOut.expired("connect", name) from error
            delay = back_off.next_delay()
            await asyncio.sleep(delay if remaining is None else min(delay, remaining))
    except BaseException:
        descriptor.close()
        raise
