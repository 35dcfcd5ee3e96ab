"""What surprise is usual: a histogram that an artifact brings along and a host adds to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model.scorer import Verdict

RAW_STEP = 0.1
RAW_BINS = 160


@dataclass(frozen=True, slots=True)
class Calibration:
    """The histogram, of sum 1, of raw surprise (steps of 0.1 nats)."""

    raw: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, verdicts: Iterable[Verdict]) -> Calibration:
        """Return the histogram of ``verdicts``, each text once."""
        raw = np.zeros(RAW_BINS)
        for verdict in verdicts:
            raw[raw_bin(verdict.raw)] += 1
        return cls(raw / max(1.0, raw.sum()))

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Calibration:
        """Return what :meth:`to_json` gave; raises :class:`ArtifactError` if it is not that."""
        try:
            raw = np.asarray(fields["raw"], dtype=np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError("manifest.json holds no calibration; train again") from error
        if raw.shape != (RAW_BINS,):
            raise ArtifactError("manifest.json holds a calibration of another size; train again")
        if not ((raw >= 0).all() and np.isfinite(raw).all()):
            raise ArtifactError("manifest.json holds a calibration out of range; train again")
        return cls(raw)

    def smoothed(self, nats: float) -> Calibration:
        """Return the histogram blurred by a Gaussian of that standard deviation.

        So that a few texts say something of all surprises near theirs (a kernel density estimate).
        """
        width = nats / RAW_STEP
        offsets = np.arange(-RAW_BINS // 2, RAW_BINS // 2 + 1)
        kernel = np.exp(-0.5 * np.square(offsets / width))
        blurred = np.convolve(self.raw, kernel)[RAW_BINS // 2 : -(RAW_BINS // 2)]
        return Calibration(blurred / max(blurred.sum(), 1e-9))

    def to_json(self) -> dict[str, list[float]]:
        """Return lists for the manifest."""
        return {"raw": [round(float(value), 6) for value in self.raw]}


def raw_bin(raw: float) -> int:
    """Return the histogram bin of a raw surprise in nats per token."""
    return min(RAW_BINS - 1, int(raw / RAW_STEP))
