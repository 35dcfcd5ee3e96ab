"""The metrics of DESIGN.md on a registry that is handed in; every test makes its own."""

from __future__ import annotations

import platform
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tinylogbert_daemon import __version__
from tinylogbert_daemon.escape import printable

PATHS = 200
"""Paths with a label value of their own; the others share ``other``."""


class Metrics:
    """All metrics of one process. Updated once a block or a commit, never once a line."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._paths: set[str] = set()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"tinylogbert_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"tinylogbert_{name}", text, labels, registry=registry)

        self.read_lines = counter("read_lines", "Physical lines committed since start.", "path")
        self.read_bytes = counter("read_bytes", "Bytes of committed lines since start.", "path")
        self.records = counter("records", "Records committed since start.", "source")
        self.file_bytes = gauge("file_bytes", "Size of a followed file.", "path")
        self.source_lag_bytes = gauge("source_lag_bytes", "Bytes not read yet.", "source")
        self.source_lag_seconds = gauge(
            "source_lag_seconds", "Age of a journal's newest entry when it was scored.", "source"
        )
        self.files_active = gauge("files_active", "Files being followed.")
        self.files_unreadable = gauge("files_unreadable", "Files matched but not readable.")
        self.files_rotated = counter("files_rotated", "Rotations by rename that were followed.")
        self.file_truncates = counter("file_truncates", "Truncations that were followed.")
        self.lines_dropped = counter(
            "lines_dropped", "Lines left out of scoring, by reason.", "reason"
        )
        self.lines_truncated = counter(
            "lines_truncated", "New records or texts cut to their limit.", "limit"
        )
        self.shape_cache_hits = counter("shape_cache_hits", "Records whose shape was cached.")
        self.shape_cache_misses = counter("shape_cache_misses", "Records whose shape was not.")
        self.verdicts_owed = gauge(
            "verdicts_owed", "Texts whose records are committed and await a verdict.", "source"
        )
        self.verdicts_deferred = counter(
            "verdicts_deferred", "Texts of a block that were left to be judged later.", "source"
        )
        self.inference_duration = Histogram(
            "tinylogbert_inference_duration_seconds",
            "Time of one call of the scorer.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self.anomalies = counter("anomalies", "Records at or above the threshold.", "source")
        self.incidents_opened = counter("incidents_opened", "Incidents opened.", "source")
        self.alerts_sent = counter("alerts_sent", "Alerts delivered.", "sink")
        self.alerts_suppressed = counter(
            "alerts_suppressed", "Alerts that were not sent, by reason.", "reason"
        )
        self.alerts_failed = counter("alerts_failed", "Failed attempts at delivery.", "sink")
        self.alerts_dead = counter("alerts_dead", "Alerts given up, into the dead letters.", "sink")
        self.deliveries_dead = gauge("deliveries_dead", "Dead letters that are kept.", "sink")
        self.deliveries_pending = gauge("deliveries_pending", "Alerts owed to a sink.", "sink")
        self.feedback = counter("feedback", "Feedback given, and taken back, by kind.", "kind")
        self.model_swaps = counter(
            "model_swaps", "New models compared with the one in use, by outcome.", "outcome"
        )
        self.retrains = counter(
            "retrains", "Training runs that the daemon started, by outcome.", "outcome"
        )
        self.model_trained = gauge(
            "model_trained_timestamp_seconds", "When the model in use was trained."
        )
        build = gauge("build_info", "Version of the daemon and of Python.", "version", "python")
        build.labels(__version__, platform.python_version()).set(1)
        self.model_info = gauge("model_info", "The model in use.", "model", "type")

        # what has not happened yet is 0, not missing: else an alert misses the first time
        for known, values in (
            (self.lines_dropped, ("own", "unreadable", "unscorable")),
            (self.lines_truncated, ("record", "text")),
            (self.alerts_suppressed, ("open", "storm", "budget", "source-budget", "spool")),
            (self.model_swaps, ("accepted", "refused", "failed")),
            (self.retrains, ("done", "failed")),
        ):
            for value in values:
                known.labels(value)

    def expect(self, sources: Iterable[str], sinks: Iterable[str]) -> None:
        """Let the counters of these sources and sinks begin at 0."""
        for source in sources:
            for known in (
                *(self.records, self.anomalies, self.incidents_opened),
                *(self.verdicts_deferred, self.verdicts_owed),
            ):
                known.labels(source)
        for sink in sinks:
            for known in (self.alerts_sent, self.alerts_failed, self.alerts_dead):
                known.labels(sink)

    def path_label(self, path: str) -> str:
        """Return the label value of ``path``: itself for the first ``PATHS``, then ``other``."""
        if path not in self._paths and len(self._paths) >= PATHS:
            return "other"
        self._paths.add(path)
        return printable(path)

    def set_model(self, name: str, model_type: str, trained: float) -> None:
        """Say which model is in use and when (seconds since the epoch) it was trained."""
        self.model_info.clear()
        self.model_info.labels(name, model_type).set(1)
        self.model_trained.set(trained)
