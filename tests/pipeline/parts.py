"""Hand-made parts of a pipeline: a processor that reads hand-made blocks, and waiting."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from tinylogbert_daemon.clock import ManualClock
from tinylogbert_daemon.decide.budget import Budget
from tinylogbert_daemon.decide.counts import TextCounts
from tinylogbert_daemon.decide.incidents import IncidentBook
from tinylogbert_daemon.decide.score import Decider
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.scorer import Scorer, Verdict, blank_verdict, text_key
from tinylogbert_daemon.model.verdicts import VerdictCache
from tinylogbert_daemon.pipeline.process import Processor, SourceState, Tally
from tinylogbert_daemon.source.block import Block, FileKey, Position
from tinylogbert_daemon.state import Effects

NOW = datetime(2026, 6, 12, 12, 0, 0, tzinfo=UTC).timestamp()
TIMEOUT_SECONDS = 20.0


async def until(condition: Callable[[], object]) -> None:
    """Wait until ``condition`` holds; fails if it does not come to that."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


class File:
    """A file of which blocks are made by hand, each beginning where the last one ended."""

    def __init__(self, path: str = "/var/log/app.log", source: str = "app") -> None:
        self.path = path
        self.source = source
        self.key = FileKey(1, abs(hash(path)), path.encode()[-16:])
        self.offset = self.lines = 0

    def block(self, *lines: str | bytes, readback: bool = False, cut: int = 0) -> Block:
        data = b"".join((x if isinstance(x, bytes) else x.encode()) + b"\n" for x in lines)
        start = self.offset
        self.offset += len(data)
        self.lines += 0 if readback else len(lines)
        after = Position(self.key, self.offset, self.lines, b"")
        return Block(self.source, self.path, data, start, len(lines), after, cut, readback)


def by_words(texts: Sequence[str]) -> list[Verdict]:
    """Score so that what says "boom" reads like trouble, and nothing else does."""
    return [
        _verdict(text, 0.999 if "boom" in text else 0.001) if text else blank_verdict()
        for text in texts
    ]


def _verdict(text: str, severity: float) -> Verdict:
    blank = blank_verdict(text)
    raw = 15.0 if severity > 0.5 else 2.0
    return Verdict(text, text_key(text), raw, severity, blank.surprise, blank.embedding)


class Bench:
    """A processor on an artifact, with everything it changes at hand."""

    def __init__(
        self,
        artifact: Artifact,
        *,
        score: Callable[[Sequence[str]], list[Verdict]] = by_words,
        threshold: float = 0.05,  # far from both, whatever the weights are
        learning_seconds: float = 0.0,
        quiet_seconds: float = 900.0,
        budget: Budget | None = None,
        cache: VerdictCache | None = None,
        exact: int = 1000,
        notify_close: bool = True,
    ) -> None:
        self.clock = ManualClock(NOW)
        self.scored: list[str] = []
        self.effects = Effects()
        self.sources: dict[str, SourceState] = {}
        self.counts = TextCounts(math.inf, exact)
        self.decider = Decider.of(artifact, threshold, math.inf)
        self.decider.counts = self.counts
        self.incidents = IncidentBook(quiet_seconds, budget or Budget(20, 10))
        self._score = score
        self.processor = Processor(
            artifact=artifact,
            score=self.score,
            cache=cache or VerdictCache(),
            decider=self.decider,
            incidents=self.incidents,
            sources=self.sources,
            clock=self.clock,
            learning_seconds=learning_seconds,
            sinks=["jsonl", "log"],
            notify_close=notify_close,
        )

    async def score(self, texts: Sequence[str]) -> list[Verdict]:
        self.scored += texts
        return self._score(texts)

    def process(self, block: Block) -> Tally:
        return asyncio.run(self.processor.process(block, lambda: self.effects))

    def take(self) -> Effects:
        """Return the effects so far and begin anew, as a commit does."""
        self.processor.settle(self.effects)
        effects, self.effects = self.effects, Effects()
        return effects


def real(artifact: Artifact) -> Callable[[Sequence[str]], list[Verdict]]:
    """Return the scoring function of a real model."""
    return Scorer(artifact).score
