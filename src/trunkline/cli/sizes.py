"""Numbers of bytes, as people read them."""

__all__ = ("amount",)

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
