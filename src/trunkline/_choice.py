"""The choice between the sources and what is compiled of them; see `_implementation`."""

# It is made before any other module is imported, and each program has to wait for it: so it loads
# nothing, and is short. What is more, `_compiled` does where something was compiled.

import _imp
from os import environ
from os.path import dirname, exists, join

__all__ = ("CHOSEN", "COMPILED", "NOTHING", "VARIABLE", "path_of")

VARIABLE = "TRUNKLINE_IMPL"

NOTHING = "there are no compiled modules here"

# Those with a `.pxd` beside their source, which a test compares.
COMPILED = tuple(
    """
    _core.call_queue _core.deadline _core.decoded_lines _core.input_buffer _core.line_splitter
    _core.newlines _core.output_queue _core.text_reader _core.text_writer _core.timer_queue
    _core.uncopied _sys.backends.epoll _sys.bare_calls _sys.descriptor _sys.epoll_events
    _sys.registration
    multiplex.calls multiplex.delivery multiplex.event_base multiplex.handler_registration
    multiplex.handlers multiplex.monitor multiplex.protocol_caller multiplex.transport
    multiplex.transport_core multiplex.transport_files multiplex.transport_reading
    multiplex.transport_securing multiplex.transport_writing servers.limits streams.stream
    """.split()  # noqa: SIM905 - one name a line would take a page
)

_DIRECTORY = dirname(__file__)


# It returns which build runs, and why.
def _choose(wanted: str) -> tuple[str, str]:
    suffix = _imp.extension_suffixes()[0]
    missing = [name for name in COMPILED if not exists(path_of(name, suffix))]
    if wanted in ("", "pure") and len(missing) == len(COMPILED):
        return "pure", f"{VARIABLE} says so" if wanted else NOTHING
    from ._compiled import choose

    return choose(wanted, missing)


def path_of(module: str, suffix: str) -> str:
    return join(_DIRECTORY, *module.split(".")) + suffix


CHOSEN = _choose(environ.get(VARIABLE, ""))
