"""The names of keyword arguments: what others call them, and what to say of a wrong one."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from .meant import meant_instead

__all__ = ("check_names", "check_names_for", "meant_option", "split_options")


def meant_option(name: str, known: Iterable[str]) -> str:
    """Return the end of an error's text that says which known option is meant, or nothing."""
    # Only a mistake pays for the table.
    from .option_names_elsewhere import ELSEWHERE

    known = tuple(known)
    if name in ELSEWHERE and not any(each in known for each in ELSEWHERE[name].split()):
        return ""  # what it would be called here, and not what merely looks like it
    return meant_instead(name, known, ELSEWHERE)


def check_names(
    who: str, options: Iterable[str], taken: Collection[str], own: Iterable[str] | None = None
) -> None:
    """Raise `TypeError` for an option that is not taken, and say what may be meant.

    Args:
        who: Who does not take it.
        options: What was given besides its own arguments.
        taken: What it takes besides them.
        own: Their names, or those of them that have defaults.
    """
    for name in options:
        if name not in taken:
            meant = meant_option(name, [*(own or ()), *taken])
            raise TypeError(f"{who} does not take {name}{meant}")


def check_names_for(
    function: Callable[..., Any],
    options: Iterable[str],
    taken: Collection[str] = (),
    made_with: Collection[str] = (),
) -> None:
    """Raise `TypeError` for an option that a function does not take; see `check_names`.

    Args:
        function: Which one; or a class, which has it all from its ``__init__``.
        options: What was given besides its own arguments.
        taken: What it takes besides them.
        made_with: What `make_socket` takes, for a function that is given a socket.
    """
    code = getattr(function, "__code__", None) or function.__init__.__code__
    own = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for name in options:
        if name in taken or meant_option(name, [*own, *taken]):
            continue
        meant = "" if name in made_with else meant_option(name, made_with)
        if name in made_with or meant:
            raise TypeError(
                f"{function.__name__}() does not take {name}: make_socket() does, which makes the "
                f"socket{meant}"
            )
    check_names(f"{function.__name__}()", options, taken, own)


def split_options(
    options: Mapping[str, Any], names: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options that have one of some names, and the others."""
    named = {name: value for name, value in options.items() if name in names}
    others = {name: value for name, value in options.items() if name not in names}
    return named, others
