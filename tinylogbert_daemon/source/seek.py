"""Finding places in an open file: where the last records begin, and where text follows a hole."""

from __future__ import annotations

import errno
import os

from tinylogbert_daemon.source.encoding import PLAIN, Coding

_SCAN_BYTES = 1 << 20
_SCANS = 64
# the widest code unit
_ALIGNMENT = 4


def last_records(
    descriptor: int, size: int, count: int, reach: int, coding: Coding = PLAIN
) -> tuple[int, bool]:
    """Return where the first line within the last ``count`` of ``size`` bytes begins.

    Where they all belong to one line without an end, that is the beginning of this line, if it
    lies within ``reach`` bytes before; else the end of the file, and True: the rest of the line
    has to be passed over.
    """
    if count >= size:
        return 0, False
    size, reach = coding.whole(size), coding.whole(reach)
    # a newline there begins a line exactly ``count`` bytes from the end
    start = max(0, coding.whole(size - count) - coding.width)
    for at in range(start, size, reach):
        window = os.pread(descriptor, min(reach, size - at), at)
        if found := coding.first_end(window, 0):
            return at + found, False
    before = max(0, start - reach)
    found = coding.last_end(os.pread(descriptor, start - before, before), 0)
    if not found and before > 0:
        return size, True
    return before + found, False


def sniff(descriptor: int, size: int, count: int) -> bytes:
    """Return the first ``count`` bytes of text of an open file of ``size`` bytes.

    NUL bytes before it are passed over (the hole that copytruncate leaves under a writer that
    keeps its offset), but for those that may belong to the first code unit.
    """
    head = os.pread(descriptor, count, 0)
    begin: int | None = len(head) - len(head.lstrip(b"\0"))
    if begin and begin == len(head):
        begin = next_text(descriptor, 0, size)
    if begin is None:
        return b""
    begin -= begin % _ALIGNMENT
    return os.pread(descriptor, count, begin) if begin else head


def next_text(descriptor: int, offset: int, size: int) -> int | None:
    """Return where the NUL bytes from ``offset`` on end; None where they reach the end.

    Holes are jumped over. Of NUL bytes that are stored, at most 64 MiB are looked through; then
    the place reached so far is returned.
    """
    for _ in range(_SCANS):
        try:
            offset = os.lseek(descriptor, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                return None
        window = os.pread(descriptor, _SCAN_BYTES, offset)
        text = window.lstrip(b"\0")
        offset += len(window) - len(text)
        if text:
            return offset
        if offset >= size or not window:
            return None
    return offset
