"""How the records of an incident came, as few counts, however long it goes on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

SPANS = 24
"""The most spans of a curve: enough to draw, and some 100 bytes in the state."""

_FIRST_SECONDS = 1.0


class Curve(NamedTuple):
    """Records by log time: ``counts`` of spans of ``seconds`` each, from the opening on.

    Where they do not suffice, spans become twice as long: two of them are one then.
    """

    seconds: float = _FIRST_SECONDS
    counts: tuple[int, ...] = ()

    def later(self, steps: Iterable[tuple[float, int]]) -> Curve:
        """Return the curve with more records: how many seconds after the opening, and how many.

        The order of steps makes no difference.

        >>> Curve().later([(0.0, 1), (2.5, 3)])
        Curve(seconds=1.0, counts=(1, 0, 3))
        >>> Curve().later([(0.0, 1), (2.5, 3), (30.0, 1)]).seconds
        2.0
        """
        seconds, counts = self.seconds, list(self.counts)
        for after, records in steps:
            if not records:
                continue
            place = int(max(0.0, after) / seconds)
            while place >= SPANS:
                seconds, place = seconds * 2, place // 2
                counts = [sum(counts[i : i + 2]) for i in range(0, len(counts), 2)]
            counts.extend([0] * (place + 1 - len(counts)))
            counts[place] += records
        return Curve(seconds, tuple(counts))
