"""What the metrics say of the followed files: sizes, lag, rotations, what cannot be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from tinylogbert_daemon import logs
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.source.tail import Tail, TailStats


class Gauges:
    """Makes metrics of the tails' figures; remembers what it has counted."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._seen: dict[Tail, TailStats] = {}
        self._sizes: Counter[str] | None = None

    def update(
        self,
        sources: Iterable[str],
        followed: Mapping[tuple[str, str], Tail],
        lags: Mapping[str, float],
    ) -> None:
        """Bring all up to date: tails by source and path, ``lags`` of journals in seconds."""
        metrics = self._metrics
        lag = dict.fromkeys(sources, 0)
        sizes: Counter[str] = Counter()
        seen = {}
        for (source, path), tail in followed.items():
            stats, before = tail.stats, self._seen.get(tail, TailStats())
            lag[source] += stats.lag_bytes
            sizes[metrics.path_label(path)] += stats.file_bytes
            metrics.files_rotated.inc(stats.rotated - before.rotated)
            metrics.file_truncates.inc(stats.truncated - before.truncated)
            if stats.unreadable and stats.unreadable != before.unreadable:
                logs.get().warning("cannot read", path=path, reason=stats.unreadable)
            seen[tail] = TailStats(stats.rotated, stats.truncated, stats.unreadable)
        self._seen = seen
        self._set_sizes(sizes)
        metrics.source_lag_bytes.clear()
        metrics.source_lag_seconds.clear()
        for source, count in lag.items():
            metrics.source_lag_bytes.labels(source).set(count)
        for source, seconds in lags.items():
            metrics.source_lag_seconds.labels(source).set(seconds)

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
