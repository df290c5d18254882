"""Checking a number of things."""

__all__ = ("check_count",)


def check_count(what: str, count: int, *, least: int = 1, most: int | None = None) -> int:
    """Return a number of things if it is such a number, and one of those that are allowed.

    Raises:
        TypeError, ValueError: It is not. They call it `what`.
    """
    if type(count) is int and least <= count and most is None:
        return count  # as nearly always
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"{what} is an integer, not {type(count).__name__}")
    if count < least:
        raise ValueError(f"{what} is at least {least}, not {count}")
    if most is not None and count > most:
        raise ValueError(f"{what} is at most {most}, not {count}")
    return count
