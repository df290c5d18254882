"""Numbers of bytes and of other things, as people read them."""

__all__ = ("amount", "short_amount", "short_count", "short_time")

_UNITS = ("KiB", "MiB", "GiB", "TiB")


def amount(count: float) -> str:
    """Return a number of bytes as text: ``1.5 MiB``."""
    if count < 1024:
        return f"{count:.0f} bytes"
    units = iter(_UNITS)
    unit = next(units)
    count /= 1024
    while count >= 1024 and (larger := next(units, "")):
        unit = larger
        count /= 1024
    return f"{count:.1f} {unit}"


def short_amount(count: float) -> str:
    """Return a number of bytes in no more than six characters: ``1.5M``."""
    return _short(count, 1024, ("", "K", "M", "G", "T", "P"))


def short_count(count: float) -> str:
    """Return how many there are of something in no more than six characters: ``1.5M``."""
    return f"{count:.0f}" if count < 100_000 else _short(count, 1000, ("", "k", "M", "G", "T"))


def _short(count: float, step: int, units: tuple[str, ...]) -> str:
    unit = 0
    while count >= step and unit + 1 < len(units):
        unit += 1
        count /= step
    return f"{count:.0f}{units[unit]}" if not unit or count >= 100 else f"{count:.1f}{units[unit]}"


def short_time(seconds: float) -> str:
    """Return for how long something has been going on, in two units: ``1 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, left = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {left} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"
