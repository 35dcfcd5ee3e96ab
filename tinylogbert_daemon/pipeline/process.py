"""One block through shape, verdict and decision: records in, effects out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from tinylogbert_daemon.clock import Clock
from tinylogbert_daemon.decide.engine import result
from tinylogbert_daemon.decide.explain import reason, surprising_words
from tinylogbert_daemon.decide.incidents import Anomaly, Incident, IncidentBook
from tinylogbert_daemon.decide.score import Decider, Decision
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.model.verdicts import OWN, Misses, VerdictCache, fill, missing
from tinylogbert_daemon.source.block import Block
from tinylogbert_daemon.source.logtime import block_times, parse
from tinylogbert_daemon.state.effects import Effects, FileRow

LINE_CHARACTERS = 2048
"""How much of a raw record an incident keeps."""


@dataclass(slots=True)
class SourceState:
    """Where a source stands, in seconds of log time; ``learning_since`` is its first record's."""

    learning_since: float | None = None
    log_time: float | None = None


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
    hits: int = 0
    misses: int = 0
    anomalies: int = 0
    opened: int = 0
    suppressed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Judged:
    """A block with its verdicts, one a record, how often each occurs, and its log times."""

    block: Block
    verdicts: list[Verdict]
    counted: Counter[Verdict]
    start: float
    now: float
    learning: bool


class Processor:
    """Owns the cache, the decider and the open incidents; used from the event loop alone.

    ``sinks`` names the sinks that an alert is owed to.
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
            hits=len(found) - missed,
            misses=missed,
        )
        if not block.readback:
            tally.lines, tally.size = block.lines, len(block.data)
        judged = _Judged(block, verdicts, counted, *self._advance(block))
        self._apply(judged, misses, into(), tally)
        return tally

    def _apply(self, judged: _Judged, misses: Misses, effects: Effects, tally: Tally) -> None:
        block, now = judged.block, judged.now
        anomalous = {} if block.readback else self._anomalous(judged)
        # what was quiet until the block began is over, also if the block brings it again
        self._close_quiet(block.source, judged.start, effects)
        if anomalous:
            self._open(judged, anomalous, effects, tally)
        self._close_quiet(block.source, now, effects)
        self._count(judged, misses, effects)
        key = block.after.key
        effects.files[key] = FileRow(block.source, block.path, block.after, self._clock.now())
        effects.lines[key] += tally.lines
        effects.records[block.source] += tally.records
        source = self._sources[block.source]
        if source.learning_since is not None:
            effects.learning[block.source] = source.learning_since
        effects.log_times[block.source] = now
        effects.blocks += 1

    def _close_quiet(self, source: str, now: float, effects: Effects) -> None:
        for incident in self._incidents.close_quiet(source, now):
            effects.incidents[incident.id] = incident

    def _advance(self, block: Block) -> tuple[float, float, bool]:
        """Return the log times at which ``block`` begins and ends; is its source learning then?

        Log time never runs backwards nor ahead of the clock.
        """
        source = self._sources.setdefault(block.source, SourceState())
        clock = self._clock.now()
        first, last = block_times(block.data, clock)
        if not block.data and source.log_time is not None:
            last = source.log_time  # only a position has moved
        now = min(last if last is not None else clock, clock)
        start = min(first if first is not None else now, now)
        if source.log_time is not None:
            start, now = max(start, source.log_time), max(now, source.log_time)
        source.log_time = now
        if source.learning_since is None:
            source.learning_since = start
        return start, now, now - source.learning_since < self._learning_seconds

    def _anomalous(self, judged: _Judged) -> dict[Verdict, Decision]:
        decide, now, learning = self._decider.decide, judged.now, judged.learning
        decisions = (
            (verdict, decide(verdict, now, learning=learning)) for verdict in judged.counted
        )
        return {verdict: decision for verdict, decision in decisions if decision.anomaly}

    def _open(
        self,
        judged: _Judged,
        anomalous: dict[Verdict, Decision],
        effects: Effects,
        tally: Tally,
    ) -> None:
        """Open incidents for anomalous verdicts, or let them grow, in order of their records."""
        block, verdicts = judged.block, judged.verdicts
        clock = self._clock.now()
        lines = block.data.split(b"\n")
        starts = list(accumulate((len(line) + 1 for line in lines), initial=block.offset))
        last = dict(zip(verdicts, range(len(verdicts)), strict=True))
        first = dict(zip(reversed(verdicts), range(len(verdicts) - 1, -1, -1), strict=True))
        for verdict in sorted(anomalous, key=first.__getitem__):
            at = first[verdict]
            decision = anomalous[verdict]
            own_time = parse(lines[at], clock)
            time = judged.now if own_time is None else own_time
            words = surprising_words(verdict, self._artifact.tokenizer)
            anomaly = Anomaly(
                source=block.source,
                path=block.path,
                origin=block.after.key.head,
                offset=starts[at],
                line=block.after.lines - block.lines + at + 1,
                records=judged.counted[verdict],
                first_line=_readable(lines[at]),
                last_line=_readable(lines[last[verdict]]),
                text=verdict.text,
                key=verdict.key,
                time=max(judged.start, min(time, judged.now)),
                score=decision.score,
                raw=verdict.raw,
                severity=verdict.severity,
                novelty=decision.novelty,
                reason=reason(verdict, decision, words, learning=judged.learning),
                words=words,
            )
            incident, new = self._incidents.observe(anomaly, judged.now)
            effects.incidents[incident.id] = incident
            tally.anomalies += anomaly.records
            if not new:
                tally.suppressed["open"] += 1
                continue
            tally.opened += 1
            if not incident.alerted:
                tally.suppressed["budget"] += 1
                continue
            body = alert_body(incident, verdict, decision, self._artifact.name)
            effects.deliveries += [(sink, incident.id, body) for sink in self._sinks]

    def _count(self, judged: _Judged, misses: Misses, effects: Effects) -> None:
        counted, now = judged.counted, judged.now
        seen: Counter[int] = Counter()
        for verdict, records in counted.items():
            if verdict.text:  # two verdicts may be of one text, where the cache let one go
                seen[verdict.key] += records
        self._decider.learn(counted)
        effects.reference = (self._artifact.name, self._decider.reference())
        changed = self._decider.counts.add(seen, now)
        samples = {verdict.key: shape for shape, verdict in misses.found.items()}
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


def alert_body(incident: Incident, verdict: Verdict, decision: Decision, model: str) -> str:
    """Return an alert as one line of JSON: the result of the first record, and what explains it."""
    first = incident.first
    fields = {
        "id": incident.id,
        "time": first.time,
        "source": first.source,
        "path": first.path.encode("utf-8", "backslashreplace").decode(),
        "offset": first.offset,
        **result(first.line, first.first_line, verdict, decision, model),
        "records": incident.records,
        "reason": first.reason,
        "text": first.text,
        "words": [{"word": word, "share": share} for word, share in first.words],
    }
    return json.dumps(fields, ensure_ascii=True)


def _readable(line: bytes) -> str:
    return line[: LINE_CHARACTERS * 4].decode("utf-8", "replace")[:LINE_CHARACTERS]
