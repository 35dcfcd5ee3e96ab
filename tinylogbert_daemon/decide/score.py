"""From a verdict to a decision: novelty, score, and the reason in words.

The score is monotone in raw surprise, severity and novelty. Surprise and severity are judged by
their tail probability in a reference: the artifact's calibration texts, into which the host's own
records are mixed as they come (conformal p-values, Vovk et al., 2005), so that what is common on
this host is not surprising here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinylogbert_daemon.decide.counts import TextCounts
from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model.scorer import Verdict

RAW_STEP = 0.1
RAW_BINS = 160
SEVERITY_BINS = 100

_SURPRISE_WEIGHT = 1.0
_SEVERITY_WEIGHT = 1.0
_NOVELTY_WEIGHT = 4.0
_OFFSET = 4.0
_PRIOR_RECORDS = 1000.0


class Decision(NamedTuple):
    """``score`` and ``novelty`` in [0, 1]; ``anomaly`` is ``score >= threshold``."""

    score: float
    novelty: float
    anomaly: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """Histograms, of sum 1, of raw surprise (steps of 0.1 nats) and severity (of 0.01)."""

    raw: npt.NDArray[np.float64]
    severity: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, verdicts: Iterable[Verdict]) -> Calibration:
        """Return the histograms of ``verdicts``, each text once."""
        raw, severity = np.zeros(RAW_BINS), np.zeros(SEVERITY_BINS)
        for verdict in verdicts:
            raw[raw_bin(verdict.raw)] += 1
            severity[severity_bin(verdict.severity)] += 1
        return cls(raw / max(1.0, raw.sum()), severity / max(1.0, severity.sum()))

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Calibration:
        """Return what :meth:`to_json` gave; raises :class:`ArtifactError` if it is not that."""
        try:
            raw = np.asarray(fields["raw"], dtype=np.float64)
            severity = np.asarray(fields["severity"], dtype=np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError("manifest.json holds no calibration; train again") from error
        if raw.shape != (RAW_BINS,) or severity.shape != (SEVERITY_BINS,):
            raise ArtifactError("manifest.json holds a calibration of another size; train again")
        return cls(raw, severity)

    def to_json(self) -> dict[str, list[float]]:
        """Return lists for the manifest."""
        return {
            "raw": [round(float(value), 6) for value in self.raw],
            "severity": [round(float(value), 6) for value in self.severity],
        }


def raw_bin(raw: float) -> int:
    """Return the histogram bin of a raw surprise in nats per token."""
    return min(RAW_BINS - 1, int(raw / RAW_STEP))


def severity_bin(severity: float) -> int:
    """Return the histogram bin of a severity."""
    return min(SEVERITY_BINS - 1, int(severity * SEVERITY_BINS))


class Decider:
    """Decides on verdicts, with the counts and the reference of one host.

    Without :meth:`learn`, nothing changes: that is how ``detect``, ``batch`` and the API use it.
    """

    def __init__(
        self, calibration: Calibration, threshold: float, counts: TextCounts | None = None
    ) -> None:
        self.threshold = threshold
        self.counts = counts if counts is not None else TextCounts(half_life=math.inf)
        self._raw = calibration.raw * _PRIOR_RECORDS
        self._severity = calibration.severity * _PRIOR_RECORDS

    def decide(self, verdict: Verdict, now: float, *, learning: bool = False) -> Decision:
        """Return the decision on records with ``verdict`` at ``now`` (seconds, log time).

        While ``learning``, what is new is not held against a text: only surprise and severity are.
        """
        if not verdict.text:
            return Decision(0.0, 0.0, False)
        novelty = 1.0 / (1.0 + self.counts.get(verdict.key, now))
        surprise = _tail(self._raw, raw_bin(verdict.raw))
        severity = _tail(self._severity, severity_bin(verdict.severity))
        evidence = (
            _SURPRISE_WEIGHT * surprise
            + _SEVERITY_WEIGHT * severity
            + _NOVELTY_WEIGHT * (novelty - 1.0)
            - _OFFSET
        )
        score = 1.0 / (1.0 + math.exp(-evidence))
        return Decision(score, novelty, score >= self.threshold)


def _tail(histogram: npt.NDArray[np.float64], index: int) -> float:
    """Return -log10 of the histogram's share at or above ``index``."""
    return -math.log10((histogram[index:].sum() + 1.0) / (histogram.sum() + 1.0))


def surprising_words(verdict: Verdict, tokens: list[str], limit: int = 3) -> list[tuple[str, float]]:
    """Return the words that surprise most with their share of the surprise, largest first."""
    raise NotImplementedError
