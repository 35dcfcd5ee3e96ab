"""One block through shape, verdict and decision: records in, effects out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from tinylogbert_daemon.clock import Clock
from tinylogbert_daemon.decide.evidence import level_evidence
from tinylogbert_daemon.decide.incident import Anomaly, Incident
from tinylogbert_daemon.decide.incidents import IncidentBook
from tinylogbert_daemon.decide.score import Decider, Decision
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.lookup import SourceLookup
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.model.verdicts import OWN, Misses, VerdictCache, fill
from tinylogbert_daemon.pipeline.alerting import Alerting
from tinylogbert_daemon.pipeline.deciding import Deciding, goes_on
from tinylogbert_daemon.pipeline.feeding import Feeding
from tinylogbert_daemon.pipeline.judged import Judged, anomalies
from tinylogbert_daemon.pipeline.owed import Patience
from tinylogbert_daemon.pipeline.private import Private
from tinylogbert_daemon.pipeline.slices import resolved, sampled, stand_ins
from tinylogbert_daemon.pipeline.tally import SourceState, Tally
from tinylogbert_daemon.source.block import Block
from tinylogbert_daemon.source.dating import Datings
from tinylogbert_daemon.state.effects import Effects, FileRow
from tinylogbert_daemon.state.owed import OwedText

__all__ = ["Processor", "SourceState", "Tally"]


class Processor:
    """Owns the cache, the decider and the open incidents; used from the event loop alone.

    ``sinks`` names the sinks that an alert is owed to; with ``notify_close`` they are owed another
    one when an incident closes whose opening was sent. ``private`` masks what is kept. Without
    ``patience``, a block waits for the verdicts of all its texts.
    """

    def __init__(
        self,
        *,
        artifact: Artifact,
        score: Callable[[Sequence[str]], Awaitable[list[Verdict]]],
        cache: VerdictCache,
        decider: Decider,
        incidents: IncidentBook,
        sources: dict[str, SourceState],
        clock: Clock,
        learning_seconds: float,
        sinks: Sequence[str],
        notify_close: bool = True,
        private: Private | None = None,
        datings: Datings | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._artifact = artifact
        self._score = score
        self._patience = patience
        self._cache = cache
        self._decider = decider
        self._incidents = incidents
        self._sources = sources
        self._clock = clock
        self._learning_seconds = learning_seconds
        self._private = private or Private()
        self._datings = datings or Datings()
        self._feeding = Feeding(decider, self._private)
        self._alerting = Alerting(
            artifact,
            decider,
            incidents,
            self._feeding.normals,
            self._private,
            sinks=sinks,
            notify_close=notify_close,
        )
        self._lookups: dict[str, SourceLookup] = {}
        self._deciding: dict[str, Deciding] = {}

    async def process(self, block: Block, into: Callable[[], Effects]) -> Tally:
        """Score ``block`` and add what it changes to the effects that ``into`` returns.

        ``into`` is called after the last await, so that a block's effects are never split.
        """
        lookup = self._lookups.setdefault(block.source, SourceLookup(self._cache))
        found = lookup.look_up(block.data)
        verdicts, missed = found.verdicts, found.missed
        misses = Misses(found.form)
        late: list[Verdict] = []
        samples: dict[int, bytes] = {}
        if missed:
            misses = await resolved(self._cache, found.missing, found.form)
            if misses.wanted:
                self._cache.add(misses, await self._judge(block.source, list(misses.wanted)))
                late = stand_ins(misses)
            samples = await sampled(self._private, misses.found)
            verdicts = fill(found.shapes, verdicts, misses)
        tally = Tally(
            block.source,
            block.path,
            records=len(verdicts),
            cut_records=block.cut,
            cut_texts=sum(verdict.cut for verdict in set(misses.found.values())),
            own=verdicts.count(OWN),
            unreadable=block.unreadable,
            hits=len(verdicts) - missed,
            misses=missed,
            deferred=len(late),
        )
        if not block.readback:
            tally.lines, tally.size = block.lines, block.size
        judged = Judged(block, verdicts, {OWN, *late}, *self._advance(block))
        effects = into()
        self._apply(judged, samples, effects, tally)
        if late:
            self._defer(judged, late, samples, effects)
        return tally

    async def _judge(self, source: str, texts: list[str]) -> list[Verdict]:
        if self._patience is None:
            return await self._score(texts)
        return await self._patience.verdicts(source, texts)

    def _apply(
        self, judged: Judged, samples: Mapping[int, bytes], effects: Effects, tally: Tally
    ) -> None:
        block, now = judged.block, judged.now
        self._incidents.budget.see(block.source, now)
        # what was quiet until the block began is over, also if the block brings it again
        self._alerting.close_quiet(block.source, judged.start, effects)
        deciding = self._deciding.setdefault(block.source, Deciding(self._decider, self._incidents))
        anomalous, new = deciding.decide(judged)
        if anomalous:
            fresh = self._alerting.grow(judged, anomalous, effects, tally)
            if fresh:
                found = self._anomalies(judged, fresh)
                self._alerting.open(found, fresh, effects, tally, now=now, learning=judged.learning)
        self._alerting.close_quiet(block.source, now, effects)
        self._count(new, now, judged.learning, samples, effects)
        self._feeding.feed(judged, self._sources[block.source].blocks)
        key = block.after.key
        effects.files[key] = FileRow(block.source, block.path, block.after, self._clock.now())
        effects.lines[key] += tally.lines
        effects.records[block.source] += tally.records
        source = self._sources[block.source]
        if source.learning_since is not None:
            effects.learning[block.source] = source.learning_since
        effects.log_times[block.source] = now
        effects.blocks += 1

    def settle(self, effects: Effects) -> None:
        """Complete the effects of the blocks so far; called before they are committed."""
        self._alerting.settle(effects)

    def ended(self, incidents: list[Incident], effects: Effects) -> None:
        """Take note that ``incidents`` were closed from outside, by feedback."""
        for incident in incidents:
            self._alerting.closed(incident, effects)

    def close_idle(self, effects: Callable[[], Effects]) -> list[str]:
        """Close what became quiet on sources without a new block; return the sources.

        Their log time stands still, so the clock's time since the last block is added to it.
        """
        clock, changed = self._clock.now(), []
        for name, source in self._sources.items():
            if source.processed is None:
                source.processed = clock  # of an earlier run
            if source.log_time is None:
                continue
            now = source.log_time + max(0.0, clock - source.processed)
            if self._alerting.close_quiet(name, min(now, clock), effects()):
                changed.append(name)
        return changed

    def _advance(self, block: Block) -> tuple[float, float, bool]:
        """Return the log times at which ``block`` begins and ends; is its source learning then?"""
        source = self._sources.setdefault(block.source, SourceState())
        clock = self._clock.now()
        dating = self._datings.of(block.source, block.path)
        start, now = source.advance(*dating.block_times(block.data, clock), clock, bool(block.data))
        assert source.learning_since is not None
        return start, now, now - source.learning_since < self._learning_seconds

    def _anomalies(
        self, judged: Judged, found: Mapping[Verdict, Decision]
    ) -> list[tuple[Anomaly, Verdict]]:
        dating = self._datings.of(judged.block.source, judged.block.path)
        time_of = partial(dating.time, now=self._clock.now())
        return anomalies(judged, found, self._private, self._artifact.name, time_of)

    def _defer(
        self,
        judged: Judged,
        late: Sequence[Verdict],
        samples: Mapping[int, bytes],
        effects: Effects,
    ) -> None:
        """Make owed work of the records whose texts await their verdict."""
        assert self._patience is not None
        undecided = dict.fromkeys(late, Decision(0.0, 0.0, False))
        for first, verdict in self._anomalies(judged, undecided):
            sample = samples.get(verdict.key, b"")
            readback = judged.block.readback
            row = OwedText(first, sample, judged.now, judged.learning, readback, verdict.text)
            urgency = level_evidence(verdict.text) + self._decider.pairs.unfamiliarity(verdict.text)
            effects.owed[row.place] = self._patience.owed.put(row, urgency)

    def judge_late(self, late: Sequence[tuple[OwedText, Verdict]], effects: Effects) -> Tally:
        """Decide on texts whose verdicts came late, as of the log time of their records.

        They are of one source that was learning at all of them, or at none.
        """
        assert self._patience is not None
        first, learning = late[0][0].first, late[0][0].learning
        tally = Tally(first.source, first.path)
        found: list[tuple[Anomaly, Verdict]] = []
        anomalous: dict[Verdict, Decision] = {}
        judged: list[tuple[OwedText, Verdict]] = []
        for row, scored in late:
            self._cache.put(scored)
            # the text of one that was read out of the state may be without its secrets
            same = scored.key == row.first.key
            verdict = scored if same else replace(scored, key=row.first.key)
            self._private.hide(verdict, row.first.text)
            judged.append((row, verdict))
            decision = self._decider.decide(verdict, row.now, learning=learning)
            is_open = self._incidents.is_open(*row.place)
            if row.readback or not (decision.anomaly or (is_open and goes_on(decision))):
                continue
            anomalous[verdict] = decision
            anomaly = replace(
                row.first,
                score=decision.score,
                raw=verdict.raw,
                severity=verdict.severity,
                novelty=decision.novelty,
                model=self._artifact.name,
            )
            found.append((anomaly, verdict))
        if found:
            until = max(row.now for row, _ in late)
            self._alerting.open(found, anomalous, effects, tally, now=until, learning=learning)
        for row, verdict in judged:
            self._count([verdict], row.now, learning, {verdict.key: row.shape}, effects)
            self._patience.owed.strike(row)
            effects.owed[row.place] = None
        effects.records[first.source] += 0  # there is something to commit
        return tally

    def _count(
        self,
        new: Iterable[Verdict],
        now: float,
        learning: bool,
        samples: Mapping[int, bytes],
        effects: Effects,
    ) -> None:
        changed = self._decider.learn(new, now, learning=learning)
        if changed:
            effects.reference = (self._artifact.name, self._decider.reference())
        for key, (count, updated) in changed.items():
            before = effects.counts.get(key)
            shape = before[2] if before else samples.get(key, b"")
            effects.counts[key] = (count, updated, shape)
        effects.evicted.difference_update(changed)
        evicted = self._decider.counts.take_evicted()
        if evicted is not None:
            effects.evicted.update(evicted[0])
            effects.sketch = evicted[1]
            for key in evicted[0]:
                effects.counts.pop(key, None)
