"""How text is shown that somebody else has chosen: the name of a local socket, of a host, a thread.

It may have newlines, which forge lines of a log; what makes terminals do things, or turns the
direction of writing; and surrogates, which stand for bytes that are no text, and which no file of
text takes. Whatever prints such text does it through here. Attributes have it as it is.
"""

__all__ = ("printable",)


def printable(value: object) -> str:
    r"""Return the text of a value with all that is not printable escaped, like ``\n``.

    Backslashes stay single, so that what has been through here may come again as part of something
    larger, and nothing is escaped twice.
    """
    text = str(value)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
