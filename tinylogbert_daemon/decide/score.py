"""From a verdict to a decision: novelty, score, and the reason in words.

The score is the logistic of a sum: the log-odds of severity, the surprise as -log10 of its tail
probability, and the novelty; so it is monotone in each. The tail probability is taken in a
reference, the artifact's calibration texts into which the host's own records are mixed as they come
(conformal p-values, Vovk et al., 2005): what is common on this host is not surprising here.
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
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.scorer import Verdict

RAW_STEP = 0.1
RAW_BINS = 160
SEVERITY_BINS = 100

# Chosen on the bgl sets and on the number of alerts that the 13 systems' logs raise: see README.
_SURPRISE_WEIGHT = 1.2
_NOVELTY_WEIGHT = 3.0
_OFFSET = 0.5
_LEAST = 1e-4
_PRIOR_RECORDS = 1000.0
_REFERENCE_RECORDS = 1_000_000.0  # beyond, the older half fades: the reference follows the host


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
        if not all((part >= 0).all() and np.isfinite(part).all() for part in (raw, severity)):
            raise ArtifactError("manifest.json holds a calibration out of range; train again")
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

    @classmethod
    def of(
        cls, artifact: Artifact, threshold: float, half_life: float, counted_at: float = 0.0
    ) -> Decider:
        """Return a decider with an artifact's calibration and the counts of its training data.

        Counts halve every ``half_life`` seconds of log time; those of the training data are taken
        to be of ``counted_at`` (seconds).
        """
        counts = TextCounts(half_life)
        counts.load(
            (int(key, 16), count, counted_at) for key, count in artifact.manifest.counts.items()
        )
        return cls(Calibration.from_json(artifact.manifest.calibration), threshold, counts)

    def __init__(
        self, calibration: Calibration, threshold: float, counts: TextCounts | None = None
    ) -> None:
        self.threshold = threshold
        self.counts = counts if counts is not None else TextCounts(half_life=math.inf)
        self._raw = calibration.raw * _PRIOR_RECORDS

    def learn(self, seen: Mapping[Verdict, int]) -> None:
        """Mix the records of a block into the reference: what is common here is not surprising."""
        for verdict, records in seen.items():
            if verdict.text:
                self._raw[raw_bin(verdict.raw)] += records
        if self._raw.sum() > _REFERENCE_RECORDS:
            self._raw *= 0.5

    def reference(self) -> bytes:
        """Return the reference as learned so far, to be saved."""
        return self._raw.astype(np.float64).tobytes()

    def restore(self, reference: bytes) -> None:
        """Take in what :meth:`reference` gave; anything else is passed over."""
        if len(reference) == RAW_BINS * 8:
            self._raw = np.frombuffer(reference, dtype=np.float64).copy()

    def decide(self, verdict: Verdict, now: float, *, learning: bool = False) -> Decision:
        """Return the decision on records with ``verdict`` at ``now`` (seconds, log time).

        While ``learning``, what is new is not held against a text: only surprise and severity are.
        """
        if not verdict.text:
            return Decision(0.0, 0.0, False)
        novelty = 1.0 / (1.0 + self.counts.get(verdict.key, now))
        surprise = _tail(self._raw, raw_bin(verdict.raw))
        severity = min(max(verdict.severity, _LEAST), 1.0 - _LEAST)
        evidence = (
            math.log(severity / (1.0 - severity))
            + _SURPRISE_WEIGHT * surprise
            + _NOVELTY_WEIGHT * ((1.0 if learning else novelty) - 1.0)
            - _OFFSET
        )
        score = 1.0 / (1.0 + math.exp(-evidence))
        return Decision(score, novelty, score >= self.threshold)


def _tail(histogram: npt.NDArray[np.float64], index: int) -> float:
    """Return -log10 of the histogram's share at or above ``index``."""
    return -math.log10((histogram[index:].sum() + 1.0) / (histogram.sum() + 1.0))
