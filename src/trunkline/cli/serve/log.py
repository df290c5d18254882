"""What `trunkline serve` logs, and how: on the error stream, of all processes together."""

import logging
import sys

from ...logs import JSONFormatter, TextFormatter
from .connection_log import LOGGER_NAME

__all__ = ("start_logging",)


def start_logging(form: str | None) -> None:
    """Log on the error stream from now on, what the handlers log, too.

    Args:
        form: ``"text"`` or ``"json"``, from level INFO; None is text, from level WARNING. What
            has become of each request is told in any case.
    """
    if sys.stderr is None:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=logging.WARNING if form is None else logging.INFO, handlers=[handler])
    logging.getLogger(LOGGER_NAME).setLevel(logging.INFO)
