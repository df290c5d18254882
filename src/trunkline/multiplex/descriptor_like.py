"""What has a descriptor, and the number of that."""

from typing import Protocol, TypeAlias

__all__ = ("LARGEST_NUMBER", "DescriptorLike", "number_of")

LARGEST_NUMBER = 2**31 - 1  # of a descriptor, which is a C int


class HasFileno(Protocol):
    """What has a descriptor."""

    def fileno(self) -> int:
        """Return its number."""


DescriptorLike: TypeAlias = int | HasFileno
"""A descriptor: its number, or any object that has one."""


def number_of(source: DescriptorLike) -> int:
    """Return the number of a descriptor, given as that or as an object with `fileno`.

    Raises:
        TypeError: It is neither.
        ValueError: No descriptor has a number as large as that.
    """
    if isinstance(source, int) and not isinstance(source, bool):
        return _checked(source)
    fileno = getattr(source, "fileno", None)
    if fileno is None:
        raise TypeError(
            f"a descriptor is an integer or an object with fileno(), not {type(source).__name__}"
        )
    number = fileno()
    if not isinstance(number, int):
        raise TypeError(f"fileno() of {source!r} does not return an integer")
    return _checked(number)


def _checked(number: int) -> int:
    if number > LARGEST_NUMBER:
        raise ValueError(f"a descriptor is a number of 31 bits at most, not {number:#x}")
    return number
