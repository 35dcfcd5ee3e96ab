"""How the running daemon is, as its API is asked."""

from __future__ import annotations

from collections.abc import Callable

from tinylogbert_daemon import __version__
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.pipeline import Pipeline
from tinylogbert_daemon.state import Store
from tinylogbert_daemon.web.status import Status, read_status

STUCK_SECONDS = 120.0
"""Blocks in work for this long without one finished mean that the pipeline is stuck."""


class Health:
    """The daemon as the API sees it: read only.

    ``learning_seconds`` is how long a source learns, in log time; ``uptime`` returns the seconds
    since the start.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        view: Store,
        learning_seconds: float,
        uptime: Callable[[], float],
    ) -> None:
        self._pipeline = pipeline
        self._view = view
        self._learning_seconds = learning_seconds
        self._uptime = uptime

    def ready(self) -> tuple[bool, str]:
        """Return whether files are followed, and a word on it."""
        if not self._pipeline.ready.is_set():
            return False, "looking for files"
        return True, f"following {len(self._pipeline.followed())} files"

    def alive(self) -> tuple[bool, str]:
        """Return whether work gets done, and a word on it."""
        stuck = self._pipeline.stuck_seconds()
        if stuck >= STUCK_SECONDS:
            return False, f"no block was finished for {stuck:.0f} s"
        if self._pipeline.committer.failure is not None:
            return False, self._pipeline.committer.failure
        return True, "blocks are worked on"

    def status(self) -> Status:
        """Return what ``status`` shows."""
        status = read_status(self._view, __version__, self._learning_seconds)
        model = self._pipeline.scorer.artifact
        return {
            **status,
            "daemon": "running",
            "model": model.name,
            "model_trained": trained(model),
            "uptime_seconds": round(self._uptime(), 3),
        }


def trained(model: Artifact) -> float:
    """Return when a model was trained, in seconds since the epoch."""
    return float(model.manifest.training.get("timestamp", 0))
