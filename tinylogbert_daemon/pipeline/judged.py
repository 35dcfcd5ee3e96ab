"""A block with its verdicts and log times, and the anomalies that are found in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tinylogbert_daemon.decide.incident import Anomaly
from tinylogbert_daemon.decide.score import Decision
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.pipeline.private import Private
from tinylogbert_daemon.source.block import Block

LINE_CHARACTERS = 2048
"""How much of a raw record an incident keeps."""

_NEWLINE = 10
_PART_BYTES = 1 << 15


@dataclass(frozen=True)
class Judged:
    """A block with its verdicts, one a record, and its log times.

    ``seen`` are the distinct verdicts. What only anomalies need
    is made when it is asked for.
    """

    block: Block
    verdicts: list[Verdict]
    seen: dict[Verdict, None]
    start: float
    now: float
    learning: bool

    def count(self, verdict: Verdict, *, few: bool = False) -> int:
        """Return how many records have a verdict; ``few`` verdicts are asked for in one block."""
        return self.verdicts.count(verdict) if few else self._counted[verdict]

    def last(self, verdict: Verdict, *, few: bool = False) -> int:
        """Return which record is the last one of a verdict."""
        if few:
            return len(self.verdicts) - 1 - self._backwards.index(verdict)
        return self._last[verdict]

    @cached_property
    def _counted(self) -> Counter[Verdict]:
        return Counter(self.verdicts)

    @cached_property
    def _last(self) -> dict[Verdict, int]:
        return dict(zip(self.verdicts, range(len(self.verdicts)), strict=True))

    @cached_property
    def _backwards(self) -> list[Verdict]:
        return self.verdicts[::-1]

    def line(self, index: int) -> bytes:
        """Return the record at ``index``."""
        return self.block.data[self._end(index - 1) + 1 if index else 0 : self._end(index)]

    def _end(self, index: int) -> int:
        """Return where the record at ``index`` ends: of few, the places are looked for in part."""
        part = int(np.searchsorted(self._ended, index, side="right"))
        before = int(self._ended[part - 1]) if part else 0
        return part * _PART_BYTES + int(self._ends(part)[index - before])

    def _ends(self, part: int) -> npt.NDArray[np.intp]:
        found = self._known_ends.get(part)
        if found is None:
            found = np.flatnonzero(self._is_end[part * _PART_BYTES : (part + 1) * _PART_BYTES])
            self._known_ends[part] = found
        return found

    @cached_property
    def _known_ends(self) -> dict[int, npt.NDArray[np.intp]]:
        return {}

    @cached_property
    def _is_end(self) -> npt.NDArray[np.bool_]:
        return np.equal(np.frombuffer(self.block.data, np.uint8), _NEWLINE)

    @cached_property
    def _ended(self) -> npt.NDArray[np.intp]:
        """How many records have ended by the end of each part of the block."""
        ends = self._is_end
        parts = range(0, len(ends), _PART_BYTES)
        return np.cumsum([np.count_nonzero(ends[at : at + _PART_BYTES]) for at in parts])


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
    offsets, numbers = block.places()
    first = dict(zip(reversed(verdicts), range(len(verdicts) - 1, -1, -1), strict=True))
    made = []
    for verdict in sorted(found, key=first.__getitem__):
        at, decision = first[verdict], found[verdict]
        own_time = time_of(judged.line(at))
        time = judged.now if own_time is None else own_time
        anomaly = Anomaly(
            source=block.source,
            path=block.path,
            origin=block.after.key.head,
            offset=offsets[at],
            line=block.after.lines - block.lines + numbers[at] + 1,
            records=judged.count(verdict),
            first_line=readable(judged.line(at), private),
            last_line=readable(judged.line(judged.last(verdict)), private),
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
