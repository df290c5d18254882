"""Text-and-byte streams: external formats, lines, characters, limits and time limits."""

from .._core.external_format import ExternalFormat, ExternalFormatLike, ensure_external_format
from .io_adapter import StreamIO
from .stream import DEFAULT_BUFFER_SIZE, DEFAULT_LIMIT, DEFAULT_TIMEOUT, Stream

__all__ = (
    "DEFAULT_BUFFER_SIZE",
    "DEFAULT_LIMIT",
    "DEFAULT_TIMEOUT",
    "ExternalFormat",
    "ExternalFormatLike",
    "Stream",
    "StreamIO",
    "ensure_external_format",
)
