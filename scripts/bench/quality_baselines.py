"""The simple detectors that ours is measured against, on the same split.

They are handed patterns (header, digits and hex masked), which is the best case for them: on raw
lines with times and numbers most of them see only novelty. With a history they learn from it alone
and then stand still; without one they learn from the judged lines themselves, in file order, each
after it was judged. The isolation forest cannot: without one it is fitted to the judged lines.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, Protocol

from common import say

_WORD = re.compile(r"<[a-z]+>|[A-Za-z]+")
_TROUBLE = re.compile(
    r"error|err\b|fail|fatal|crit|panic|alert|emerg|exception|denied|refused|abort|corrupt"
    r"|segfault|timed? ?out|unable|cannot|can't|invalid|killed",
    re.IGNORECASE,
)
_FOREST_TREES = 100


class Baseline(Protocol):
    """A detector that counts patterns."""

    def learn(self, pattern: str, count: int) -> None:
        """Count a pattern that was seen ``count`` times."""

    def score(self, pattern: str) -> float:
        """Return how unusual a pattern is; higher is more."""


class NeverSeen:
    """1 for a pattern that was never seen, else 0."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def learn(self, pattern: str, _: int) -> None:
        self._seen.add(pattern)

    def score(self, pattern: str) -> float:
        return float(pattern not in self._seen)


class PatternRarity:
    """How seldom a pattern was seen."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def learn(self, pattern: str, count: int) -> None:
        self._seen[pattern] += count

    def score(self, pattern: str) -> float:
        return 1 / (1 + self._seen[pattern])


class WordRarity:
    """The inverse document frequency of a line's words, put together by ``combine``."""

    def __init__(self, combine: Callable[[list[float]], float]) -> None:
        self._combine = combine
        self._lines = 0
        self._with: Counter[str] = Counter()

    def learn(self, pattern: str, count: int) -> None:
        self._lines += count
        for word in set(words(pattern)):
            self._with[word] += count

    def score(self, pattern: str) -> float:
        found = words(pattern)
        every = math.log(self._lines + 1)
        return self._combine([every - math.log(self._with[w] + 1) for w in found]) if found else 0.0


class BigramSurprise:
    """Mean surprise, in nats, of each word after the one before; add-k smoothing."""

    K = 0.1

    def __init__(self) -> None:
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._firsts: Counter[str] = Counter()
        self._words: set[str] = set()

    def learn(self, pattern: str, count: int) -> None:
        found = ["<s>", *words(pattern), "</s>"]
        self._words.update(found)
        for pair in pairwise(found):
            self._pairs[pair] += count
            self._firsts[pair[0]] += count

    def score(self, pattern: str) -> float:
        found = ["<s>", *words(pattern), "</s>"]
        smoothing = self.K * (len(self._words) + 1)
        surprise = [
            math.log((self._firsts[a] + smoothing) / (self._pairs[a, b] + self.K))
            for a, b in pairwise(found)
        ]
        return _average(surprise)


class Drain3:
    """How small the Drain3 cluster is that a pattern falls into; 1 where it falls into none."""

    def __init__(self) -> None:
        from drain3.drain import Drain  # noqa: PLC0415 - a peer, installed where it is measured

        self._drain = Drain()
        self._size: Counter[int] = Counter()

    def learn(self, pattern: str, count: int) -> None:
        cluster, _ = self._drain.add_log_message(pattern)
        self._size[cluster.cluster_id] += count

    def score(self, pattern: str) -> float:
        cluster = self._drain.match(pattern, full_search_strategy="fallback")
        return 1.0 if cluster is None else 1 / (1 + self._size[cluster.cluster_id])


class Grep:
    """1 for a line with one of the words that people search for, else 0; learns nothing."""

    def learn(self, _: str, count: int) -> None:
        """Learn nothing."""

    def score(self, pattern: str) -> float:
        return float(_TROUBLE.search(pattern) is not None)


BASELINES: dict[str, Callable[[], Baseline]] = {
    "pattern-never-seen": NeverSeen,
    "pattern-rarity": PatternRarity,
    "word-rarity-mean": lambda: WordRarity(_average),
    "word-rarity-max": lambda: WordRarity(max),
    "bigram-surprise": BigramSurprise,
    "grep": Grep,
}
if find_spec("drain3"):
    BASELINES["drain3"] = Drain3
else:
    say("drain3 is not installed and left out: pip install 'tinylogbert[bench]'")


def run(history: Sequence[str], judged: Sequence[str], seed: int) -> dict[str, list[float]]:
    """Return every baseline's scores of the ``judged`` patterns after those of ``history``."""
    scores = {name: _scores(make(), history, judged) for name, make in BASELINES.items()}
    scores["tfidf-isolation-forest"] = isolation_forest(history or judged, judged, seed)
    return scores


def isolation_forest(history: Sequence[str], judged: Sequence[str], seed: int) -> list[float]:
    """Return the anomaly of each judged pattern in an isolation forest over TF-IDF of words."""
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415 - takes seconds
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415

    seen = Counter(history)
    vectorizer = TfidfVectorizer(tokenizer=words, token_pattern=None)
    known: Any = vectorizer.fit_transform(list(seen))
    forest = IsolationForest(n_estimators=_FOREST_TREES, random_state=seed)
    forest.fit(known, sample_weight=[float(count) for count in seen.values()])
    distinct = list(dict.fromkeys(judged))
    anomaly = dict(
        zip(distinct, -forest.score_samples(vectorizer.transform(distinct)), strict=True)
    )
    return [float(anomaly[pattern]) for pattern in judged]


def words(pattern: str) -> list[str]:
    """Return a pattern's words in lower case, what is masked as a word of its own."""
    return [word.lower() for word in _WORD.findall(pattern)]


def _scores(baseline: Baseline, history: Sequence[str], judged: Sequence[str]) -> list[float]:
    if history:
        for pattern, count in Counter(history).items():
            baseline.learn(pattern, count)
        known = {pattern: baseline.score(pattern) for pattern in set(judged)}
        return [known[pattern] for pattern in judged]
    scores = []
    for pattern in judged:
        scores.append(baseline.score(pattern))
        baseline.learn(pattern, 1)
    return scores


def _average(values: list[float]) -> float:
    return sum(values) / len(values)
