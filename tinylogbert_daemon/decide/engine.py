"""Records in, results out, nothing learned: what ``detect``, ``batch`` and the API share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

from tinylogbert_daemon.decide.score import Decider, Decision
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import Scorer, Verdict
from tinylogbert_daemon.model.shape import record, shapes
from tinylogbert_daemon.model.verdicts import VerdictCache


class Result(TypedDict):
    """One result, the same everywhere; scores rounded to six digits after the point."""

    line: int
    log_text: str
    score: float
    anomaly: bool
    raw: float
    severity: float
    novelty: float
    model: str


class Tokens(TypedDict):
    """What the model reads of a line."""

    text: str
    tokens: list[str]
    ids: list[int]


class Engine:
    """A scorer, a verdict cache of its own and a decider; used by one thread at a time."""

    def __init__(self, scorer: Scorer, decider: Decider, now: Callable[[], float]) -> None:
        self._scorer = scorer
        self._decider = decider
        self._cache = VerdictCache()
        self._now = now
        self.artifact = scorer.artifact
        self.model = scorer.artifact.name

    def verdicts(self, block: bytes) -> list[Verdict]:
        """Return the verdict of each record of ``block``, whose records all end in a newline."""
        return self._cache.verdicts(shapes(block), self._scorer.score)

    def decide(self, verdict: Verdict) -> Decision:
        """Return the decision on a record with this verdict, now."""
        return self._decider.decide(verdict, self._now())

    def results(self, records: Sequence[str], first_line: int = 1) -> list[Result]:
        """Return the result of each record, in one call of the model; newlines become spaces."""
        block = b"".join(record(text) + b"\n" for text in records)
        return [
            result(first_line + i, records[i], verdict, self.decide(verdict), self.model)
            for i, verdict in enumerate(self.verdicts(block))
        ]

    def tokenize(self, log_text: str) -> Tokens:
        """Return text, tokens and ids of one record."""
        text = normalize(shapes(record(log_text) + b"\n")[0])
        encoding = self._scorer.artifact.tokenizer.encode([text])[0]
        return {"text": text, "tokens": encoding.tokens, "ids": encoding.ids}


def result(line: int, log_text: str, verdict: Verdict, decision: Decision, model: str) -> Result:
    """Return the result of one record."""
    return {
        "line": line,
        "log_text": log_text,
        "score": round(decision.score, 6),
        "anomaly": decision.anomaly,
        "raw": round(verdict.raw, 6),
        "severity": round(verdict.severity, 6),
        "novelty": round(decision.novelty, 6),
        "model": model,
    }
