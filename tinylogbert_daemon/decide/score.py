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
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tinylogbert_daemon.decide.calibration import RAW_BINS, Calibration, raw_bin
from tinylogbert_daemon.decide.counts import ERA_SECONDS, TextCounts
from tinylogbert_daemon.decide.evidence import (
    HALF_EPISODES,
    content_of,
    novelty_of,
    trust_of,
    trusted_episodes,
)
from tinylogbert_daemon.decide.familiarity import WordPairs
from tinylogbert_daemon.decide.feedback import FeedbackBook
from tinylogbert_daemon.decide.operating import OPERATING_STATE, OperatingPoint
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.scorer import Verdict

EPISODE_SECONDS = 900.0
"""A text that turns up again within this much log time is still the same episode."""

# chosen as docs/quality.md says
_SURPRISE_WEIGHT = 0.4
_NOVELTY_WEIGHT = 14.0
_OFFSET = 1.05
# while a source is learning or nothing is known of the host, no text is newer than that
_NEUTRAL_NOVELTY = 0.968
_KNOWN_EPISODES = 12.0  # from here on the wording is known as well and is not looked at
_CONTENTS = 50_000
_ROUNDING = 1e-9
_PRIOR_EPISODES = 500.0
_REFERENCE_EPISODES = 100_000.0  # beyond, the older half fades: the reference follows the host


class Decision(NamedTuple):
    """``score`` and ``novelty`` in [0, 1]; ``anomaly`` is ``score >= threshold``."""

    score: float
    novelty: float
    anomaly: bool


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
            now_known = trusted_episodes(verdict, trust, before + 1)
            if now_known > trusted_episodes(verdict, trust, before):
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
            newness = 1.0 / (1.0 + trust * count(verdict.key, now) / HALF_EPISODES)
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
        return novelty_of(episodes, 1.0) <= novelty or (
            novelty_of(episodes, 0.0) <= novelty
            and novelty_of(episodes, self._wording(verdict, episodes)) <= novelty
        )

    def _wording(self, verdict: Verdict, episodes: float) -> float:
        return self.pairs.unfamiliarity(verdict.text) if episodes < _KNOWN_EPISODES else 0.0

    def _evidence(self, verdict: Verdict, now: float, learning: bool) -> tuple[float, float]:
        """Return the log-odds of trouble above the model's own operating point, and novelty."""
        content, trust = self._judged(verdict)
        episodes = self.counts.get(verdict.key, now)
        wording = self._wording(verdict, episodes)
        newness = novelty_of(trust * episodes, wording)
        if learning or not len(self.counts):
            newness = min(newness, _NEUTRAL_NOVELTY)
        evidence = (
            content
            + _SURPRISE_WEIGHT * self._surprise[raw_bin(verdict.raw)]
            + _NOVELTY_WEIGHT * (newness - 1.0)
            - _OFFSET
        )
        return evidence, novelty_of(episodes, wording)

    def _judged(self, verdict: Verdict) -> tuple[float, float]:
        """Return a text's content and trust, the same on every host; the last ones are kept."""
        known = self._contents.get(verdict.key)
        if known is None:
            evidence = content_of(verdict)
            known = evidence, trust_of(evidence)
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
