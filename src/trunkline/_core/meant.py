"""What was probably meant by a name that there is not, for the text of an error."""

from collections.abc import Iterable, Mapping

__all__ = ("meant_instead",)


def meant_instead(
    name: str, known: Iterable[str], elsewhere: Mapping[str, str] | None = None
) -> str:
    """Return the end of an error's text that says what to use instead of `name`, or nothing.

    Args:
        name: What was given.
        known: The names that there are.
        elsewhere: What is called differently elsewhere: from such a name to those that it has here,
            with a blank between them. Those that are not `known` are left out.

    Returns:
        Text like ``"; perhaps reuse_address is meant"``, or ``""`` if nothing is like it.
    """
    known = tuple(known)
    candidates = (elsewhere or {}).get(name, "").split()
    found = [candidate for candidate in candidates if candidate in known]
    if not found:
        # Only a mistake pays for the module.
        from difflib import get_close_matches

        found = get_close_matches(name, known, n=1)
    return f"; perhaps {' or '.join(found)} is meant" if found else ""
