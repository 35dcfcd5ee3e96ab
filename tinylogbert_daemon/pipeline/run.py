"""The wiring: every stage as a task of one group, joined by bounded queues, drained in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from tinylogbert_daemon import logs
from tinylogbert_daemon.clock import Clock
from tinylogbert_daemon.config import Config
from tinylogbert_daemon.decide.budget import Budget, Suppressed
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.decide.incidents import IncidentBook
from tinylogbert_daemon.decide.score import Decider
from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.scorer import Scorer, Verdict
from tinylogbert_daemon.model.verdicts import VerdictCache
from tinylogbert_daemon.pipeline.commit import Committer
from tinylogbert_daemon.pipeline.feedback import PipelineFeedback
from tinylogbert_daemon.pipeline.owed import Owed, Patience, by_source
from tinylogbert_daemon.pipeline.positions import Positions
from tinylogbert_daemon.pipeline.private import Private
from tinylogbert_daemon.pipeline.process import Processor, SourceState
from tinylogbert_daemon.pipeline.scoring import CALL_TEXTS, Scoring
from tinylogbert_daemon.pipeline.streams import Followed
from tinylogbert_daemon.pipeline.tailing import Tailing
from tinylogbert_daemon.pipeline.threads import filled_pool
from tinylogbert_daemon.pipeline.work import Work
from tinylogbert_daemon.sinks.build import outlets, patience
from tinylogbert_daemon.sinks.delivery import Delivery, look
from tinylogbert_daemon.source.block import Block
from tinylogbert_daemon.source.dating import Datings
from tinylogbert_daemon.source.registry import OpenFiles
from tinylogbert_daemon.source.stdin import Stdin
from tinylogbert_daemon.state.effects import Effects
from tinylogbert_daemon.state.modes import database_files
from tinylogbert_daemon.state.samples import remember
from tinylogbert_daemon.state.store import Store

READERS = 4
"""Threads that read files; a read is short, so this many keep all paths going."""

MEASURE_SECONDS = 1.0
PRUNE_SECONDS = 3600.0
DRAIN_SECONDS = 10.0
"""How long the last blocks and deliveries may take when the daemon is asked to stop."""

_HOUR = 3600.0


class Pipeline:
    """Everything between the sources and the sinks, for one configuration.

    ``scorer_executor`` is the one thread that may call ``scorer``; ``from_beginning`` names the
    sources that are read whole at first sight; ``stdin`` is the process's, if it is one.
    ``datings`` knows the format of each path.
    """

    def __init__(
        self,
        config: Config,
        *,
        scorer: Scorer,
        scorer_executor: Executor,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        from_beginning: Sequence[str] = (),
        stdin: Stdin | None = None,
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._readers = filled_pool(READERS, "read")
        self._state_thread = ThreadPoolExecutor(1, thread_name_prefix="state")
        self.scorer = scorer
        self.decider = _decider(config, scorer.artifact, store)
        known = store.sources()
        self._positions = Positions(store.files())
        self._scoring = Scoring(scorer, scorer_executor, metrics)
        self.committer = Committer(store, self._state_thread, metrics)
        self._deliveries = [
            Delivery(
                outlet, store, self._state_thread, metrics, patience=patience(config), clock=clock
            )
            for outlet in outlets(config)
        ]
        decision = config.decision
        self.incidents = IncidentBook(
            decision.quiet_seconds,
            _budget(config, store),
            store.resume_incidents(),
            storm_texts=decision.storm_texts,
            storm_seconds=decision.storm_seconds,
            suppressed=Suppressed(store.suppressed()),
        )
        self.feedback = PipelineFeedback(
            store,
            self.incidents,
            self._end,
            state_thread=self._state_thread,
            scorer_thread=scorer_executor,
            clock=clock,
            metrics=metrics,
            masker=config.privacy.masker() if config.privacy.mask else None,
        )
        self.decider.feedback = self.feedback.book
        self._sources = {name: SourceState(since, time) for name, (_, since, time) in known.items()}
        self._sinks = [delivery.name for delivery in self._deliveries]
        metrics.expect([source.name for source in config.sources], self._sinks)
        self.datings = Datings({source.name: source.dates for source in config.sources})
        self._patience = Patience(Owed(store.owed()), self._scoring)
        self._processor = self._make_processor()
        self._tailing = Tailing(
            config.sources,
            config.tail,
            on_block=self._on_block,
            on_empty=self.committer.know,
            files=OpenFiles(
                self._positions.look_up, self._positions.alike, self._positions.read_as
            ),
            known=set(known),
            from_beginning=set(from_beginning),
            own_paths=[config.jsonl_path, *database_files(store.path)],
            executor=self._readers,
            clock=clock,
            metrics=metrics,
            stdin=stdin,
        )
        self.ready = self._tailing.scanned
        self.ended = self._tailing.ended
        self._work = Work(clock, self._scoring.progress, self.committer.progress)
        self.stuck_seconds = self._work.stuck_seconds

    def followed(self) -> dict[str, Followed]:
        """Return how each followed path stands."""
        return self._tailing.status()

    def _end(self, close: Callable[[], list[Incident]]) -> None:
        """Have the state know of the incidents that ``close`` closes."""
        effects = self.committer.effects()
        self._processor.settle(effects)
        incidents = close()
        self._processor.ended(incidents, effects)
        for incident in incidents:
            self.committer.know(incident.first.source)

    def _make_processor(self) -> Processor:
        """Return a processor on the scorer and decider in use, with an empty verdict cache."""
        config = self._config
        processor = Processor(
            artifact=self.scorer.artifact,
            score=self._scoring.score,
            cache=VerdictCache(config.model.cached_shapes, config.model.cached_texts),
            decider=self.decider,
            incidents=self.incidents,
            sources=self._sources,
            clock=self._clock,
            learning_seconds=config.decision.learning_hours * _HOUR,
            sinks=self._sinks,
            notify_close=config.decision.notify_close,
            private=Private(config.privacy.masker(), mask_kept=config.privacy.mask),
            datings=self.datings,
            patience=self._patience,
        )
        self.committer.complete = processor.settle
        return processor

    async def swap(
        self, scorer: Scorer, recent: Mapping[Verdict, int], accept: Callable[[], None]
    ) -> None:
        """Go on with another model, between two blocks.

        Its calibration is taught by ``recent``, its own verdicts on texts with how often each was
        seen. ``accept`` makes the choice durable: a crash before it leaves the old model, one after
        it the new, each with a reference of its own in the state. Whatever fails leaves the old.
        """
        async with self._work.paused():
            await self.committer.flush()
            loop = asyncio.get_running_loop()
            decider = await loop.run_in_executor(
                self._state_thread, self._taught, scorer.artifact, recent
            )
            decider.feedback = self.feedback.book
            await self.feedback.use(scorer)
            try:
                accept()
            except BaseException:
                await self.feedback.use(self.scorer)
                raise
            self.scorer, self.decider = scorer, decider
            self._scoring.use(scorer)
            self._processor = self._make_processor()

    def _taught(self, artifact: Artifact, recent: Mapping[Verdict, int]) -> Decider:
        decider = _decider(self._config, artifact, self._store)
        if self._store.reference(artifact.name) is None:
            decider.calibrate(recent)
            self._store.commit(Effects(reference=(artifact.name, decider.reference())))
        return decider

    async def run(self, stop: asyncio.Event) -> None:
        """Follow, score, decide, commit and deliver until ``stop`` or ``ended``; then drain.

        Reading ends at once; blocks in hand are finished and committed, owed alerts delivered, all
        within ``DRAIN_SECONDS``. What is cut off then is read or delivered again by the next run.
        """
        try:
            await self.feedback.use(self.scorer)
            async with asyncio.TaskGroup() as group:
                tailing = group.create_task(self._tailing.run(), name="tailing")
                others = [
                    group.create_task(self._scoring.run(), name="scoring"),
                    group.create_task(self._work_off(), name="owed verdicts"),
                    group.create_task(self.committer.run(), name="commit"),
                    group.create_task(self._measure(), name="measure"),
                    group.create_task(self._wake_deliveries(), name="wake"),
                ]
                delivering = [group.create_task(each.run()) for each in self._deliveries]
                try:
                    await _either(stop, self.ended)
                    tailing.cancel()
                    async with asyncio.timeout(DRAIN_SECONDS):
                        await asyncio.wait([tailing])
                        await self.committer.flush()
                        for task in others:
                            task.cancel()
                        for delivery in self._deliveries:
                            delivery.stop()
                        await asyncio.wait([*others, *delivering])
                except TimeoutError:
                    logs.get().warning("not all was finished in time; the next run goes on there")
                finally:
                    # who waits for a stage that has ended would wait for ever
                    self._tailing.abandon()
                    for task in (*others, *delivering):
                        task.cancel()
        finally:
            self._readers.shutdown(wait=True)
            self._state_thread.shutdown(wait=True)

    async def _on_block(self, block: Block) -> None:
        if block.sighting:
            self._positions.put(block.after, block.path)
            self.committer.sighted(block, self._clock.now())
            return
        async with self._work.part():
            tally = await self._processor.process(block, self.committer.effects)
            self._positions.put(block.after, block.path)
            await self.committer.added(tally)

    async def _work_off(self) -> None:
        """Judge what is owed, for ever."""
        owed = self._patience.owed
        while True:
            await owed.wake.wait()
            async with self._work.part():
                rows = owed.next(CALL_TEXTS)
                if not rows:
                    owed.wake.clear()
                    continue
                texts = list(dict.fromkeys(row.text for row in rows))
                with self._work.judging():
                    verdicts = dict(zip(texts, await self._scoring.score(texts), strict=True))
                # with the records that came meanwhile
                rows = [row for row in (owed.get(one.place) for one in rows) if row is not None]
                for late in by_source(rows):
                    settled = [(row, verdicts[row.text]) for row in late]
                    tally = self._processor.judge_late(settled, self.committer.effects())
                    await self.committer.added(tally)

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        pruned = self._clock.monotonic()
        while True:
            self._tailing.measure()
            for source, count in self._patience.owed.counts().items():
                self._metrics.verdicts_owed.labels(source).set(count)
            for source in self._processor.close_idle(self.committer.effects):
                self.committer.know(source)
            # the committer says what is wrong with the state
            with contextlib.suppress(StateError):
                await look(self._deliveries, self._store, self._state_thread, self._metrics)
                if self._clock.monotonic() - pruned >= PRUNE_SECONDS:
                    pruned = self._clock.monotonic()
                    await loop.run_in_executor(
                        self._state_thread,
                        self._store.prune,
                        self._config.retention_seconds,
                        self._clock.now(),
                    )
            await asyncio.sleep(MEASURE_SECONDS)

    async def _wake_deliveries(self) -> None:
        while True:
            await self.committer.committed.wait()
            self.committer.committed.clear()
            for delivery in self._deliveries:
                delivery.wake.set()


def _budget(config: Config, store: Store) -> Budget:
    """Return the alert budget as the last run left it."""
    decision = config.decision
    names = [source.name for source in config.sources]
    budget = Budget(decision.alert_budget, decision.burst, names)
    budget.load(store.budget())
    return budget


def _decider(config: Config, artifact: Artifact, store: Store) -> Decider:
    """Return a decider that goes on from what the host has taught it."""
    decider = Decider.of(
        artifact,
        config.decision.threshold,
        config.decision.half_life_hours * _HOUR,
        counted_at=float(artifact.manifest.training.get("timestamp", 0)),
        alert_budget=config.decision.alert_budget,
    )
    decider.counts.load(store.counts(), store.sketch())
    remember(decider, store)
    reference = store.reference(artifact.name)
    if reference is not None:
        decider.restore(reference)
    return decider


async def _either(*events: asyncio.Event) -> None:
    """Wait until one of ``events`` is set."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
