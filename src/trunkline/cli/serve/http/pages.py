"""The pages that we write: of directories, and of what cannot be had.

They are for phones as for large screens, by day and by night, and have nothing but text in them.
All names are somebody's choice, and are escaped, as text and as links.
"""

from collections.abc import Sequence
from html import escape
from http import HTTPStatus
from os import fsencode
from urllib.parse import quote

from ...._printable import printable
from ...._sys.beneath import Entry
from ...._sys.wall_clock import day_and_time
from ...sizes import amount

__all__ = ("PAGE_HEADERS", "directory_page", "link_to", "status_page")

PAGE_HEADERS: tuple[tuple[str, str], ...] = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
)
"""What a browser is told of such a page: there is nothing in it that could be run."""

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #888; }
* { box-sizing: border-box; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: auto; padding: 1rem; }
nav { font-size: 1.15rem; overflow-wrap: anywhere; padding: .5rem 0 1rem; }
nav span { color: var(--dim); }
a { text-decoration: none; }
a:hover, a:focus { text-decoration: underline; }
ul { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line); }
li { display: flex; flex-wrap: wrap; gap: 0 1rem; border-bottom: 1px solid var(--line); }
li a { flex: 1 1 14rem; padding: .6rem 0; overflow-wrap: anywhere; }
li span, li time { color: var(--dim); padding: .6rem 0; white-space: nowrap; }
li span { flex: 0 0 6rem; text-align: right; }
@media (max-width: 34rem) {
  li a { flex-basis: 100%; padding-bottom: 0; }
  li span { flex: 1; text-align: left; }
  li span, li time { font-size: .85rem; padding: 0 0 .5rem; }
}
"""

_WHY: dict[int, str] = {
    301: "It is here, by another address.",
    400: "That is no request.",
    403: "This file may not be read.",
    404: "There is nothing here by that name.",
    405: "Files can be looked at here, and nothing else.",
    408: "The request took too long.",
    412: "It is not as you expect it.",
    413: "There is too much in the request.",
    416: "The file has no such part.",
    417: "Nobody here knows what you expect.",
    431: "The head of the request is too large.",
    500: "This machine cannot read it.",
    503: "There is too much to do just now. Try again.",
    505: "That version of HTTP is not spoken here.",
}


def _page(title: str, body: str) -> bytes:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    ).encode()


def status_page(status: int) -> bytes:
    """Return a page that says what has become of a request."""
    title = f"{status} {HTTPStatus(status).phrase}"
    return _page(title, f"<h1>{escape(title)}</h1>\n<p>{escape(_WHY.get(status, ''))}</p>")


def directory_page(names: Sequence[str], entries: Sequence[Entry]) -> bytes:
    """Return a page of what is in a directory.

    Args:
        names: Its own name, behind those of the directories that it is in.
        entries: What is in it; directories come first.
    """
    shown = [printable(name) for name in names]
    ways = [f'<a href="{link_to(names[:count])}">{escape(name)}</a>'
            for count, name in enumerate(["(top)", *shown][:-1])]  # fmt: skip
    here = escape(shown[-1] if shown else "(top)")
    nav = " <span>/</span> ".join([*ways, f'<b aria-current="page">{here}</b>'])
    in_order = sorted(entries, key=lambda each: (not each.is_directory, each.name.casefold()))
    rows = "\n".join(map(_row, in_order)) or "<li><span>empty</span></li>"
    title = "/".join(["", *shown]) or "/"
    return _page(title, f"<nav>{nav}</nav>\n<ul>\n{rows}\n</ul>")


def _row(entry: Entry) -> str:
    slash = "/" if entry.is_directory else ""
    size = "" if entry.is_directory else amount(entry.facts.size)
    seconds = entry.facts.modified_ns // 1_000_000_000
    when = day_and_time(seconds)
    return (
        f'<li><a href="{_quoted(entry.name)}{slash}">{escape(printable(entry.name))}{slash}</a>'
        f'<span>{size}</span><time datetime="{when}">{when}</time></li>'
    )


def link_to(names: Sequence[str]) -> str:
    """Return the path of a directory in a URL; that it begins with one slash says it is here."""
    return "/".join(["", *map(_quoted, names), ""]) if names else "/"


def _quoted(name: str) -> str:
    return quote(fsencode(name), safe="")
