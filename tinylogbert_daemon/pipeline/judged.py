"""A block with its verdicts and log times, and the anomalies that are found in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tinylogbert_daemon.decide.incident import Anomaly
from tinylogbert_daemon.decide.score import Decision
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.pipeline.private import Private
from tinylogbert_daemon.source.block import Block

LINE_CHARACTERS = 2048
"""How much of a raw record an incident keeps."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A block with its verdicts, one a record, how often each occurs, and its log times."""

    block: Block
    verdicts: list[Verdict]
    counted: Counter[Verdict]
    start: float
    now: float
    learning: bool


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
    block, verdicts = judged.block, judged.verdicts
    lines = block.data.split(b"\n")
    offsets, numbers = block.places()
    last = dict(zip(verdicts, range(len(verdicts)), strict=True))
    first = dict(zip(reversed(verdicts), range(len(verdicts) - 1, -1, -1), strict=True))
    made = []
    for verdict in sorted(found, key=first.__getitem__):
        at, decision = first[verdict], found[verdict]
        own_time = time_of(lines[at])
        time = judged.now if own_time is None else own_time
        anomaly = Anomaly(
            source=block.source,
            path=block.path,
            origin=block.after.key.head,
            offset=offsets[at],
            line=block.after.lines - block.lines + numbers[at] + 1,
            records=judged.counted[verdict],
            first_line=_readable(lines[at], private),
            last_line=_readable(lines[last[verdict]], private),
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


def _readable(line: bytes, private: Private) -> str:
    # masked first: of a secret that is cut a rule might no longer know what it was
    return private.line(line[: LINE_CHARACTERS * 4].decode("utf-8", "replace"))[:LINE_CHARACTERS]
