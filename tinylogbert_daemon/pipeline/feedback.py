"""Feedback in a running pipeline: recorded first, then heeded from the next block on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial

from tinylogbert_daemon.clock import Clock
from tinylogbert_daemon.decide.feedback import Embedding, Feedback, FeedbackBook
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.decide.incidents import IncidentBook
from tinylogbert_daemon.errors import FeedbackError
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.privacy import Masker
from tinylogbert_daemon.state import feedback as records
from tinylogbert_daemon.state.feedback import Asked
from tinylogbert_daemon.state.store import Store

_CALL_TEXTS = 32
_Embeddings = dict[str, Embedding]


class PipelineFeedback:
    """The command port of feedback. ``state_thread`` writes, ``scorer_thread`` embeds.

    ``end`` calls what closes incidents, once they are up to date, and has the state know of them;
    ``masker`` masks what is kept of a line, None keeps it.
    """

    def __init__(
        self,
        store: Store,
        incidents: IncidentBook,
        end: Callable[[Callable[[], list[Incident]]], None],
        *,
        state_thread: Executor,
        scorer_thread: Executor,
        clock: Clock,
        metrics: Metrics,
        masker: Masker | None,
    ) -> None:
        self.book = FeedbackBook(clock.now)
        self._store = store
        self._incidents = incidents
        self._end = end
        self._state_thread = state_thread
        self._scorer_thread = scorer_thread
        self._clock = clock
        self._metrics = metrics
        self._masker = masker
        self._scorer: Scorer | None = None
        self._one = asyncio.Lock()

    async def use(self, scorer: Scorer) -> None:
        """Heed what the state holds, with embeddings of ``scorer`` from now on."""
        async with self._one:
            read = partial(records.entries, active_at=self._clock.now())
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._state_thread, self._store.ask, read)
            held = list(map(records.renewed, found))
            self.book.replace(held, await self._embeddings(scorer, held))
            self._scorer = scorer

    async def add(self, asked: Asked) -> Feedback:
        """Record feedback and heed it; raises :class:`FeedbackError` or :class:`StateError`."""
        loop = asyncio.get_running_loop()
        describe = partial(
            records.describe, asked=asked, now=self._clock.now(), masker=self._masker
        )
        entry = await loop.run_in_executor(self._state_thread, self._store.ask, describe)
        added = await self.take([entry])
        if not added:
            raise FeedbackError("that was said of this text a moment ago")
        return added[0]

    async def take(self, entries: Sequence[Feedback]) -> list[Feedback]:
        """Record entries that came from elsewhere and heed them; return those that were new."""
        async with self._one:
            loop = asyncio.get_running_loop()
            add = partial(records.add, entries=entries)
            added = await loop.run_in_executor(self._state_thread, self._store.change, add)
            self.book.put(added, await self._embeddings(self._scorer, added))
        for entry in added:
            self._metrics.feedback.labels(entry.kind).inc()
            if entry.kind != "real" and entry.active(self._clock.now()):
                self._end(partial(self._incidents.mute, entry.key, entry.muted))
        return added

    async def undo(self, number: int, author: str) -> Feedback:
        """Undo an entry: what it muted alerts again. Raises :class:`FeedbackError`."""
        loop = asyncio.get_running_loop()
        undo = partial(records.undo, number=number, author=author, now=self._clock.now())
        async with self._one:
            undone = await loop.run_in_executor(self._state_thread, self._store.change, undo)
            self.book.drop(number)
        self._metrics.feedback.labels("undo").inc()
        self._end(partial(self._incidents.unmute, number))
        return undone

    async def _embeddings(self, scorer: Scorer | None, entries: Sequence[Feedback]) -> _Embeddings:
        """Return the embedding of each text that feedback means near ones of."""
        texts = list(dict.fromkeys(one.text for one in entries if one.near is not None))
        found: _Embeddings = {}
        if scorer is None:
            return found
        loop = asyncio.get_running_loop()
        for start in range(0, len(texts), _CALL_TEXTS):
            part = texts[start : start + _CALL_TEXTS]
            verdicts = await loop.run_in_executor(self._scorer_thread, scorer.score, part)
            found |= {verdict.text: verdict.embedding for verdict in verdicts}
        return found
