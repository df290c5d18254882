"""Opening datagrams to await, when the names that it takes have been looked up."""

import asyncio
from typing import Any, Literal, Never, Unpack, overload

from .._core.deadline import Deadline, check_timeout
from ..sockets.datagrams import DatagramSocket
from ..sockets.datagrams.make_datagram_socket import (
    InternetDatagramPlan,
    make_local_datagram_socket,
    plan_internet_datagram_socket,
)
from ..sockets.families import AddressFamily, InternetFamily
from ..sockets.keywords import ConnectedUDPOptions, LocalDatagramOptions, check_keywords
from .async_datagrams import AsyncDatagrams
from .lookups import find_addresses, own_resolver

__all__ = ("open_datagrams",)


@overload
async def open_datagrams(
    *, address_family: InternetFamily = ..., **options: Unpack[ConnectedUDPOptions]
) -> AsyncDatagrams: ...
@overload
async def open_datagrams(
    *, address_family: Literal["local"], **options: Unpack[LocalDatagramOptions]
) -> AsyncDatagrams: ...
async def open_datagrams(
    *misplaced: Never, address_family: AddressFamily = "internet", **options: Any
) -> AsyncDatagrams:
    """Open a datagram socket to await, bound, connected, or both, on the loop that is running.

    Names are looked up, see `open_stream`; of a peer's addresses the first is taken to which there
    is a way. Nothing is left behind if it fails, or is cancelled.

    Args:
        *misplaced: Nothing: all is said by name.
        address_family: ``"internet"``, ``"ipv4"``, ``"ipv6"`` or ``"local"``.
        **options: As for `make_socket`: `local_host`, `local_port`, `remote_host`, `remote_port`,
            `broadcast`, `packet_info`, `report_errors`, `reuse_address`, `reuse_port`, `v6_only`,
            `interface`, `resolver`; or `local_filename`, `remote_filename`, `credentials` and
            `file_descriptors`. `connect_timeout` is the seconds for looking names up, None for no
            limit.

    Raises:
        RuntimeError: No loop is running.
        AddressInUse, AddressNotAvailable, PermissionDenied, SocketError: Binding failed, or there
            is no way to the peer; see `DatagramSocket.bind` and `DatagramSocket.connect`.
        NoName, ResolverError, TimedOut: A name could not be looked up.
        TypeError: The kind of datagrams does not take an option.
        ValueError: An option is none of those that it can be.
        TooManyOpenFiles: No descriptor is left.
    """
    loop = asyncio.get_running_loop()
    if misplaced:
        raise TypeError(
            "open_datagrams() takes by name where to: "
            "open_datagrams(local_host='127.0.0.1', local_port=7777)"
        )
    check_keywords("active", address_family, "datagram", options)
    if address_family == "local":
        return AsyncDatagrams(make_local_datagram_socket(**options))
    seconds = check_timeout(options.pop("connect_timeout", None), "connect_timeout")
    if options.get("resolver") is None:
        options["resolver"] = own_resolver(loop)
    plan = plan_internet_datagram_socket(address_family, **options)
    return AsyncDatagrams(await _carry_out(plan, Deadline(seconds, loop.time)))


async def _carry_out(
    plan: InternetDatagramPlan[DatagramSocket], deadline: Deadline
) -> DatagramSocket:
    """Look names up, and return the socket; see `InternetDatagramPlan.carry_out`."""
    source = plan.address_to_bind_to
    if plan.source_to_look_up is not None:
        source, *_ = await _find(plan, plan.source_to_look_up, plan.family, deadline)
    route = plan.route(source)
    if route.name_to_look_up is None:
        return plan.open(source)
    return plan.open(
        source, await _find(plan, route.name_to_look_up, route.wanted_family, deadline)
    )


async def _find(plan: Any, name: str, family: InternetFamily, deadline: Deadline) -> Any:
    found = await find_addresses(plan.resolver, name, family, deadline, "connect")
    return found.addresses
