"""What was probably meant by a name that there is not, for the text of an error."""

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ("Elsewhere", "ElsewhereNames", "OtherKind", "is_like", "meant_instead")

# A guess that is wrong is worse than none: so only what is misspelt counts, as `difflib` sees it.
_LIKENESS = 0.8


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

        found = get_close_matches(name, known, n=1, cutoff=_LIKENESS)
    return f"; perhaps {' or '.join(found)} is meant" if found else ""


def is_like(name: str, other: str) -> bool:
    """Return whether one name is probably the other one, misspelt."""
    from difflib import get_close_matches

    return bool(get_close_matches(name, [other], n=1, cutoff=_LIKENESS))


class Elsewhere:
    """Stands in a class for a method that there is in other libraries, and says what to use.

    To everything that asks, `hasattr` for instance, the attribute is not there. A method
    ``__getattr__`` could do the same, but each look-up in the class would be slower for it.

    Args:
        instead: What to use, as the end of a sentence.
    """

    def __init__(self, instead: str) -> None:
        self._instead = instead
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        text = f"{owner.__name__} has no {self._name}: {self._instead}"
        raise AttributeError(text, name=self._name, obj=owner if instance is None else instance)


class _NoSuchCall(AttributeError, TypeError):
    """There is no such method, for the kind of thing that this is has no use for it."""


class OtherKind(Elsewhere):
    """Stands in a class for a method that another kind of the same things has.

    Calling it is a mistake about types rather than about names, and so the error is both.

    Args:
        kind: Whose method it is.
        instead: What to use, as the end of a sentence.
    """

    def __init__(self, kind: str, instead: str) -> None:
        super().__init__(instead)
        self._kind = kind

    def __get__(self, instance: object, owner: type) -> Any:
        text = f"{owner.__name__} has no {self._name}, which is for {self._kind}: {self._instead}"
        raise _NoSuchCall(text, name=self._name, obj=owner if instance is None else instance)


class ElsewhereNames:
    """The base of what has such names: `dir` does not list them."""

    __slots__ = ()

    def __dir__(self) -> list[str]:
        kinds = type(self).__mro__
        missing = {
            name for kind in kinds for name, it in vars(kind).items() if isinstance(it, Elsewhere)
        }
        return sorted({*super().__dir__()} - missing)
