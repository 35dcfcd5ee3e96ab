"""Where the bar is: how much evidence opens an incident, so that the alert budget is kept.

Each time a text turns up anew (an episode, see :mod:`counts`) it could open an incident; how much
evidence spoke against it goes into a histogram that decays in log time. The bar is the least
evidence that was exceeded no more often a day than the budget allows: a peaks-over-threshold rule
(as in SPOT, Siffer et al., 2017) on the empirical tail, which needs no distribution to be assumed.
It is never below the operating point that the model came with: a quiet host is not given alerts to
use its budget up.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_DAY = 86_400.0
_STEP = 0.1
_BINS = 160  # evidence from 0 to 16 log-odds above the operating point

OPERATING_STATE = _BINS + 2
"""Numbers that :meth:`OperatingPoint.state` gives."""


class OperatingPoint:
    """The bar of one host, in log-odds above the model's own operating point (at least 0).

    ``per_day`` incidents a day are allowed; what was seen counts half after ``half_life`` seconds
    of log time. The first day counts as a whole one however little of it has passed.
    """

    def __init__(self, per_day: float, half_life: float) -> None:
        self._per_day = per_day
        self._half_life = half_life
        self._tail: npt.NDArray[np.float64] = np.zeros(_BINS)
        self._days = 0.0
        self._time = math.nan
        self.bar = 0.0

    def observe(self, evidence: float, now: float) -> None:
        """Take note of an episode at ``now`` (seconds, log time) with ``evidence`` against it."""
        self._advance(now)
        if evidence >= 0.0:
            self._tail[min(_BINS - 1, int(evidence / _STEP))] += 1.0
            self._set_bar()

    def _advance(self, now: float) -> None:
        if math.isnan(self._time):
            self._time = now
        passed = now - self._time
        if passed <= 0:
            return
        kept = 0.5 ** (passed / self._half_life)
        self._tail *= kept
        self._days = self._days * kept + passed / _DAY
        self._time = now
        self._set_bar()

    def _set_bar(self) -> None:
        allowed = self._per_day * max(1.0, self._days)
        exceeding = np.cumsum(self._tail[::-1])[::-1]
        over = np.flatnonzero(exceeding > allowed)
        self.bar = float((over[-1] + 1) * _STEP) if len(over) else 0.0

    def state(self) -> npt.NDArray[np.float64]:
        """Return all that :meth:`restore` needs."""
        return np.concatenate([self._tail, (self._days, self._time)])

    def restore(self, state: npt.NDArray[np.float64]) -> None:
        """Take in what :meth:`state` gave."""
        self._tail = state[:_BINS].copy()
        self._days, self._time = (float(value) for value in state[_BINS:])
        self._set_bar()
