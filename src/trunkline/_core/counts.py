"""Checking a number of things."""

__all__ = ("check_count", "decimal_value", "shown_number")

_MOST_DIGITS = 50  # of what is looked at as a number; Python refuses some thousand


def check_count(what: str, count: int, *, least: int = 1, most: int | None = None) -> int:
    """Return a number of things if it is such a number, and one of those that are allowed.

    Raises:
        TypeError, ValueError: It is not. They call it `what`.
    """
    if type(count) is int and least <= count and most is None:
        return count  # as nearly always
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"{what} is an integer, not {type(count).__name__}")
    if count < least or (most is not None and count > most):
        allowed = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{what} is {allowed}, not {shown_number(count)}")
    return count


def decimal_value(text: str) -> int | None:
    """Return the number that a text is, in decimal digits and nothing else, or None."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text) if is_number else None


def shown_number(number: float) -> str:
    """Return a number for the text of an error: Python refuses to print some thousand digits."""
    is_long = isinstance(number, int) and number.bit_length() > 64
    return "one of that size" if is_long else str(number)
