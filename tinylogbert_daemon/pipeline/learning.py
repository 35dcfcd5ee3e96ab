"""Learning on the host: retrain when it is time, compare what is new, swap in what is no worse."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor

from tinylogbert_daemon import logs
from tinylogbert_daemon.clock import Clock
from tinylogbert_daemon.config import Config
from tinylogbert_daemon.decide.score import Decider
from tinylogbert_daemon.errors import ArtifactError, StateError
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.model import artifact
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.scorer import Scorer, Verdict
from tinylogbert_daemon.pipeline import shadow
from tinylogbert_daemon.pipeline.retrain import can_train, retrain
from tinylogbert_daemon.pipeline.run import Pipeline
from tinylogbert_daemon.state import Store
from tinylogbert_daemon.state.models import Models, Shadow
from tinylogbert_daemon.state.samples import Seen, seen

POLL_SECONDS = 5.0
"""How often the folder is looked at: one readlink."""

CALL_TEXTS = 32
SETTLE_SECONDS = 600.0
"""How long the daemon has run before it trains for the first time."""

_HOUR = 3600.0
_RETRY_SECONDS = 24 * _HOUR


class Learner:
    """Owns the models that were trained on this host; never two comparisons or trainings at once.

    ``executor`` is the one thread that may call a scorer. ``view`` is for reading the state;
    ``swapped`` is told of each swap, once it is done.
    """

    def __init__(
        self,
        config: Config,
        pipeline: Pipeline,
        *,
        executor: Executor,
        view: Store,
        clock: Clock,
        metrics: Metrics,
        swapped: Callable[[Scorer], None],
    ) -> None:
        self._config = config
        self._pipeline = pipeline
        self._executor = executor
        self._view = view
        self._clock = clock
        self._metrics = metrics
        self._swapped = swapped
        self._models = Models(config.state_path)
        self._half_life = config.decision.half_life_hours * _HOUR
        self._started = clock.monotonic()
        self._poll_seconds = min(POLL_SECONDS, config.tail.scan_seconds)
        # not to be looked at again before the next start
        self._left: set[str] = {pipeline.scorer.artifact.name}
        self._told: str | None = None
        self._log = logs.get()

    async def run(self, stop: asyncio.Event) -> None:
        """Watch the folder and train when it is time, until ``stop``: what is begun is given up."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._forget())]
            if self._config.swaps:
                tasks.append(group.create_task(self._watch()))
            if self._trains():
                tasks.append(group.create_task(self._retrain()))
            await stop.wait()
            for task in tasks:
                task.cancel()

    async def _forget(self) -> None:
        """Let go of the ledger's texts once they are older than what is kept of lines."""
        while retention := self._config.retention_seconds:
            try:
                self._models.forget_texts(self._clock.now() - retention)
            except StateError as error:
                self._tell(error)
            await asyncio.sleep(_HOUR)

    # -- training -----------------------------------------------------------------------------

    def _trains(self) -> bool:
        who = self._config.learning.retrain
        if who == "auto":
            # systemd's own timer does it, in a control group of its own
            who = "daemon" if self._config.swaps and "NOTIFY_SOCKET" not in os.environ else "never"
        if who == "daemon" and not can_train():
            self._log.info("no training on this host: pip install 'tinylogbert[train]'")
            return False
        return who == "daemon"

    async def _retrain(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            if not self._due():
                continue
            self._log.info("training on what this host has seen")
            began = self._clock.monotonic()
            model = self._pipeline.scorer.artifact.folder
            reason = await retrain(self._config.state_path, model, self._config.learning)
            seconds = round(self._clock.monotonic() - began, 1)
            self._metrics.retrains.labels("failed" if reason else "done").inc()
            if reason:
                self._log.warning("training failed", reason=reason)
            else:
                self._log.info("trained", seconds=seconds)
            try:
                self._models.retrained(
                    {"at": self._clock.now(), "seconds": seconds, "reason": reason}
                )
            except StateError as error:
                self._tell(error)

    def _due(self) -> bool:
        """Return whether to train: a source is learned, and the last time is long enough ago."""
        every = self._config.learning.retrain_hours * _HOUR
        if self._clock.monotonic() - self._started < min(SETTLE_SECONDS, every):
            return False
        last = self._models.ledger()["retrained"]
        if last is not None:
            wait = min(every, _RETRY_SECONDS) if last["reason"] else every
            if 0 <= self._clock.now() - last["at"] < wait:
                return False
        learning = self._config.decision.learning_hours * _HOUR
        return any(
            since is not None and time is not None and time - since >= learning
            for _, since, time in self._view.sources().values()
        )

    # -- comparing and swapping ---------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            name = self._models.newest(self._pipeline.scorer.artifact.manifest.model_type)
            if name is None or name in self._left or name in self._models.ledger()["refused"]:
                continue
            try:
                await self._consider(name)
                self._told = None
            except StateError as error:  # tried again at the next look
                self._tell(error)
            except (ArtifactError, RuntimeError) as error:  # RuntimeError is what torch raises
                self._left.add(name)
                self._metrics.model_swaps.labels("failed").inc()
                self._log.error("a new model cannot be used", model=name, error=str(error))

    def _tell(self, error: StateError) -> None:
        if str(error) != self._told:
            self._log.warning("learning on this host waits", reason=str(error))
        self._told = str(error)

    async def _consider(self, name: str) -> None:
        """Compare the model ``name`` with the one in use, and swap it in if it is no worse."""
        config, old = self._config, self._pipeline.scorer
        recent = await asyncio.to_thread(
            seen, config.state_path, shadow.TEXTS, self._half_life, recent_only=True
        )
        if len(recent.counts) < shadow.LEAST_TEXTS:
            raise StateError(
                f"too few recent texts to compare {name} on: {len(recent.counts)}, "
                f"{shadow.LEAST_TEXTS} are needed"
            )
        found = await asyncio.to_thread(self._models.load, name)
        new = await asyncio.get_running_loop().run_in_executor(
            self._executor,
            Scorer,
            found,
            config.model.threads,
            self._metrics.inference_duration.observe,
            config.model.precision,
        )
        strong = shadow.strong_texts(recent.incidents)
        texts = list(dict.fromkeys([*recent.counts, *strong]))
        before = await self._verdicts(old, texts)
        after = await self._verdicts(new, texts)
        taught = {
            verdict: recent.counts[verdict.text]
            for verdict in after
            if verdict.text in recent.counts
        }
        comparison = await asyncio.to_thread(
            self._compare, recent, (old.artifact, before), (found, after), taught
        )
        await self._judge(new, comparison, taught)

    async def _verdicts(self, scorer: Scorer, texts: Sequence[str]) -> list[Verdict]:
        """Score a few texts at a time, and leave as much time to whoever else needs the thread."""
        loop = asyncio.get_running_loop()
        verdicts: list[Verdict] = []
        for start in range(0, len(texts), CALL_TEXTS):
            began = loop.time()
            part = texts[start : start + CALL_TEXTS]
            verdicts += await loop.run_in_executor(self._executor, scorer.score, part)
            await asyncio.sleep(loop.time() - began)
        return verdicts

    def _compare(
        self,
        recent: Seen,
        old: tuple[Artifact, list[Verdict]],
        new: tuple[Artifact, list[Verdict]],
        taught: Mapping[Verdict, int],
    ) -> shadow.Comparison:
        threshold = self._config.decision.threshold
        before = Decider.of(old[0], threshold, self._half_life)
        before.restore(self._pipeline.decider.reference())
        after = Decider.of(new[0], threshold, self._half_life)
        after.calibrate(taught)
        return shadow.compare(
            shadow.alerts(before, old[1], recent.newest),
            shadow.alerts(after, new[1], recent.newest),
            recent=recent.counts,
            incidents=recent.incidents,
            verdicts=new[1],
            budget=self._config.decision.alert_budget,
        )

    async def _judge(
        self, new: Scorer, comparison: shadow.Comparison, taught: Mapping[Verdict, int]
    ) -> None:
        name = new.artifact.name
        entry = _entry(comparison, name, self._pipeline.scorer.artifact.name, self._clock.now())
        figures = {
            "model": name,
            "before": entry["before"],
            "texts": entry["texts"],
            "agreement": entry["agreement"],
            "new_alerts": entry["new_alerts"],
            "gone_alerts": entry["gone_alerts"],
        }
        if comparison.reason is not None:
            self._models.refuse(entry)
            self._metrics.model_swaps.labels("refused").inc()
            self._log.warning("model refused", reason=comparison.reason, **figures)
            return
        configured = artifact.find(self._config.model.path).name
        await self._pipeline.swap(new, taught, lambda: self._models.accept(entry, configured))
        self._left = {name}
        self._swapped(new)
        self._metrics.model_swaps.labels("accepted").inc()
        self._log.info("model swapped in", **figures)


def _entry(comparison: shadow.Comparison, model: str, before: str, at: float) -> Shadow:
    new_texts, gone_texts = comparison.shown()
    return {
        "model": model,
        "before": before,
        "at": at,
        "reason": comparison.reason,
        "texts": comparison.texts,
        "agreement": round(comparison.agreement, 4),
        "new_alerts": len(comparison.new_alerts),
        "gone_alerts": len(comparison.gone_alerts),
        "incidents": comparison.incidents,
        "incidents_kept": comparison.incidents_kept,
        "new_texts": new_texts,
        "gone_texts": gone_texts,
    }
