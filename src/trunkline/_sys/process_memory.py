"""How much memory this process has."""

import os

__all__ = ("resident_bytes",)


def resident_bytes() -> int | None:
    """Return how many bytes of it are in memory, or None where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            pages = int(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
