"""What cannot be copied or pickled, because there is only one of what it stands for."""

from typing import NoReturn, SupportsIndex

__all__ = ("Uncopied",)


class Uncopied:
    """The base of what stands for something of the operating system's, or is known to others.

    A copy would believe that it owns the same thing, and close it when it is thrown away.
    """

    __slots__ = ()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        kind = type(self).__name__
        raise TypeError(f"{kind} objects cannot be copied or pickled: there is one of each")
