"""Effects of blocks into the state: gathered for a moment, committed together, then counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from tinylogbert_daemon import logs
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.errors import DamagedStateError, StateError
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.pipeline.process import Tally
from tinylogbert_daemon.source.block import Block
from tinylogbert_daemon.state.effects import Effects, FileRow
from tinylogbert_daemon.state.store import Store

GATHER_SECONDS = 0.05
"""How long effects are gathered before a commit; with its fsync it stays under 100 ms of blocks."""

FULL_BLOCK_BYTES = (1 << 20) - (1 << 16)
"""A block of that many is followed by another one; a shorter one behind it ends a burst."""

PENDING_BLOCKS = 128
"""Blocks that may wait for a commit; beyond, processing waits, and so reading slows."""

_RETRY_SECONDS = 2.0


class Committer:
    """Owns the effects that are not committed yet. ``executor`` is the state's one thread."""

    def __init__(self, store: Store, executor: Executor, metrics: Metrics) -> None:
        self._store = store
        self._executor = executor
        self._metrics = metrics
        self._effects = Effects()
        self._tallies: list[Tally] = []
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()
        self._room = asyncio.Condition()
        self._commit = asyncio.Lock()
        self._bursting = False
        self._dropped: Counter[str] = Counter()  # by sink, since its spool is full
        self.complete: Callable[[Effects], None] = lambda _: None
        """Called with effects that are about to be committed, to complete them."""
        self.failure: str | None = None
        self.watch: Callable[[Sequence[Incident]], None] = lambda _: None
        """Told, after each commit, of the incidents that it changed."""
        self.tallied: Callable[[Sequence[Tally]], None] = lambda _: None
        """Told, after each commit, what its blocks brought."""
        self.progress = asyncio.Event()
        """Set whenever a commit has ended, well or not; whoever looks at it clears it."""
        self.committed = asyncio.Event()
        """Set after each commit that owes deliveries; whoever waits for it clears it."""

    def effects(self) -> Effects:
        """Return the effects that the next commit will take."""
        return self._effects

    def know(self, source: str) -> None:
        """Have the state know a source of which there is no record yet."""
        self._effects.records[source] += 0
        self._wake.set()

    def sighted(self, block: Block, now: float) -> None:
        """Have the state know a file of which nothing is read yet; costs no place of a block."""
        self._effects.files[block.after.key] = FileRow(block.source, block.path, block.after, now)
        self._wake.set()

    async def added(self, tally: Tally) -> None:
        """Take note that a block's effects are complete; waits while too many are uncommitted."""
        self._tallies.append(tally)
        self._wake.set()
        bursting = tally.size >= FULL_BLOCK_BYTES
        # at the end of a burst nothing comes soon that could be gathered with it
        if self._effects.deliveries or (self._bursting and not bursting):
            self._urgent.set()
        self._bursting = bursting
        if self._effects.blocks >= PENDING_BLOCKS:
            async with self._room:
                await self._room.wait_for(lambda: self._effects.blocks < PENDING_BLOCKS)

    async def run(self) -> None:
        """Commit what is there, for ever; at once what is owed to somebody, or ends a burst."""
        while True:
            await self._wake.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._urgent.wait(), GATHER_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Commit all that is complete now; on failure, keep it and try again.

        Raises :class:`DamagedStateError`: trying again does not mend that, starting again may.
        One commit at a time: a later one must not overtake, nor outlive, one that fails.
        """
        async with self._commit:
            await self._flush()

    async def _flush(self) -> None:
        self._wake.clear()
        self._urgent.clear()
        effects, tallies = self._effects, self._tallies
        self.complete(effects)
        if not (effects.blocks or effects.records or effects.files):
            return
        self._effects, self._tallies = Effects(), []
        loop = asyncio.get_running_loop()
        while True:
            try:
                dropped = await loop.run_in_executor(self._executor, self._store.commit, effects)
                self.progress.set()
                break
            except DamagedStateError:
                raise
            except StateError as error:
                self.progress.set()
                if self.failure is None:
                    logs.get().error("cannot commit; reading waits", error=str(error))
                self.failure = str(error)
                await asyncio.sleep(_RETRY_SECONDS)
        if self.failure is not None:
            logs.get().info("committing again")
            self.failure = None
        for tally in tallies:
            publish(self._metrics, tally)
        self.tallied(tallies)
        if effects.incidents:
            self.watch(list(effects.incidents.values()))
        self._note_dropped({sink for sink, _, _ in effects.deliveries}, dropped)
        if effects.deliveries:
            self.committed.set()
        async with self._room:
            self._room.notify_all()

    def _note_dropped(self, sinks: set[str], dropped: Counter[str]) -> None:
        """Count what a full spool has dropped, and say once when that begins and when it ends."""
        for sink in sorted(sinks):
            if dropped[sink]:
                self._metrics.alerts_suppressed.labels("spool").inc(dropped[sink])
                if not self._dropped[sink]:
                    logs.get().warning("a sink is owed too many alerts; some go", sink=sink)
                self._dropped[sink] += dropped[sink]
            elif count := self._dropped.pop(sink, 0):
                logs.get().info("no alerts are dropped any more", sink=sink, dropped=count)


def publish(metrics: Metrics, tally: Tally) -> None:
    """Add what a committed block brought to the metrics."""
    path = metrics.path_label(tally.path)
    metrics.read_lines.labels(path).inc(tally.lines)
    metrics.read_bytes.labels(path).inc(tally.size)
    metrics.records.labels(tally.source).inc(tally.records)
    metrics.shape_cache_hits.inc(tally.hits)
    metrics.shape_cache_misses.inc(tally.misses)
    if tally.deferred:
        metrics.verdicts_deferred.labels(tally.source).inc(tally.deferred)
    for limit, count in (("record", tally.cut_records), ("text", tally.cut_texts)):
        metrics.lines_truncated.labels(limit).inc(count)
    if tally.own:
        metrics.lines_dropped.labels("own").inc(tally.own)
    if tally.unreadable:
        metrics.lines_dropped.labels("unreadable").inc(tally.unreadable)
    metrics.anomalies.labels(tally.source).inc(tally.anomalies)
    metrics.incidents_opened.labels(tally.source).inc(tally.opened)
    for reason, count in tally.suppressed.items():
        metrics.alerts_suppressed.labels(reason).inc(count)
