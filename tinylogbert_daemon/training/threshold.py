"""Where to put the threshold: best F1, a number of incidents or lines a day, a wanted precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_DAY = 86_400.0
_LINES = 100_000
_DATED_SHARE = 0.5
_OUTLIERS = 0.001  # a date that is itself damaged must not stretch the span


@dataclass(frozen=True, slots=True)
class Wish:
    """What a threshold is chosen for: ``budget`` a day, a ``precision``.

    ``threshold`` is the one that is in use, ``quiet_seconds`` of log time without the same text
    close an incident.
    """

    threshold: float = 0.5
    budget: int = 20
    precision: float = 0.9
    quiet_seconds: float = 3600.0


def log_days(times: Sequence[float]) -> float | None:
    """Return how many days the ``times`` (seconds, NaN: no date) span; None if most have none.

    One line in a thousand at either end is passed over.
    """
    moments = np.asarray(times, dtype=np.float64)
    dated = moments[np.isfinite(moments)]
    if not len(dated) or len(dated) < _DATED_SHARE * len(moments):
        return None
    first, last = np.quantile(dated, [_OUTLIERS, 1 - _OUTLIERS], method="nearest")
    return float(last - first) / _DAY


def incident_starts(
    texts: Sequence[int], times: Sequence[float], quiet_seconds: float
) -> npt.NDArray[np.bool_]:
    """Return which lines would open an incident of their text, were all its lines flagged.

    Without dates a text has one incident.
    """
    keys = np.asarray(texts, dtype=np.int64)
    moments = np.asarray(times, dtype=np.float64)
    order = np.lexsort((moments, keys))  # NaN comes last
    starts = np.ones(len(keys), dtype=np.bool_)
    same = keys[order][1:] == keys[order][:-1]
    quiet = np.diff(moments[order]) > quiet_seconds
    starts[order[1:]] = ~same | quiet
    return starts


def operating_points(
    labels: Sequence[int],
    scores: Sequence[float],
    texts: Sequence[int],
    times: Sequence[float],
    wish: Wish,
) -> dict[str, Any]:
    """Return the thresholds that fulfil ``wish``, one entry a line; needs at least one line.

    Each of ``points`` is the lowest threshold that keeps within its bound, with what it flags, or
    None where none does. ``allowed`` is the budget for the whole of the lines: by log time, or a
    day being 100,000 lines where there are no dates; never below one.
    """
    values = np.asarray(scores, dtype=np.float64)
    truth = np.asarray(labels, dtype=np.int64)
    days = log_days(times)
    allowed = max(1.0, wish.budget * (len(values) / _LINES if days is None else days))
    ranks = _Ranks.of(truth, values, incident_starts(texts, times, wish.quiet_seconds))
    points = {
        "in_use": ranks.at(wish.threshold),
        "best_f1": ranks.point(int(ranks.f1.argmax())),
        "incidents": ranks.last(ranks.incidents <= allowed),
        "lines": ranks.last(ranks.flagged <= allowed),
        "precision": ranks.last(ranks.precision >= wish.precision),
    }
    return {"wish": asdict(wish), "days": days, "allowed": allowed, "points": points}


def point_names(wish: Wish, days: float | None) -> dict[str, str]:
    """Return what each of the points is, in words."""
    per = f"per {_LINES:,} lines" if days is None else "a day"
    return {
        "in_use": f"in use ({wish.threshold:g})",
        "best_f1": "best F1",
        "incidents": f"{wish.budget} incidents {per}",
        "lines": f"{wish.budget} flagged lines {per}",
        "precision": f"precision of at least {wish.precision:g}",
    }


@dataclass(frozen=True, slots=True)
class _Ranks:
    """Cumulated from the highest score down, one entry a distinct score."""

    threshold: npt.NDArray[np.float64]
    true: npt.NDArray[np.int64]
    flagged: npt.NDArray[np.int64]
    incidents: npt.NDArray[np.int64]
    anomalies: int

    @classmethod
    def of(
        cls,
        truth: npt.NDArray[np.int64],
        values: npt.NDArray[np.float64],
        starts: npt.NDArray[np.bool_],
    ) -> _Ranks:
        order = np.argsort(-values, kind="stable")
        ranked = values[order]
        ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        return cls(
            ranked[ends],
            np.cumsum(truth[order])[ends],
            ends + 1,
            np.cumsum(starts[order])[ends],
            int(truth.sum()),
        )

    @property
    def precision(self) -> npt.NDArray[np.float64]:
        return self.true / self.flagged

    @property
    def f1(self) -> npt.NDArray[np.float64]:
        return 2 * self.true / (self.flagged + self.anomalies)

    def last(self, fulfilled: npt.NDArray[np.bool_]) -> dict[str, float] | None:
        """Return the lowest threshold of those that fulfil, or None."""
        which = np.flatnonzero(fulfilled)
        return self.point(int(which[-1])) if len(which) else None

    def at(self, threshold: float) -> dict[str, float]:
        """Return what a given threshold flags."""
        nothing = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "flagged": 0, "incidents": 0}
        return {**(self.last(self.threshold >= threshold) or nothing), "threshold": threshold}

    def point(self, index: int) -> dict[str, float]:
        """Return a threshold and what it flags."""
        return {
            "threshold": float(self.threshold[index]),
            "precision": float(self.precision[index]),
            "recall": float(self.true[index] / max(1, self.anomalies)),
            "f1": float(self.f1[index]),
            "flagged": int(self.flagged[index]),
            "incidents": int(self.incidents[index]),
        }
