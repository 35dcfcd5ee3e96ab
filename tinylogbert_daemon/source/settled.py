"""Whether a path's file is settled: all of it was read, and it has looked the same for a while."""

from __future__ import annotations

import os

_SECONDS = 1.0
"""A file that looks the same for so long is settled; times of writes may be as coarse as this."""

_Signature = tuple[int, int, int, int, int]


class Settled:
    """Tells by one ``stat`` that there is nothing to read."""

    def __init__(self) -> None:
        # how the file looked last and since when, and how if it is settled
        self._looks: tuple[_Signature, float] | None = None
        self._settled: _Signature | None = None

    def __bool__(self) -> bool:
        return self._settled is not None

    def end(self) -> None:
        """Take note that the file is being read."""
        self._settled = None

    def note(self, status: os.stat_result, now: float, *, read: bool) -> None:
        """Take note of how the file looks at ``now`` (monotonic seconds); was all ``read``?"""
        signature = _signature(status)
        if self._looks is None or self._looks[0] != signature:
            self._looks = signature, now
        if read and now - self._looks[1] >= _SECONDS:
            self._settled = signature

    def still(self, path: str) -> bool:
        """Return whether what ``path`` names looks as it did when it was settled."""
        settled = self._settled
        if settled is None:
            return False
        try:
            status = os.stat(path)  # noqa: PTH116 - of each file, each second
        except OSError:
            return False
        # most of all files are as they were: the rest is compared where it may matter
        return status.st_mtime_ns == settled[3] and _signature(status) == settled


def _signature(status: os.stat_result) -> _Signature:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
