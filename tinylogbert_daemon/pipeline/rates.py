"""How much there was of each source of late, minute by minute: what a page draws once it is opened.

It is kept in memory alone: whoever wants longer or older history has Prometheus.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from tinylogbert_daemon.clock import Clock
from tinylogbert_daemon.pipeline.tally import Tally

BUCKET_SECONDS = 60.0
BUCKETS = 120


@dataclass(frozen=True, slots=True)
class Rate:
    """Lines, records and anomalies of a source, bucket by bucket, the oldest first."""

    lines: list[int]
    records: list[int]
    anomalies: list[int]


class Rates:
    """Counts of committed blocks by source, in the last ``BUCKETS`` spans of ``BUCKET_SECONDS``.

    The spans follow each other from the start on, however the host's clock is set meanwhile; a
    source that brought nothing in all of them is forgotten. Used from the event loop alone.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start = clock.monotonic()
        self._last = 0  # the number of the running span
        self._of: dict[str, deque[list[int]]] = {}

    def add(self, tallies: Iterable[Tally]) -> None:
        """Count what blocks brought that are committed now."""
        self._go_on()
        for tally in tallies:
            spans = self._of.get(tally.source)
            if spans is None:
                spans = self._of[tally.source] = deque([[0, 0, 0]], BUCKETS)
            running = spans[-1]
            running[0] += tally.lines
            running[1] += tally.records
            running[2] += tally.anomalies

    def of(self, source: str) -> Rate:
        """Return the counts of a source: one for each span since the start, the running last."""
        self._go_on()
        known = list(self._of.get(source, ()))
        spans = [[0, 0, 0]] * (min(self._last + 1, BUCKETS) - len(known)) + known
        lines, records, anomalies = (list(column) for column in zip(*spans, strict=True))
        return Rate(lines, records, anomalies)

    def running_seconds(self) -> float:
        """Return for how long the running span has run."""
        self._go_on()
        return self._clock.monotonic() - self._start - self._last * BUCKET_SECONDS

    def _go_on(self) -> None:
        """Begin the spans that are due."""
        now = int((self._clock.monotonic() - self._start) / BUCKET_SECONDS)
        passed = min(now - self._last, BUCKETS)
        if passed <= 0:
            return
        self._last = now
        for source, spans in list(self._of.items()):
            spans.extend([0, 0, 0] for _ in range(passed))
            if not any(map(any, spans)):
                del self._of[source]
