"""How the running daemon is, as its API is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from tinylogbert_daemon import __version__
from tinylogbert_daemon.config import Config
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.pipeline import Pipeline
from tinylogbert_daemon.pipeline.rates import BUCKET_SECONDS, Rates
from tinylogbert_daemon.state import Store
from tinylogbert_daemon.state.browse import lines_by_source
from tinylogbert_daemon.web.model_card import model_card
from tinylogbert_daemon.web.models import ModelCard, RatesResponse, SourceRate, SourceView
from tinylogbert_daemon.web.sources import Reading, source_views
from tinylogbert_daemon.web.status import FileFormat, Status, read_status

STUCK_SECONDS = 120.0
"""Blocks in work for this long without one finished mean that the pipeline is stuck."""


class Health:
    """The daemon as the API sees it: read only.

    ``uptime`` returns the seconds since the start.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        view: Store,
        config: Config,
        uptime: Callable[[], float],
        rates: Rates,
    ) -> None:
        self._pipeline = pipeline
        self._view = view
        self._names = [source.name for source in config.sources]
        self._learning_seconds = config.decision.learning_hours * 3600.0
        self._uptime = uptime
        self._rates = rates

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
            "formats": {
                printable(path): self._format(one.source, path)
                for path, one in sorted(self._pipeline.followed().items())
            },
        }

    def sources(self) -> list[SourceView]:
        """Return how each source stands."""
        status = read_status(self._view, __version__, self._learning_seconds)
        followed = [
            Reading(
                one.source,
                one.lag_bytes,
                one.unreadable is not None,
                self._format(one.source, path),
            )
            for path, one in self._pipeline.followed().items()
        ]
        lines = self._view.ask(lines_by_source)
        return source_views(self._names, status["sources"], lines, followed)

    def rates(self) -> RatesResponse:
        """Return how much there was of each configured source of late."""
        found = {name: self._rates.of(name) for name in self._names}
        return RatesResponse(
            seconds=BUCKET_SECONDS,
            running_seconds=round(self._rates.running_seconds(), 3),
            sources=[SourceRate(name=name, **asdict(rate)) for name, rate in found.items()],
        )

    def _format(self, source: str, path: str) -> FileFormat:
        name, how = self._pipeline.datings.known(source, path)
        return {"name": name or None, "how": how}

    def model(self) -> ModelCard:
        """Return the card of the model in use."""
        return model_card(self._pipeline.scorer.artifact)


def trained(model: Artifact) -> float:
    """Return when a model was trained, in seconds since the epoch."""
    return float(model.manifest.training.get("timestamp", 0))
