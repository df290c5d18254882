"""Programs that are started: their pipes are streams, and their end is an event."""

from ..streams.pipe_stream import PipeStream
from .create import create_process
from .exit_handler import ExitHandler
from .options import ProcessOptions, StandardStream
from .process import Process
from .run import DEFAULT_GRACE, DEFAULT_OUTPUT_LIMIT, ProgramResult, run_program
from .status import ProcessStatus

__all__ = (
    "DEFAULT_GRACE",
    "DEFAULT_OUTPUT_LIMIT",
    "ExitHandler",
    "PipeStream",
    "Process",
    "ProcessOptions",
    "ProcessStatus",
    "ProgramResult",
    "StandardStream",
    "create_process",
    "run_program",
)
