"""What kind of content a file has, by its name."""

import mimetypes

__all__ = ("content_type",)

# What the tables of Python 3.11 do not have, or have as it was; RFC 9239 for JavaScript.
_OF_THE_WEB = {
    ".avif": "image/avif",
    ".js": "text/javascript",
    ".json": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".opus": "audio/ogg",
    ".svg": "image/svg+xml",
    ".toml": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".yaml": "text/plain",
    ".yml": "text/plain",
}

# What is compressed is sent as it is, and for what it is: nobody is to unpack it on the way.
_COMPRESSED = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "compress": "application/x-compress",
    "br": "application/octet-stream",
}

_UNKNOWN = "application/octet-stream"


def content_type(name: str) -> str:
    """Return the value of ``Content-Type`` for a file of that name; text is said to be UTF-8."""
    dot = name.rfind(".")
    kind = _OF_THE_WEB.get(name[dot:].lower()) if dot > 0 else None
    if kind is None:
        # As a path, since a name like "data:x.html" would be taken for a URL.
        kind, encoding = mimetypes.guess_type(f"/{name}")
        if encoding is not None:
            kind = _COMPRESSED.get(encoding, _UNKNOWN)
    if kind is None:
        return _UNKNOWN
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
