"""What the metrics say of the followed files: sizes, lag, rotations, what cannot be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tinylogbert_daemon import logs
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.source.tail import Tail

_Figures = tuple[int, int, str | None]
"""Rotations, truncations, why a file cannot be read."""


@dataclass(slots=True)
class _Seen:
    """The label of a path, and its figures when they were looked at last."""

    label: str
    last: _Figures = (0, 0, None)


class Gauges:
    """Makes metrics of the tails' figures; remembers what it has counted."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._seen: dict[Tail, _Seen] = {}
        self._sizes: Counter[str] | None = None

    def update(
        self,
        sources: Iterable[str],
        followed: Mapping[tuple[str, str], Tail],
        lags: Mapping[str, float],
    ) -> None:
        """Bring all up to date: tails by source and path, ``lags`` of journals in seconds."""
        metrics, seen = self._metrics, self._seen
        lag = dict.fromkeys(sources, 0)
        sizes: Counter[str] = Counter()
        kept = {}
        for (source, path), tail in followed.items():
            stats, entry = tail.stats, seen.get(tail)
            if entry is None:
                entry = _Seen(metrics.path_label(path))
            kept[tail] = entry
            lag[source] += stats.lag_bytes
            sizes[entry.label] += stats.file_bytes
            now = stats.rotated, stats.truncated, stats.unreadable
            if entry.last != now:
                self._note(path, entry.last, now)
                entry.last = now
        self._seen = kept
        self._set_sizes(sizes)
        metrics.source_lag_bytes.clear()
        metrics.source_lag_seconds.clear()
        for source, count in lag.items():
            metrics.source_lag_bytes.labels(source).set(count)
        for source, seconds in lags.items():
            metrics.source_lag_seconds.labels(source).set(seconds)

    def _note(self, path: str, before: _Figures, now: _Figures) -> None:
        self._metrics.files_rotated.inc(now[0] - before[0])
        self._metrics.file_truncates.inc(now[1] - before[1])
        if now[2] and now[2] != before[2]:
            logs.get().warning("cannot read", path=path, reason=now[2])

    def _set_sizes(self, sizes: Counter[str]) -> None:
        """Set what has changed; what is no longer followed leaves no value behind."""
        gauge = self._metrics.file_bytes
        if self._sizes is None:  # another configuration's may be there
            gauge.clear()
            self._sizes = Counter()
        for label in self._sizes.keys() - sizes.keys():
            gauge.remove(label)
        for label, size in sizes.items():
            if self._sizes.get(label) != size:
                gauge.labels(label).set(size)
        self._sizes = sizes
