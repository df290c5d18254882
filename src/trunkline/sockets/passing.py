"""What comes and goes over local sockets beside data: file descriptors, and who the peer is."""

from .._sys.credentials import Credentials
from .._sys.file_descriptors import MOST_FILE_DESCRIPTORS, FileDescriptors

__all__ = ("MOST_FILE_DESCRIPTORS", "Credentials", "FileDescriptors")
