"""Verdicts that come late: which texts await them, how long a block waits, what is judged first.

The blocks of a source wait ``WAIT_SECONDS`` for the model, and then ``WAIT_SHARE`` of the time;
while it owes verdicts, not at all. The records of all texts that have a verdict by then are decided
on and committed, the others become owed work. A cheap pass over their words (their own level, and
how new their wording is on this host) says which are judged first. Where a source owes
``OWED_TEXTS``, its blocks wait again.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from tinylogbert_daemon.decide.evidence import level_evidence
from tinylogbert_daemon.model.scorer import Verdict, text_key
from tinylogbert_daemon.pipeline.scoring import CALL_TEXTS
from tinylogbert_daemon.state.owed import OwedText, joined

WAIT_SECONDS = 1.0
"""How long the known records of a source wait for the new texts beside them to be judged."""

WAIT_SHARE = 0.1
"""Of the time that passes, what a source that has waited so long may wait again."""

OWED_TEXTS = 10_000
"""Texts of one source that may await their verdict; beyond, reading it slows."""


class Owed:
    """The texts that await their verdict, by source; ``rows`` are those of an earlier run."""

    def __init__(
        self,
        rows: Iterable[OwedText] = (),
        *,
        limit: int = OWED_TEXTS,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self.limit = limit
        self.wait_seconds = wait_seconds
        self.wake = asyncio.Event()
        """Set whenever there is something to judge."""
        self._rows: dict[str, dict[int, OwedText]] = {}
        self._urgency: dict[tuple[str, int], float] = {}
        for row in rows:
            self.put(row, level_evidence(row.text))

    def counts(self) -> dict[str, int]:
        """Return how many texts await their verdict, by source that ever had one."""
        return {source: len(rows) for source, rows in self._rows.items()}

    def of(self, source: str) -> int:
        """Return how many texts of ``source`` await their verdict."""
        return len(self._rows.get(source, ()))

    def get(self, place: tuple[str, int]) -> OwedText | None:
        """Return what is owed of a text, by source and key."""
        return self._rows.get(place[0], {}).get(place[1])

    def put(self, row: OwedText, urgency: float) -> OwedText:
        """Take in records that await their verdict; return them with those of before."""
        source, key = row.place
        rows = self._rows.setdefault(source, {})
        before = rows.get(key)
        rows[key] = row if before is None else joined(before, row)
        self._urgency.setdefault(row.place, urgency)
        self.wake.set()
        return rows[key]

    def strike(self, row: OwedText) -> None:
        """Let go of a text that was judged."""
        source, key = row.place
        del self._rows[source][key]
        del self._urgency[row.place]

    def next(self, count: int) -> list[OwedText]:
        """Return the most urgent texts; of equal ones, those that were there first."""
        places = heapq.nlargest(count, self._urgency, key=self._urgency.__getitem__)
        return [self._rows[source][key] for source, key in places]


class Model(Protocol):
    """What gives verdicts; :class:`~tinylogbert_daemon.pipeline.scoring.Scoring` is one."""

    async def score(self, texts: Sequence[str]) -> list[Verdict]:
        """Return the verdict of each text."""

    async def score_within(self, texts: Sequence[str], seconds: float) -> list[Verdict]:
        """Return the verdicts that are there in time."""


class Patience:
    """Waits for verdicts as long as the known records beside them may be held up."""

    def __init__(
        self, owed: Owed, scoring: Model, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.owed = owed
        self._scoring = scoring
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}  # seconds, as of when

    async def verdicts(self, source: str, texts: Sequence[str]) -> list[Verdict]:
        """Return the verdicts of distinct new ``texts`` that are there in time.

        The others fit into what ``source`` may owe: those that would not are waited for.
        """
        owed = self.owed
        new = [text for text in texts if owed.get((source, text_key(text))) is None]
        found: list[Verdict] = []
        if new and not owed.of(source):
            found = await self._within(source, new)
            ready = {verdict.text for verdict in found}
            new = [text for text in new if text not in ready]
        while (excess := len(new) - (owed.limit - owed.of(source))) > 0:
            must, new = new[: min(excess, CALL_TEXTS)], new[min(excess, CALL_TEXTS) :]
            found += await self._scoring.score(must)
        return found

    async def _within(self, source: str, texts: Sequence[str]) -> list[Verdict]:
        most, began = self.owed.wait_seconds, self._clock()
        left, since = self._left.get(source, (most, began))
        left = min(most, left + (began - since) * WAIT_SHARE)
        found = await self._scoring.score_within(texts, left) if left > 0 else []
        ended = self._clock()
        self._left[source] = (max(0.0, left - (ended - began)), ended)
        return found


def by_source(rows: Iterable[OwedText]) -> list[list[OwedText]]:
    """Return rows that are decided on together, each list in order of log time."""
    groups: dict[tuple[str, bool], list[OwedText]] = {}
    for row in sorted(rows, key=lambda row: row.first.time):
        groups.setdefault((row.first.source, row.learning), []).append(row)
    return list(groups.values())
