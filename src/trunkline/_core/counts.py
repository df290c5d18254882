"""Checking a number of things."""

__all__ = ("check_count",)


def check_count(what: str, count: int) -> int:
    """Return a number of things, of which there is at least one, if it is such a number.

    Raises:
        TypeError, ValueError: It is none. They call it `what`.
    """
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"{what} is an integer, not {type(count).__name__}")
    if count < 1:
        raise ValueError(f"{what} is at least 1, not {count}")
    return count
