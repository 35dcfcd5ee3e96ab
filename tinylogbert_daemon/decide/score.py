"""From a verdict to a decision: novelty, evidence, score.

The score is the logistic of a sum: the log-odds of severity, the level that the record gives
itself, the surprise as -log10 of its tail probability, and the novelty; so it is monotone in each.
The tail probability is taken in a reference, the artifact's calibration texts into which the host's
own episodes are mixed as they come (conformal p-values, Vovk et al., 2005): what is common on this
host is not surprising here. Novelty falls with how often the text was seen, and for a new text with
how familiar its wording is. An operating point that follows the alert budget is taken off the sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinylogbert_daemon.decide.counts import ERA_SECONDS, TextCounts
from tinylogbert_daemon.decide.familiarity import WordPairs
from tinylogbert_daemon.decide.feedback import FeedbackBook
from tinylogbert_daemon.decide.operating import OPERATING_STATE, OperatingPoint
from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.scorer import Verdict

RAW_STEP = 0.1
RAW_BINS = 160

EPISODE_SECONDS = 900.0
"""A text that turns up again within this much log time is still the same episode."""

# Chosen on fault windows of services that the base model has not seen and on corruptions of other
# systems' logs: docs/quality.md says how, and what was in view.
_SEVERITY_WEIGHT = 0.5
_SURPRISE_WEIGHT = 0.5
_NOVELTY_WEIGHT = 14.0
_LEVEL_WEIGHT = 2.25
_OFFSET = 1.0
# while a source is learning or nothing is known of the host, no text is newer than that
_NEUTRAL_NOVELTY = 0.965
# what is left of novelty where a new text is of known wording; after how many episodes it is half
_KNOWN_WORDING = 0.7
_HALF_EPISODES = 1.0
_KNOWN_EPISODES = 12.0  # from here on the wording is known as well and is not looked at
# What reads like trouble is not normal for having been seen (a history may hold anomalies): with
# the evidence of what it says, an episode counts for less, half at this one; but never for nothing,
# so that it becomes normal where it stays.
_DISTRUSTED = 1.6
_DISTRUST_SLOPE = 4.0
_LEAST_TRUST = 0.05
# the level that a record gives itself, which the severity head does not see
_LEVEL_EVIDENCE = {
    **dict.fromkeys(("[error]", "[fatal]", "[5xx]"), 1.0),
    **dict.fromkeys(("[debug]", "[info]", "[notice]", "[2xx]", "[3xx]"), -1.0),
}
_MOST_SEVERITY = 6.0  # log-odds: no head is surer than that on a host that it has not seen
_CONTENTS = 50_000
_ROUNDING = 1e-9
_PRIOR_EPISODES = 500.0
_REFERENCE_EPISODES = 100_000.0  # beyond, the older half fades: the reference follows the host


class Decision(NamedTuple):
    """``score`` and ``novelty`` in [0, 1]; ``anomaly`` is ``score >= threshold``."""

    score: float
    novelty: float
    anomaly: bool


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


class Decider:
    """Decides on verdicts, with the counts, the reference and the operating point of one host.

    Without :meth:`learn`, nothing changes: that is how ``detect``, ``batch`` and the API use it.
    """

    @classmethod
    def of(
        cls,
        artifact: Artifact,
        threshold: float,
        half_life: float,
        counted_at: float = 0.0,
        alert_budget: float = math.inf,
    ) -> Decider:
        """Return a decider with an artifact's calibration and the counts of its training data.

        Counts halve every ``half_life`` seconds of log time; those of the training data are taken
        to be of ``counted_at`` (seconds). ``alert_budget`` is in incidents a day.
        """
        counts = TextCounts(half_life)
        counts.load(
            (int(key, 16), count, counted_at) for key, count in artifact.manifest.counts.items()
        )
        calibration = Calibration.from_json(artifact.manifest.calibration)
        decider = cls(calibration, threshold, counts, OperatingPoint(alert_budget, half_life))
        decider.pairs = WordPairs.unpacked(artifact.manifest.pairs)
        return decider

    def __init__(
        self,
        calibration: Calibration,
        threshold: float,
        counts: TextCounts | None = None,
        operating: OperatingPoint | None = None,
    ) -> None:
        self.threshold = threshold
        self.version = 0
        """Another one whenever something was learned: until then, decisions at one time stay."""
        self.counts = counts if counts is not None else TextCounts(half_life=math.inf)
        self.pairs = WordPairs()
        self._contents: dict[int, tuple[float, float]] = {}
        self._operating = operating or OperatingPoint(math.inf, math.inf)
        self.feedback: FeedbackBook | None = None
        self._set_reference(calibration.raw * _PRIOR_EPISODES)
        self._first_surprise = self._surprise  # what the host has not damped

    def learn(
        self, seen: Iterable[Verdict], now: float, *, learning: bool = False
    ) -> dict[int, tuple[float, float]]:
        """Take in the texts of a block at ``now`` (seconds, log time): one episode each.

        A text that was counted less than ``EPISODE_SECONDS`` ago is passed over, so that a burst
        does not become normal by its mass, and what is there all the time does with time. Returns
        the rows of :meth:`TextCounts.add` that changed.
        """
        new: dict[int, Verdict] = {}
        for verdict in seen:
            if verdict.text and verdict.key not in new:
                updated = self.counts.updated(verdict.key)
                if (
                    updated is None
                    or now - updated >= EPISODE_SECONDS
                    or updated - now > ERA_SECONDS
                ):
                    new[verdict.key] = verdict
        if not new:
            return {}
        self.version += 1
        for verdict in new.values():
            evidence, _ = self._evidence(verdict, now, learning)
            self._operating.observe(evidence, now)
        self.calibrate(new.values())
        for verdict in new.values():
            before, (_, trust) = self.counts.get(verdict.key, now), self._judged(verdict)
            if _share(verdict, trust, before + 1) > _share(verdict, trust, before):
                self.pairs.add(verdict.text)
        return self.counts.add(dict.fromkeys(new, 1.0), now)

    def calibrate(self, verdicts: Iterable[Verdict]) -> None:
        """Mix ``verdicts`` into the reference, each once: what is common is not surprising."""
        raw = self._raw
        for verdict in verdicts:
            if verdict.text:
                raw[raw_bin(verdict.raw)] += 1
        self._set_reference(raw * 0.5 if raw.sum() > _REFERENCE_EPISODES else raw)

    def reference(self) -> bytes:
        """Return the reference and the operating point as learned so far, to be saved."""
        return np.concatenate([self._raw, self._operating.state()]).astype(np.float64).tobytes()

    def restore(self, reference: bytes) -> None:
        """Take in what :meth:`reference` gave; anything else is passed over."""
        if len(reference) == (RAW_BINS + OPERATING_STATE) * 8:
            found = np.frombuffer(reference, dtype=np.float64)
            self._set_reference(found[:RAW_BINS].copy())
            self._operating.restore(found[RAW_BINS:])

    def decide(self, verdict: Verdict, now: float, *, learning: bool = False) -> Decision:
        """Return the decision on records with ``verdict`` at ``now`` (seconds, log time).

        While ``learning``, and where no text was counted yet, no text is wholly new: severity,
        level and surprise must speak against it. What feedback calls a real problem is judged as if
        it came for the first time, however often it was there.
        """
        if not verdict.text:
            return Decision(0.0, 0.0, False)
        if self.feedback is not None and self.feedback.is_real(verdict):
            surprise = self._first_surprise[raw_bin(verdict.raw)]
            evidence = self._judged(verdict)[0] + _SURPRISE_WEIGHT * surprise - _OFFSET
            novelty = 1.0
        else:
            evidence, novelty = self._evidence(verdict, now, learning)
        score = 1.0 / (1.0 + math.exp(self._operating.bar - evidence))
        return Decision(score, novelty, score >= self.threshold)

    def harmless(
        self, verdicts: Iterable[Verdict], now: float, *, learning: bool = False
    ) -> list[Verdict]:
        """Return those of ``verdicts`` of which :meth:`decide` finds no anomaly for sure.

        A bound that is cheap, as if the wording were wholly new; it may leave some out.
        """
        if not 0.0 < self.threshold < 1.0:
            return []
        least = self._operating.bar + math.log(self.threshold / (1.0 - self.threshold)) - _ROUNDING
        newest = _NEUTRAL_NOVELTY if learning or not len(self.counts) else 1.0
        feedback, surprise, count = self.feedback, self._surprise, self.counts.get
        found = []
        for verdict in verdicts:  # hot: nearly every text of a block comes by here
            content, trust = self._contents.get(verdict.key) or self._judged(verdict)
            newness = 1.0 / (1.0 + trust * count(verdict.key, now) / _HALF_EPISODES)
            evidence = (
                content
                + _SURPRISE_WEIGHT * surprise[raw_bin(verdict.raw)]
                + _NOVELTY_WEIGHT * ((newness if newness < newest else newest) - 1.0)
                - _OFFSET
            )
            if not verdict.text or (
                evidence < least and not (feedback is not None and feedback.is_real(verdict))
            ):
                found.append(verdict)
        return found

    def is_known(self, verdict: Verdict, now: float, novelty: float) -> bool:
        """Return whether the novelty of :meth:`decide` is at most ``novelty``."""
        episodes = self.counts.get(verdict.key, now)
        # the wording is looked at only where it decides
        return _novelty(episodes, 1.0) <= novelty or (
            _novelty(episodes, 0.0) <= novelty
            and _novelty(episodes, self._wording(verdict, episodes)) <= novelty
        )

    def _wording(self, verdict: Verdict, episodes: float) -> float:
        return self.pairs.unfamiliarity(verdict.text) if episodes < _KNOWN_EPISODES else 0.0

    def _evidence(self, verdict: Verdict, now: float, learning: bool) -> tuple[float, float]:
        """Return the log-odds of trouble above the model's own operating point, and novelty."""
        content, trust = self._judged(verdict)
        episodes = self.counts.get(verdict.key, now)
        wording = self._wording(verdict, episodes)
        newness = _novelty(trust * episodes, wording)
        if learning or not len(self.counts):
            newness = min(newness, _NEUTRAL_NOVELTY)
        evidence = (
            content
            + _SURPRISE_WEIGHT * self._surprise[raw_bin(verdict.raw)]
            + _NOVELTY_WEIGHT * (newness - 1.0)
            - _OFFSET
        )
        return evidence, _novelty(episodes, wording)

    def _judged(self, verdict: Verdict) -> tuple[float, float]:
        """Return :func:`content` and its trust, the same on every host; the last ones are kept."""
        known = self._contents.get(verdict.key)
        if known is None:
            evidence = content(verdict)
            known = evidence, _trust(evidence)
            if len(self._contents) >= _CONTENTS:
                self._contents.clear()
            self._contents[verdict.key] = known
        return known

    def _set_reference(self, raw: npt.NDArray[np.float64]) -> None:
        """Take ``raw`` as the histogram; keep -log10 of its share at or above each bin."""
        self._raw = raw
        self.version += 1
        above = np.cumsum(raw[::-1])[::-1]
        self._surprise: list[float] = (-np.log10((above + 1.0) / (above[0] + 1.0))).tolist()


