"""The evidence of a text by itself, in log-odds, and what its having been seen is worth."""

from __future__ import annotations

import math

from tinylogbert_daemon.model.scorer import Verdict

# Chosen, like the weights in :mod:`score`, on fault windows of services that the base model has not
# seen and on corruptions of other systems' logs: docs/quality.md says how, and what was in view.
_SEVERITY_WEIGHT = 0.7
# the level that a record gives itself, which the severity head does not see: that of trouble says
# less than that of mere information, for what is no trouble is logged as an error often enough
_TROUBLE_LEVEL_WEIGHT = 1.8
_HARMLESS_LEVEL_WEIGHT = 2.75
# what is left of novelty where a new text is of known wording
_KNOWN_WORDING = 0.7
HALF_EPISODES = 1.0
"""After how many episodes half of a text's novelty is gone."""

# What reads like trouble is not normal for having been seen (a history may hold anomalies): with
# the evidence of what it says, an episode counts for less, half at this one; but never for nothing,
# so that it becomes normal where it stays.
_DISTRUSTED = 1.6
_DISTRUST_SLOPE = 4.0
_LEAST_TRUST = 0.05
_LEVEL_EVIDENCE = {
    **dict.fromkeys(("[error]", "[fatal]", "[5xx]"), 1.0),
    **dict.fromkeys(("[debug]", "[info]", "[notice]", "[2xx]", "[3xx]"), -1.0),
}
_MOST_SEVERITY = 4.5  # log-odds: no head is surer than that on a host that it has not seen


def content_of(verdict: Verdict) -> float:
    """Return the evidence of what a text says, severity and level, in log-odds."""
    severity = math.log(max(verdict.severity, 1e-9) / max(1.0 - verdict.severity, 1e-9))
    severity = max(-_MOST_SEVERITY, min(severity, _MOST_SEVERITY))
    level = level_evidence(verdict.text)
    weight = _TROUBLE_LEVEL_WEIGHT if level > 0.0 else _HARMLESS_LEVEL_WEIGHT
    return _SEVERITY_WEIGHT * severity + weight * level


def trusted(verdict: Verdict, episodes: float) -> int:
    """Return how many ``episodes`` of a text count as normal: fewer, the more it is trouble."""
    return trusted_episodes(verdict, trust_of(content_of(verdict)), episodes)


def trusted_episodes(verdict: Verdict, trust: float, episodes: float) -> int:
    """Return how many ``episodes`` count as normal of a text of which each does for ``trust``.

    Rounded up or down by the text's key, so that of many texts the right share counts.
    """
    return int(trust * episodes + (verdict.key & 0xFFFF) / 0x10000)


def level_evidence(text: str) -> float:
    """Return what the level of a text says, in [-1, 1]; 0 if it has none."""
    return next((_LEVEL_EVIDENCE[word] for word in text.split(" ") if word in _LEVEL_EVIDENCE), 0.0)


def trust_of(evidence: float) -> float:
    """Return what an episode counts for of a text whose :func:`content_of` is ``evidence``."""
    return max(_LEAST_TRUST, 1.0 / (1.0 + math.exp(_DISTRUST_SLOPE * (evidence - _DISTRUSTED))))


def novelty_of(episodes: float, wording: float) -> float:
    """Return how new a text is, in [0, 1], of its episodes and the unfamiliarity of its wording."""
    return (_KNOWN_WORDING + (1.0 - _KNOWN_WORDING) * wording) / (1.0 + episodes / HALF_EPISODES)
