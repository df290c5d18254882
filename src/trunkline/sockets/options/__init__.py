"""Socket options by name, with the type that each really has.

One table says what there is. A name that is not in it is a `ValueError`; one that this platform or
this kind of socket does not have is `OptionNotSupported`.

Clients mostly set none. So the table is loaded when it is first looked into.
"""

from typing import TYPE_CHECKING, Any

from ..._sys.late_import import late_import

if TYPE_CHECKING:
    from ..._sys.socket_descriptor import SocketDescriptor
    from .names import OptionName

__all__ = ("get_option", "set_option")


def get_option(descriptor: "SocketDescriptor", name: "OptionName") -> Any:
    """Return the value of an option; see `WithOptions.get_option`."""
    with late_import("getsockopt"):
        from . import access

    return access.get_option(descriptor, name)


def set_option(descriptor: "SocketDescriptor", name: "OptionName", value: object) -> None:
    """Set an option; see `WithOptions.set_option`."""
    with late_import("setsockopt"):
        from . import access

    access.set_option(descriptor, name, value)