def content(verdict: Verdict) -> float:
    """Return the evidence of what a text says, severity and level, in log-odds."""
    severity = math.log(max(verdict.severity, 1e-9) / max(1.0 - verdict.severity, 1e-9))
    severity = max(-_MOST_SEVERITY, min(severity, _MOST_SEVERITY))
    return _SEVERITY_WEIGHT * severity + _LEVEL_WEIGHT * level_evidence(verdict.text)


def trusted(verdict: Verdict, episodes: float) -> int:
    """Return how many ``episodes`` of a text count as normal: fewer, the more it is trouble.

    Rounded up or down by the text's key, so that of many texts the right share counts.
    """
    return _share(verdict, _trust(content(verdict)), episodes)


def _share(verdict: Verdict, trust: float, episodes: float) -> int:
    return int(trust * episodes + (verdict.key & 0xFFFF) / 0x10000)


def level_evidence(text: str) -> float:
    """Return what the level of a text says, in [-1, 1]; 0 if it has none."""
    return next((_LEVEL_EVIDENCE[word] for word in text.split(" ") if word in _LEVEL_EVIDENCE), 0.0)


def _trust(evidence: float) -> float:
    """Return what an episode counts for of a text whose :func:`content` is ``evidence``."""
    return max(_LEAST_TRUST, 1.0 / (1.0 + math.exp(_DISTRUST_SLOPE * (evidence - _DISTRUSTED))))


def _novelty(episodes: float, wording: float) -> float:
    """Return how new a text is, in [0, 1], of its episodes and the unfamiliarity of its wording."""
    return (_KNOWN_WORDING + (1.0 - _KNOWN_WORDING) * wording) / (1.0 + episodes / _HALF_EPISODES)
