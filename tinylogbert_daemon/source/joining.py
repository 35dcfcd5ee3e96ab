"""Multi-line records: which lines continue the record before them, joined a block at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from operator import gt, truth

LOOK_BYTES = 256
"""How much of a line's beginning a pattern is matched against: what bounds a slow pattern."""

# Stack traces as the runtimes print them. A line without spaces before it continues a record only
# where it has the form of an exception's or a frame's; Go and Python put empty lines between parts.
_QUALIFIED_EXCEPTION = rb"[\w.$]+\.[\w$]*(?:Exception|Error|Throwable)\b"
PRESETS = {
    "indented": rb"[ \t]",
    "java": rb"[ \t]|Caused by: |Suppressed: |" + _QUALIFIED_EXCEPTION,
    "python": rb"[ \t]|\r?$|Traceback \(most recent call last\):|During handling of the above "
    rb"exception|The above exception was the direct cause|\w[\w.]*(?:Error|Exception|Warning|"
    rb"Interrupt|Exit|Iteration|Group)(?:: |\r?$)",
    "go": rb"[ \t]|\r?$|goroutine \d+ \[|\[signal |created by |exit status \d|"
    rb"[\w./-]+\.[\w.()*\[\]]+\(.*\)\r?$|runtime stack:",
}

_ENDS = (b"\n", b" ")
_FLIPPED = bytes.maketrans(b"\0\1", b"\1\0")

Match = Callable[[bytes, int, int], re.Match[bytes] | None]


class Joining:
    """A rule by which lines are joined.

    A line that ``start`` matches begins a record. Any other continues the record before it where
    ``continuation`` or the preset matches it, or, where there is neither of these, always. A line
    that continues one keeps its place and length: the newline before it becomes a space.

    Patterns are matched line by line within one C call, not on the block as a whole, where ``\\s``
    would reach into the next line.
    """

    def __init__(
        self,
        preset: str = "none",
        start: re.Pattern[bytes] | None = None,
        continuation: re.Pattern[bytes] | None = None,
    ) -> None:
        self._start = _match(start)
        known = None if preset == "none" else re.compile(PRESETS[preset]).match
        own = _match(continuation)
        self._continue = [match for match in (known, own) if match is not None]
        if self._start is None and not self._continue:
            raise ValueError("a rule needs a preset or a pattern")

    def join(self, data: bytes, most: int) -> tuple[bytes, int]:
        """Return ``data``, whole lines, with newlines inside records replaced; and the cuts.

        A record of more than ``most`` bytes ends at the last newline within them, and what follows
        is a record of its own, so that no line is lost. A single line is never cut here.
        """
        lines = data.split(b"\n")
        lines.pop()
        flags = self._flags(lines)[1:]
        if 1 not in flags:
            return data, 0
        ends = map(_ENDS.__getitem__, flags + b"\0")
        joined = b"".join(chain.from_iterable(zip(lines, ends, strict=True)))
        if len(joined) <= most or max(map(len, joined.split(b"\n"))) <= most:
            return joined, 0
        return _cut(data, joined, most)

    def take(self, data: bytes, most: int, *, ending: bool, full: bool) -> tuple[bytes, int]:
        """Return the joined records of ``data`` that are whole, and how many were cut.

        The last one may go on unless the file is ``ending``; alone, it waits (the result is empty)
        unless there is no more room for it (``full``).
        """
        joined, cut = self.join(data, most)
        if not ending:
            begin = joined.rfind(b"\n", 0, len(joined) - 1) + 1
            joined = joined[:begin] or (joined if full else b"")
        return joined, cut

    def _flags(self, lines: list[bytes]) -> bytes:
        """Return a byte for each line: 1 where it continues the record before it."""
        starts = b"" if self._start is None else _matched(self._start, lines)
        if not self._continue:
            return starts.translate(_FLIPPED)
        flags = _matched(self._continue[0], lines)
        for match in self._continue[1:]:
            flags = bytes(map(max, flags, _matched(match, lines)))
        return bytes(map(gt, flags, starts)) if starts else flags


def _match(pattern: re.Pattern[bytes] | None) -> Match | None:
    """Return what matches a line; ``search`` would try every place even after a ``^``."""
    if pattern is None:
        return None
    anchored = pattern.pattern.startswith((b"^", rb"\A")) and b"|" not in pattern.pattern
    return pattern.match if anchored else pattern.search


def _matched(match: Match, lines: list[bytes]) -> bytes:
    return bytes(map(truth, map(match, lines, repeat(0), repeat(LOOK_BYTES))))


def _cut(data: bytes, joined: bytes, most: int) -> tuple[bytes, int]:
    """Put back newlines of ``data`` so that records are short enough; rare, so it may loop."""
    places = list(_ends_of_pieces(data, joined, most))
    short = bytearray(joined)
    for place in places:
        short[place] = data[place]
    return bytes(short), len(places)


def _ends_of_pieces(data: bytes, joined: bytes, most: int) -> Iterator[int]:
    begin = 0
    while begin < len(joined):
        end = joined.index(b"\n", begin)
        while end - begin > most:
            # a line longer than that stays whole
            place = data.rfind(b"\n", begin, begin + most + 1)
            place = place if place >= 0 else data.index(b"\n", begin)
            if place == end:
                break
            yield place
            begin = place + 1
        begin = end + 1
