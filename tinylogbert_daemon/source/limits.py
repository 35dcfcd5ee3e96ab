"""How files are read: bounds and form, and what says that one was truncated."""

from __future__ import annotations

from dataclasses import dataclass

from tinylogbert_daemon.source.joining import Joining


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of reading: sizes in bytes of the file, times in seconds.

    ``block_bytes`` bounds a block and ``record_bytes`` a record that has no end yet; a partial
    line is handed on after ``partial_seconds`` of quiet, and a file that was rotated away is
    given up after ``rotate_seconds`` of quiet.
    """

    block_bytes: int = 1 << 20
    record_bytes: int = 65_536
    partial_seconds: float = 5.0
    rotate_seconds: float = 5.0

    def __post_init__(self) -> None:
        if not 0 < self.record_bytes <= self.block_bytes:
            raise ValueError("record_bytes must be above 0 and at most block_bytes")


@dataclass(frozen=True, slots=True)
class Form:
    """How the bytes of a source's files are records.

    ``encoding`` is one of :data:`~tinylogbert_daemon.encodings.ENCODINGS`;
    ``joining`` makes one record of several lines.
    """

    encoding: str = "auto"
    joining: Joining | None = None


class TruncatedError(Exception):
    """What was read of the file is no longer what stands in it."""
