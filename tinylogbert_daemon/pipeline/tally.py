"""Where a source stands, and what a block brought: the numbers beside the effects."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class SourceState:
    """Where a source stands, in seconds of log time; ``learning_since`` is its first record's.

    ``blocks`` counts its blocks, of which the last was processed at ``processed`` (the clock's).
    """

    learning_since: float | None = None
    log_time: float | None = None
    blocks: int = 0
    processed: float | None = None

    def advance(
        self, first: float | None, last: float | None, clock: float, brings_records: bool
    ) -> tuple[float, float]:
        """Take in a block dated ``first`` to ``last``; return the log times of its begin and end.

        Log time never runs backwards nor ahead of the ``clock``; without dates it goes on as the
        clock does. A block without records only moves a position.
        """
        if last is None and self.log_time is not None:
            passed = clock - self.processed if self.processed is not None else 0.0
            last = self.log_time + (max(0.0, passed) if brings_records else 0.0)
        now = min(last if last is not None else clock, clock)
        start = min(first if first is not None else now, now)
        if self.log_time is not None:
            start, now = max(start, self.log_time), max(now, self.log_time)
        if self.learning_since is None:
            self.learning_since = start
        self.log_time, self.processed = now, clock
        self.blocks += 1
        return start, now


@dataclass(slots=True)
class Tally:
    """What one block adds to the metrics once it is committed."""

    source: str
    path: str
    lines: int = 0
    size: int = 0
    records: int = 0
    cut_records: int = 0
    cut_texts: int = 0
    own: int = 0
    unreadable: int = 0
    hits: int = 0
    misses: int = 0
    deferred: int = 0
    anomalies: int = 0
    opened: int = 0
    suppressed: Counter[str] = field(default_factory=Counter)
