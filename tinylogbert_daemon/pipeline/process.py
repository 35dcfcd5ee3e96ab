"""One block through shape, verdict and decision: records in, effects out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from tinylogbert_daemon.clock import Clock
from tinylogbert_daemon.decide.alert import body
from tinylogbert_daemon.decide.explain import reason, surprising_words
from tinylogbert_daemon.decide.incident import Anomaly, Incident
from tinylogbert_daemon.decide.incidents import IncidentBook
from tinylogbert_daemon.decide.normals import Normals
from tinylogbert_daemon.decide.score import Decider, Decision
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.model.verdicts import OWN, Misses, VerdictCache, fill, missing
from tinylogbert_daemon.pipeline.judged import Judged, anomalies
from tinylogbert_daemon.pipeline.private import Private
from tinylogbert_daemon.source.block import Block
from tinylogbert_daemon.source.dating import Datings
from tinylogbert_daemon.state.effects import Effects, FileRow

KNOWN_NOVELTY = 0.3
"""Up to this novelty (some episodes) a text that is no anomaly counts as known-normal."""

_TROUBLE = 0.5

_ONGOING_NOVELTY = 0.15  # an incident's text that never pauses is the new normal in three hours
_FEED_TEXTS = 64
_FEED_BLOCKS = 16


@dataclass(slots=True)
class SourceState:
    """Where a source stands, in seconds of log time; ``learning_since`` is its first record's.

    ``blocks`` counts its blocks, of which the last was processed at ``processed`` (the clock's).
    """

    learning_since: float | None = None
    log_time: float | None = None
    blocks: int = 0
    processed: float | None = None


@dataclass(slots=True)
class Tally:
    """What one block adds to the metrics once it is committed."""

    source: str
    path: str
    lines: int = 0
    size: int = 0
    records: int = 0
    cut_records: int = 0
    cut_texts: int = 0
    own: int = 0
    unreadable: int = 0
    hits: int = 0
    misses: int = 0
    anomalies: int = 0
    opened: int = 0
    suppressed: Counter[str] = field(default_factory=Counter)


class Processor:
    """Owns the cache, the decider and the open incidents; used from the event loop alone.

    ``sinks`` names the sinks that an alert is owed to; with ``notify_close`` they are owed another
    one when an incident closes whose opening was sent. ``private`` masks what is kept.
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
    ) -> None:
        self._artifact = artifact
        self._score = score
        self._cache = cache
        self._decider = decider
        self._incidents = incidents
        self._sources = sources
        self._clock = clock
        self._learning_seconds = learning_seconds
        self._sinks = tuple(sinks)
        self._notify_close = notify_close
        self._private = private or Private()
        self._datings = datings or Datings()
        self._normals = Normals()

    async def process(self, block: Block, into: Callable[[], Effects]) -> Tally:
        """Score ``block`` and add what it changes to the effects that ``into`` returns.

        ``into`` is called after the last await, so that a block's effects are never split.
        """
        found = shapes(block.data)
        known = self._cache.look_up(found)
        seen = Counter(known)
        missed = seen.pop(None, 0)
        misses = Misses()
        if missed:
            misses = self._cache.resolve(missing(found, known))
            if misses.wanted:
                self._cache.add(misses, await self._score(list(misses.wanted)))
            known = list(fill(found, known, misses))
            seen = Counter(known)
        verdicts: list[Verdict] = known  # type: ignore[assignment]  # all gaps are filled
        counted: Counter[Verdict] = seen  # type: ignore[assignment]
        tally = Tally(
            block.source,
            block.path,
            records=len(found),
            cut_records=block.cut,
            cut_texts=sum(verdict.cut for verdict in set(misses.found.values())),
            own=counted.pop(OWN, 0),
            unreadable=block.unreadable,
            hits=len(found) - missed,
            misses=missed,
        )
        if not block.readback:
            tally.lines, tally.size = block.lines, block.size
        judged = Judged(block, verdicts, counted, *self._advance(block))
        self._apply(judged, misses, into(), tally)
        return tally

    def _apply(self, judged: Judged, misses: Misses, effects: Effects, tally: Tally) -> None:
        block, now = judged.block, judged.now
        samples = self._private.samples(misses.found)
        self._incidents.budget.see(block.source, now)
        # what was quiet until the block began is over, also if the block brings it again
        self._close_quiet(block.source, judged.start, effects)
        anomalous = {} if block.readback else self._anomalous(judged)
        if anomalous:
            self._open(judged, anomalous, effects, tally)
        self._close_quiet(block.source, now, effects)
        self._count(judged, samples, effects)
        self._learn_normals(judged)
        key = block.after.key
        effects.files[key] = FileRow(block.source, block.path, block.after, self._clock.now())
        effects.lines[key] += tally.lines
        effects.records[block.source] += tally.records
        source = self._sources[block.source]
        if source.learning_since is not None:
            effects.learning[block.source] = source.learning_since
        effects.log_times[block.source] = now
        effects.blocks += 1

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
            if self._close_quiet(name, min(now, clock), effects()):
                changed.append(name)
        return changed

    def _close_quiet(self, source: str, now: float, effects: Effects) -> int:
        closed = self._incidents.close_quiet(source, now)
        for incident in closed:
            self._closed(incident, effects)
        return len(closed)

    def _closed(self, incident: Incident, effects: Effects) -> None:
        effects.incidents[incident.id] = incident
        if incident.alerted and self._notify_close:
            self._owe(incident.id, body(incident), effects)

    def _owe(self, id_: str, alert: str, effects: Effects) -> None:
        effects.deliveries += [(sink, id_, alert) for sink in self._sinks]

    def _advance(self, block: Block) -> tuple[float, float, bool]:
        """Return the log times at which ``block`` begins and ends; is its source learning then?

        Log time never runs backwards nor ahead of the clock; without dates it goes on as the clock
        does.
        """
        source = self._sources.setdefault(block.source, SourceState())
        clock = self._clock.now()
        first, last = self._datings.of(block.source, block.path).block_times(block.data, clock)
        if last is None and source.log_time is not None:
            passed = clock - source.processed if source.processed is not None else 0.0
            # an empty block only moves a position
            last = source.log_time + (max(0.0, passed) if block.data else 0.0)
        source.processed = clock
        source.blocks += 1
        now = min(last if last is not None else clock, clock)
        start = min(first if first is not None else now, now)
        if source.log_time is not None:
            start, now = max(start, source.log_time), max(now, source.log_time)
        source.log_time = now
        if source.learning_since is None:
            source.learning_since = start
        return start, now, now - source.learning_since < self._learning_seconds

    def _anomalous(self, judged: Judged) -> dict[Verdict, Decision]:
        """Return the anomalies of a block, and what goes on of those that are open.

        A text is no news any more once it was counted, but its incident goes on until it is quiet,
        or has been there for so long that the text is known.
        """
        source, now, found = judged.block.source, judged.now, {}
        for verdict in judged.counted:
            decision = self._decider.decide(verdict, now, learning=judged.learning)
            is_open = self._incidents.is_open(source, verdict.key)
            if decision.anomaly or (is_open and decision.novelty > _ONGOING_NOVELTY):
                found[verdict] = decision
        return found

    def _open(
        self,
        judged: Judged,
        anomalous: dict[Verdict, Decision],
        effects: Effects,
        tally: Tally,
    ) -> None:
        """Open incidents for anomalous verdicts, or let them grow, in order of their records."""
        private, model = self._private, self._artifact.name
        dating = self._datings.of(judged.block.source, judged.block.path)
        time_of = partial(dating.time, now=self._clock.now())
        found = anomalies(judged, anomalous, private, model, time_of)
        verdicts = {anomaly.key: verdict for anomaly, verdict in found}

        def explain(anomaly: Anomaly) -> Anomaly:
            verdict = verdicts[anomaly.key]
            words = private.words(verdict, surprising_words(verdict, self._artifact.tokenizer))
            why = reason(verdict, anomalous[verdict], words, learning=judged.learning)
            is_open = partial(self._incidents.is_open, anomaly.source)
            shown = replace(verdict, text=anomaly.text)
            nearest = self._normals.nearest(shown, anomaly.source, is_open)
            return replace(anomaly, reason=why, words=words, nearest=nearest)

        for change in self._incidents.observe([one for one, _ in found], judged.now, explain):
            incident = change.incident
            if change.kind == "closed":
                self._closed(incident, effects)
                continue
            effects.incidents[incident.id] = incident
            if change.joined:
                tally.suppressed["storm"] += change.joined
            elif change.kind == "grown":
                tally.suppressed["open"] += 1
            if change.kind == "opened":
                tally.opened += 1
                if incident.alerted:
                    self._owe(incident.id, body(incident, change.earlier), effects)
                else:
                    tally.suppressed[incident.withheld] += 1
        tally.anomalies += sum(anomaly.records for anomaly, _ in found)
        effects.budget = self._incidents.budget.rows()
        for row in self._incidents.suppressed.take_changed():
            effects.suppressed[row[:2]] = row

    def _learn_normals(self, judged: Judged) -> None:
        """Feed what is common and no anomaly to the known-normal texts.

        Of a source of long blocks only some are looked at: what is common comes again.
        """
        source, counted = judged.block.source, judged.counted
        if len(counted) > _FEED_TEXTS and self._sources[source].blocks % _FEED_BLOCKS != 1:
            return
        common = []
        for verdict in counted:
            if verdict.text and verdict.embedding.size and verdict.key not in self._normals:
                decision = self._decider.decide(verdict, judged.now, learning=judged.learning)
                # what a source writes while it is learned is its normal, but for trouble
                harmless = judged.learning and verdict.severity < _TROUBLE
                known = harmless or decision.novelty <= KNOWN_NOVELTY
                # a text with a secret is not shown to explain another one
                if known and not decision.anomaly and verdict not in self._private:
                    common.append(verdict)
        self._normals.feed(source, common)

    def _count(self, judged: Judged, samples: Mapping[int, bytes], effects: Effects) -> None:
        changed = self._decider.learn(judged.counted, judged.now, learning=judged.learning)
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
