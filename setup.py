"""The part of the package's description that is worked out: what a package index shows of it.

A link of the README to a file beside it works in a checkout and leads nowhere on an index. There is
no public address to put in its place. So the link becomes its text and the file's path, and in the
end it is said where the files are. Everything else stands in `pyproject.toml`.
"""

import re
from pathlib import Path

LINK = re.compile(r"\[(?P<text>[^]\[]+)\]\((?P<target>[^)\s]+)\)")
ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|#")  # a URL, or a place on the page itself

EPILOGUE = "\nThe files that are named here come with the source distribution.\n"


def without_relative_links(text: str) -> str:
    """Return a Markdown text whose links to files are paths; code has none, and stays."""
    fenced = re.compile(r"^(```.*?^```$)", re.M | re.S)
    parts = fenced.split(text)  # those with an odd number are code
    parts[::2] = [LINK.sub(as_path, part) for part in parts[::2]]
    return "".join(parts)


def as_path(link: re.Match[str]) -> str:
    """Return the text of a link and the path that it leads to, or a link that holds anywhere."""
    text, target = link["text"], link["target"]
    if ABSOLUTE.match(target):
        return link[0]
    return f"`{target}`" if text.strip("`") == target else f"{text} (`{target}`)"


def long_description() -> str:
    """Return what a package index shows."""
    readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    return without_relative_links(readme) + EPILOGUE


if __name__ == "__main__":
    from setuptools import setup  # here, because whoever builds has it, and who tests need not

    setup(
        long_description=long_description(),
        long_description_content_type="text/markdown",
    )
