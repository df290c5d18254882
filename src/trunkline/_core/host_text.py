"""Names of hosts in any script: what is asked for them, and what is read of them (UTS 46).

`idna` knows all the letters there are, for which it takes long to be imported: only who meets a
name that is not ASCII pays for that.
"""

__all__ = ("to_ascii", "to_unicode")

_ACE = "xn--"  # what the ASCII form of a label in another script begins with


def to_ascii(name: str) -> str:
    """Return the form of a name that is asked for, and that certificates have: ``xn--…``.

    You would want it to compare names, or to give one to a program that takes ASCII only; whatever
    takes a host's name here does it by itself.

    Args:
        name: A name in any script. Capital letters, full-width ones and dots of all kinds become
            plain ones. What is ASCII stays as it is, so that ``_imap._tcp.bücher.example`` is a
            name, too.

    Raises:
        ValueError: It can be no name: a letter is not allowed, or not where it is, or a part is too
            long.
        TypeError: It is no text.
    """
    if isinstance(name, str) and name.isascii():
        return name
    _check_text(name)
    import idna

    try:
        plain = idna.uts46_remap(name, std3_rules=False, transitional=False)
        labels = [
            label if label.isascii() else idna.alabel(label).decode() for label in plain.split(".")
        ]
    except UnicodeError as error:
        raise ValueError(f"not the name of a host: {name!r} ({error})") from None
    return ".".join(labels)


def to_unicode(name: str) -> str:
    """Return the form of a name that people read: ``bücher.example``.

    Args:
        name: A name in either form. A part that only pretends to be the ASCII form of something
            stays as it is.

    Raises:
        TypeError: It is no text.
    """
    _check_text(name)
    if _ACE not in name.lower():
        return name
    import idna

    def read(label: str) -> str:
        try:
            return idna.ulabel(label) if label.lower().startswith(_ACE) else label
        except UnicodeError:
            return label

    return ".".join(map(read, name.split(".")))


def _check_text(name: str) -> None:
    if not isinstance(name, str):
        raise TypeError(f"a name is text, not {type(name).__name__}")
