"""What of the options is public: their names, and what TCP knows of a connection."""

from ..._core.tcp_info import TCPInfo
from .names import OPTION_NAMES

__all__ = ("OPTION_NAMES", "TCPInfo")
