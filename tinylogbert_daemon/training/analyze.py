"""What a raw log holds, in one pass and bounded memory, for people to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.model.normalize import level_of, normalize
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.source.lines import blocks_of, open_input
from tinylogbert_daemon.source.logtime import block_times

SHAPES_LIMIT = 200_000
"""Distinct shapes that are told apart; of those beyond, only the records are counted."""

SHAPE_BYTES = 1024
_SHOWN = 5
_SHOWN_CHARACTERS = 160


@dataclass(slots=True)
class Analysis:
    """Sizes and lengths in bytes, times in seconds since the epoch; ``lengths`` counts lines.

    ``shapes`` maps a shape (cut to ``SHAPE_BYTES``) to its lines; ``more_shapes`` says that there
    were more than ``SHAPES_LIMIT``. ``encodings`` counts lines.
    """

    lines: int = 0
    size: int = 0
    empty: int = 0
    first: float | None = None
    last: float | None = None
    shapes: Counter[bytes] = field(default_factory=Counter)
    more_shapes: bool = False
    lengths: Counter[int] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)


def analyze(name: str, now: float, report: Callable[[int], None] = lambda _: None) -> Analysis:
    """Return what the log file ``name`` holds; ``report`` is told the bytes of each block.

    ``now`` (seconds) dates lines without a year. Raises :class:`DataError` if there is no line.
    """
    found = Analysis()
    with closing(open_input(name)) as stream:
        for block in blocks_of(stream):
            _add(found, block, now)
            report(len(block))
    if not found.lines:
        raise DataError(f"{name}: is empty, there is no line to analyse")
    return found


def table(found: Analysis) -> Iterator[str]:
    """Yield the lines of a readable table."""
    texts: Counter[str] = Counter()
    for shape, count in found.shapes.items():
        texts[normalize(shape)] += count
    levels: Counter[str] = Counter()
    for text, count in texts.items():
        levels[(level_of(text) or "none").strip("[]")] += count
    more = " or more" if found.more_shapes else ""
    yield f"lines            {found.lines:,} ({found.empty:,} empty)"
    yield f"bytes            {found.size:,}"
    yield f"distinct shapes  {len(found.shapes):,}{more}"
    yield f"distinct texts   {len(texts):,}{more}"
    yield f"levels           {_shares(levels)}"
    yield f"time span        {_span(found.first, found.last)}"
    yield f"line lengths     {_lengths(found.lengths)} bytes"
    yield f"encodings        {_shares(found.encodings)}"
    ranked = found.shapes.most_common()
    yield ""
    yield "commonest shapes"
    yield from map(_row, ranked[:_SHOWN])
    yield ""
    yield "rarest shapes"
    yield from map(_row, ranked[: -_SHOWN - 1 : -1])


def _add(found: Analysis, block: bytes, now: float) -> None:
    lines = block.split(b"\n")[:-1]
    found.lines += len(lines)
    found.size += len(block)
    found.empty += lines.count(b"")
    found.lengths.update(map(len, lines))
    if block.isascii():
        found.encodings["ASCII"] += len(lines)
    else:
        found.encodings.update(map(_encoding, lines))
    for time in block_times(block, now):
        if time is not None:
            found.first = time if found.first is None else min(found.first, time)
            found.last = time if found.last is None else max(found.last, time)
    seen = Counter(shape[:SHAPE_BYTES] for shape in shapes(block))
    for shape, count in seen.items():
        if shape in found.shapes or len(found.shapes) < SHAPES_LIMIT:
            found.shapes[shape] += count
        else:
            found.more_shapes = True


def _encoding(line: bytes) -> str:
    if line.isascii():
        return "ASCII"
    try:
        line.decode()
    except UnicodeDecodeError:
        return "other"
    return "UTF-8"


def _shares(counts: Counter[str]) -> str:
    total = counts.total()
    return ", ".join(
        f"{name} {count:,} ({count / total:.1%})" for name, count in counts.most_common()
    )


def _span(first: float | None, last: float | None) -> str:
    if first is None or last is None:
        return "no dates found"
    begin, end = (datetime.fromtimestamp(time, UTC) for time in (first, last))
    hours = (last - first) / 3600
    length = f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"
    return f"{begin:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC ({length})"


def _lengths(lengths: Counter[int]) -> str:
    """Return minimum, median, 99th percentile (nearest rank) and maximum."""
    total = lengths.total()
    ranks = {"min": 1, "median": (total + 1) // 2, "p99": -(-total * 99 // 100), "max": total}
    values = {}
    passed = 0
    for length in sorted(lengths):
        passed += lengths[length]
        for name, rank in ranks.items():
            if name not in values and passed >= rank:
                values[name] = length
    return ", ".join(f"{name} {value:,}" for name, value in values.items())


def _row(entry: tuple[bytes, int]) -> str:
    shape, count = entry
    return f"{count:>12,}  {printable(shape.decode('utf-8', 'replace'), _SHOWN_CHARACTERS)}"
