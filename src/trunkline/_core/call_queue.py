"""The calls that are still to be made, in the order of being asked for; it has a twin in `_native`.

Any thread may append one.
"""

from collections import deque
from typing import Any, TypeAlias

__all__ = ("CallQueue",)

CallQueue: TypeAlias = deque[Any]
"""Of a deque's methods, `append`, `popleft` and `clear` are used, and its length."""
