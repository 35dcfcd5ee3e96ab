"""A block with its verdicts and log times, and the anomalies that are found in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from tinylogbert_daemon.decide.incident import Anomaly
from tinylogbert_daemon.decide.score import Decision
from tinylogbert_daemon.model.encoded import Encoded
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.newlines import Lines
from tinylogbert_daemon.pipeline.private import Private
from tinylogbert_daemon.source.block import Block

LINE_CHARACTERS = 2048
"""How much of a raw record an incident keeps."""


@dataclass(frozen=True)
class Judged:
    """A block with its verdicts, one a record, and its log times.

    ``passed_over`` are verdicts that do not count. What only some blocks need is made when it is
    asked for.
    """

    block: Block
    verdicts: Encoded
    passed_over: Collection[Verdict]
    start: float
    now: float
    learning: bool

    def records(self, wanted: Collection[Verdict]) -> dict[Verdict, int]:
        """Return how many records have each ``wanted`` verdict, in order of the first ones."""
        counts = {verdict: self.verdicts.count(verdict) for verdict in wanted}
        found = sorted((verdict for verdict in wanted if counts[verdict]), key=self.first)
        return {verdict: counts[verdict] for verdict in found}

    @cached_property
    def seen(self) -> list[Verdict]:
        """The distinct verdicts that count."""
        return [verdict for verdict in self.verdicts.distinct if verdict not in self.passed_over]

    def first(self, verdict: Verdict) -> int:
        """Return which record (from 0) is the first with ``verdict``."""
        return self.verdicts.first(verdict)

    def last_line(self, verdict: Verdict) -> bytes:
        """Return the last record with ``verdict``."""
        return self.line(self.verdicts.last(verdict))

    def line(self, index: int) -> bytes:
        """Return the record at ``index``."""
        return self._lines.line(index)

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self.block.data)


def anomalies(
    judged: Judged,
    found: Mapping[Verdict, Decision],
    private: Private,
    model: str,
    time_of: Callable[[bytes], float | None],
) -> list[tuple[Anomaly, Verdict]]:
    """Return an anomaly for each verdict of ``found``, in order of their first records.

    ``private`` masks what they keep; ``time_of`` reads the time that a record says.
    """
    block = judged.block
    offsets, numbers = block.places()
    made = []
    for verdict, records in judged.records(found).items():
        decision, at = found[verdict], judged.first(verdict)
        own_time = time_of(judged.line(at))
        time = judged.now if own_time is None else own_time
        anomaly = Anomaly(
            source=block.source,
            path=block.path,
            origin=block.after.key.head,
            offset=offsets[at],
            line=block.after.lines - block.lines + numbers[at] + 1,
            records=records,
            first_line=readable(judged.line(at), private),
            last_line=readable(judged.last_line(verdict), private),
            text=private.text(verdict),
            key=verdict.key,
            time=max(judged.start, min(time, judged.now)),
            score=decision.score,
            raw=verdict.raw,
            severity=verdict.severity,
            novelty=decision.novelty,
            model=model,
        )
        made.append((anomaly, verdict))
    return made


def readable(line: bytes, private: Private) -> str:
    """Return a raw record as an incident keeps it."""
    # masked first: of a secret that is cut a rule might no longer know what it was
    return private.line(line[: LINE_CHARACTERS * 4].decode("utf-8", "replace"))[:LINE_CHARACTERS]
