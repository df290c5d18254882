"""The options of datagram endpoints, and of opening them."""

from contextvars import Context
from typing import Any, TypedDict, cast

from ..._core.option_names import split_options
from ...sockets.keywords import ConnectedUDPOptions, LocalDatagramOptions
from .protocol import DatagramDelivery

__all__ = (
    "EndpointOptions",
    "InternetEndpointOptions",
    "LocalEndpointOptions",
    "split_endpoint_options",
)


class EndpointOptions(TypedDict, total=False):
    """The keyword arguments of `DatagramEndpoint`."""

    delivery: DatagramDelivery
    size: int | None
    high_water: int
    low_water: int | None
    queue_limit: int
    idle_timeout: float | None
    context: Context | None


class InternetEndpointOptions(EndpointOptions, ConnectedUDPOptions, total=False):
    """What `open_datagrams` takes for internet datagrams."""


class LocalEndpointOptions(EndpointOptions, LocalDatagramOptions, total=False):
    """What `open_datagrams` takes for local datagrams."""


def split_endpoint_options(options: dict[str, Any]) -> tuple[EndpointOptions, dict[str, Any]]:
    """Return the options that concern the endpoint, and those of its socket."""
    endpoint, others = split_options(options, EndpointOptions.__annotations__)
    return cast("EndpointOptions", endpoint), others
