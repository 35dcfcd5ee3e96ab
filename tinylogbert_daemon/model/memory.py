"""Memory that a model has used and freed goes back to the system, where the C library can do that.

After calls of many sizes glibc keeps some hundred MB of freed memory in its arenas, which
malloc_trim(3) hands back.
"""

from __future__ import annotations

import ctypes
from functools import cache


def give_back() -> None:
    """Hand freed memory back to the system; does nothing where the C library is not glibc."""
    if (trim := _trim()) is not None:
        trim(0)


@cache
def _trim() -> ctypes._NamedFuncPointer | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None
