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
