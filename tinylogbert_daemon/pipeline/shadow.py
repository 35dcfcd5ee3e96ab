"""The shadow comparison: what a new model would have said of what this host has seen lately.

Every recent text is judged as if it came for the first time, by the model in use and by the new
one, each with its own calibration: that is when a text alerts, and how future ones will be judged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinylogbert_daemon.decide.counts import TextCounts
from tinylogbert_daemon.decide.familiarity import WordPairs
from tinylogbert_daemon.decide.incident import Anomaly
from tinylogbert_daemon.decide.score import Decider
from tinylogbert_daemon.model.scorer import Verdict

TEXTS = 5000
LEAST_TEXTS = 10
"""With fewer recent texts nothing can be said of a model."""

STRONG = 0.8
"""An incident of this score or severity is one that a new model must find as well."""

INCIDENTS_KEPT = 0.9
_SLACK_SHARE = 0.1
_SLACK_TEXTS = 3
_SHOWN = 10
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Comparison:
    """What would alert now and what not any more; ``reason`` says why the new model is worse.

    ``agreement`` is the share of texts on which both say the same. ``incidents`` counts the texts
    of strong incidents that the model in use finds, ``incidents_kept`` those of them that the new
    one finds.
    """

    texts: int
    agreement: float
    new_alerts: Sequence[str]
    gone_alerts: Sequence[str]
    incidents: int
    incidents_kept: int
    reason: str | None

    def shown(self) -> tuple[list[str], list[str]]:
        """Return a few of the texts that would alert now, and of those that would not any more."""
        return _some(self.new_alerts), _some(self.gone_alerts)


def strong_texts(incidents: Sequence[Anomaly]) -> list[str]:
    """Return the distinct texts of the incidents that a new model must find as well."""
    return list(
        dict.fromkeys(
            one.text for one in incidents if one.score >= STRONG or one.severity >= STRONG
        )
    )


def alerts(decider: Decider, verdicts: Sequence[Verdict], now: float) -> set[str]:
    """Return the texts that would alert if each came for the first time at ``now``.

    ``decider`` holds a model's calibration; its counts are put away.
    """
    decider.counts = TextCounts(half_life=math.inf)
    decider.pairs = WordPairs()
    return {verdict.text for verdict in verdicts if decider.decide(verdict, now).anomaly}


def compare(
    old: set[str],
    new: set[str],
    *,
    recent: Mapping[str, int],
    incidents: Sequence[Anomaly],
    verdicts: Sequence[Verdict],
    budget: int,
) -> Comparison:
    """Compare the ``alerts`` of the model in use and of the new one, and judge the new one.

    ``recent`` are the texts with their counts, ``verdicts`` the new model's, ``budget`` the alerts
    a day. All alerts are compared, those of ``incidents`` too: without them, the model in use
    would by its own choice of incidents look as if it never gave a false alarm.
    """
    strong = set(strong_texts(incidents)) & old
    texts = recent.keys() | strong
    kept = strong & new
    before, after = len(texts & old), len(texts & new)
    slack = min(budget, max(_SLACK_TEXTS, int(_SLACK_SHARE * before)))
    reason = None
    if not all(math.isfinite(one.raw) and math.isfinite(one.severity) for one in verdicts):
        reason = "it gives scores that are no numbers"
    elif after > before + slack:
        reason = (
            f"it would alert on {after} of {len(texts)} recent texts, the model in use on {before}"
        )
    elif len(strong) - len(kept) > math.floor((1.0 - INCIDENTS_KEPT) * len(strong) + 1e-9):
        reason = f"it would miss {len(strong) - len(kept)} of {len(strong)} recent strong incidents"
    return Comparison(
        texts=len(texts),
        agreement=1.0 - len((old ^ new) & texts) / max(1, len(texts)),
        new_alerts=sorted((new - old) & texts),
        gone_alerts=sorted((old - new) & texts),
        incidents=len(strong),
        incidents_kept=len(kept),
        reason=reason,
    )


def _some(texts: Sequence[str]) -> list[str]:
    return [text[:_SHOWN_CHARACTERS] for text in texts[:_SHOWN]]
