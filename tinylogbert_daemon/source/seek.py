"""Finding places in an open file: where the last records begin, and where text follows a hole."""

from __future__ import annotations

from tinylogbert_daemon.source.encoding import PLAIN, Coding
from tinylogbert_daemon.source.rawfile import RawFile

_SCAN_BYTES = 1 << 20
_SCANS = 64
# the widest code unit
_ALIGNMENT = 4


def last_records(
    file: RawFile, size: int, count: int, reach: int, coding: Coding = PLAIN
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
        window = file.pread(min(reach, size - at), at)
        if found := coding.first_end(window, 0):
            return at + found, False
    before = max(0, start - reach)
    found = coding.last_end(file.pread(start - before, before), 0)
    if not found and before > 0:
        return size, True
    return before + found, False


def sniff(file: RawFile, size: int, count: int) -> bytes:
    """Return the first ``count`` bytes of text of an open file of ``size`` bytes.

    NUL bytes before it are passed over (the hole that copytruncate leaves under a writer that
    keeps its offset), but for those that may belong to the first code unit.
    """
    head = file.pread(count, 0)
    begin: int | None = len(head) - len(head.lstrip(b"\0"))
    if begin and begin == len(head):
        begin = next_text(file, 0, size)
    if begin is None:
        return b""
    begin -= begin % _ALIGNMENT
    return file.pread(count, begin) if begin else head


def next_text(file: RawFile, offset: int, size: int) -> int | None:
    """Return where the NUL bytes from ``offset`` on end; None where they reach the end.

    Holes are jumped over. Of NUL bytes that are stored, at most 64 MiB are looked through; then
    the place reached so far is returned.
    """
    for _ in range(_SCANS):
        stored = file.data_after(offset)
        if stored is None:  # nothing but a hole up to the end
            return None
        offset = stored
        window = file.pread(_SCAN_BYTES, offset)
        text = window.lstrip(b"\0")
        offset += len(window) - len(text)
        if text:
            return offset
        if offset >= size or not window:
            return None
    return offset
