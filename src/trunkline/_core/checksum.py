"""The checksum of the internet's headers (RFC 1071)."""

__all__ = ("internet_checksum",)


def internet_checksum(data: bytes) -> int:
    """Return the checksum of data; that of data with a checksum in it that is right is 0."""
    if len(data) % 2:
        data += b"\0"
    # The sum of all words, with what is carried out at the top added at the bottom, is what is left
    # when the number that they make is divided by the largest word; 0 then stands for both zeros.
    rest = int.from_bytes(data) % 0xFFFF
    return 0xFFFF - rest if rest or not any(data) else 0
