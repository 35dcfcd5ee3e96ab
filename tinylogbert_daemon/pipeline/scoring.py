"""The scorer behind an asynchronous function: one worker thread, texts of all paths in one call."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor
from itertools import islice

from tinylogbert_daemon import logs
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.model.memory import give_back
from tinylogbert_daemon.model.scorer import Scorer, Verdict, blank_verdict, text_key

CALL_TEXTS = 64
"""Texts of one call of the scorer: enough to sort by length, few enough to stay responsive."""

GARBAGE_TEXTS = 128
"""After so many texts the memory that they took is given back: some 20 ms for a second's work."""

IDLE_SECONDS = 1.0
"""And after so long without work."""

PENDING_TEXTS = 4096
"""Texts that may wait; beyond, whoever asks waits, and so reading slows."""


class Scoring:
    """Gathers texts to score; a text that several blocks wait for is scored once."""

    def __init__(self, scorer: Scorer, executor: Executor, metrics: Metrics) -> None:
        self._scorer = scorer
        self._executor = executor
        self._metrics = metrics
        self._waiting: dict[str, asyncio.Future[Verdict]] = {}
        self._running: dict[str, asyncio.Future[Verdict]] = {}
        self._wanted: Counter[str] = Counter()  # how many wait for a text
        self._wake = asyncio.Event()
        self._room = asyncio.Condition()
        self._scored = 0  # since memory was given back
        self.progress = asyncio.Event()
        """Set whenever a call of the scorer has ended; whoever looks at it clears it."""

    def use(self, scorer: Scorer) -> None:
        """Score with ``scorer`` from the next call on."""
        self._scorer = scorer

    async def score(self, texts: Sequence[str]) -> list[Verdict]:
        """Return the verdict of each of the distinct ``texts``."""
        return await self._score(texts, None)

    async def score_within(self, texts: Sequence[str], seconds: float) -> list[Verdict]:
        """Return the verdicts of those of the distinct ``texts`` that are there in time.

        The others are scored for whoever else asked for them, or not at all.
        """
        try:
            async with asyncio.timeout(seconds) as limit:
                return await self._score(texts, limit)
        except TimeoutError:  # no room
            return []

    async def _score(self, texts: Sequence[str], limit: asyncio.Timeout | None) -> list[Verdict]:
        async with self._room:
            await self._room.wait_for(lambda: len(self._waiting) < PENDING_TEXTS)
        loop = asyncio.get_running_loop()
        futures = []
        for text in texts:
            future = self._running.get(text) or self._waiting.get(text)
            if future is None:
                future = self._waiting[text] = loop.create_future()
            futures.append(future)
        self._wanted.update(texts)
        self._wake.set()
        seconds = None
        if limit is not None:
            seconds = max(0.0, (limit.when() or 0.0) - loop.time())
            limit.reschedule(None)
        try:
            # waits without cancelling: others may wait for the same texts
            done, _ = await asyncio.wait(futures, timeout=seconds)
        finally:
            self._forget(texts)
        return [future.result() for future in futures if future in done]

    def _forget(self, texts: Sequence[str]) -> None:
        """Take out of the queue what nobody waits for any more."""
        self._wanted.subtract(texts)
        for text in texts:
            if self._wanted[text] <= 0:
                del self._wanted[text]
                self._waiting.pop(text, None)

    async def run(self) -> None:
        """Score what waits, for ever; at its end nobody is left waiting."""
        try:
            await self._run()
        finally:
            for future in (*self._running.values(), *self._waiting.values()):
                future.cancel()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            texts = list(islice(self._waiting, CALL_TEXTS))
            if not texts:
                self._wake.clear()
                await self._tidy_when_idle()
                continue
            self._running = {text: self._waiting.pop(text) for text in texts}
            verdicts = await loop.run_in_executor(self._executor, self._call, texts)
            for text, verdict in zip(texts, verdicts, strict=True):
                future = self._running[text]
                if not future.done():
                    future.set_result(verdict)
            self._running = {}
            self.progress.set()
            async with self._room:
                self._room.notify_all()

    async def _tidy_when_idle(self) -> None:
        """Give memory back once nothing was wanted for a while, if there is any."""
        if self._scored:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                self._scored = 0
                await asyncio.get_running_loop().run_in_executor(self._executor, give_back)

    def _call(self, texts: list[str]) -> list[Verdict]:
        """Run in the worker thread."""
        verdicts = self._verdicts(texts)
        self._scored += len(texts)
        if self._scored >= GARBAGE_TEXTS:
            self._scored = 0
            give_back()
        return verdicts

    def _verdicts(self, texts: list[str]) -> list[Verdict]:
        """Return the verdicts; a text that the model fails on must not stop the others."""
        try:
            return self._scorer.score(texts)
        except RuntimeError as error:  # what torch raises
            if len(texts) > 1:
                return [self._verdicts([text])[0] for text in texts]
            self._metrics.lines_dropped.labels("unscorable").inc()
            # by its key: the text may hold a secret
            key = f"{text_key(texts[0]):016x}"
            logs.get().error("the model failed on a text", text_key=key, error=str(error))
            return [blank_verdict(texts[0])]
