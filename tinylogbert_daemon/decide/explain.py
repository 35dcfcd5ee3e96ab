"""Why a record is an anomaly, in words that a user can act on."""

from __future__ import annotations

from tinylogbert_daemon.decide.score import Decision
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.model.tokenizer import Tokenizer

WORDS = 3
"""How many of the most surprising words an explanation names."""

_TROUBLE = 0.5
_NEW = 0.5
_RARE = 0.05


def surprising_words(verdict: Verdict, tokenizer: Tokenizer) -> tuple[tuple[str, float], ...]:
    """Return the words of the text that surprise most, each with its share of the surprise."""
    encoding = tokenizer.encode([verdict.text])[0]
    words = verdict.text.split(" ")
    total = float(verdict.surprise.sum())
    if total <= 0:
        return ()
    share: dict[int, float] = {}
    for word, surprise in zip(encoding.words[1:-1], verdict.surprise.tolist(), strict=True):
        share[word] = share.get(word, 0.0) + surprise / total
    largest = sorted(share, key=lambda word: -share[word])[:WORDS]
    return tuple((words[word], round(share[word], 3)) for word in largest)


def reason(
    verdict: Verdict, decision: Decision, words: tuple[tuple[str, float], ...], *, learning: bool
) -> str:
    """Return one line that names what speaks against the record, the strongest part first."""
    parts = []
    if verdict.severity >= _TROUBLE:
        parts.append(f"reads like trouble (severity {verdict.severity:.2f})")
    if learning:
        parts.append("source still learning")
    elif decision.novelty > _NEW:
        parts.append("never seen on this host")
    elif decision.novelty > _RARE:
        parts.append("rare on this host")
    if words:
        named = ", ".join(f"{word} {share:.0%}" for word, share in words)
        parts.append(f"surprise {verdict.raw:.1f} nats a token, most in: {named}")
    return "; ".join(parts)
