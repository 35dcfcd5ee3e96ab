"""Memory that was used and freed goes back to the system, where the C library can do that.

After calls of many sizes glibc keeps some hundred MB of freed memory in its arenas, which
malloc_trim(3) hands back. Each thread has an arena of its own, in which some MB stay for good.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache

_M_ARENA_MAX = -8  # as malloc.h has it
_ARENAS = 2


def share_arenas() -> None:
    """Let threads share glibc's arenas instead of having one each: to be called before they begin.

    A daemon's reading threads come one by one as files do, and each would keep 4 MB.
    """
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


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
