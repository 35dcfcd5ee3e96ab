"""What is common on a source and no anomaly, fed to the known-normal texts."""

from __future__ import annotations

from tinylogbert_daemon.decide.normals import Normals
from tinylogbert_daemon.decide.score import Decider
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.pipeline.judged import Judged
from tinylogbert_daemon.pipeline.private import Private

KNOWN_NOVELTY = 0.3
"""Up to this novelty (some episodes) a text that is no anomaly counts as known-normal."""

_TROUBLE = 0.5

_TEXTS = 8
_BLOCKS = 16


class Feeding:
    """Feeds its ``normals``. Of blocks with many texts only some are looked at: they come again."""

    def __init__(self, decider: Decider, private: Private) -> None:
        self.normals = Normals()
        self._decider = decider
        self._private = private

    def feed(self, judged: Judged, number: int) -> None:
        """Feed the texts of a block, the ``number``-th of its source."""
        if len(judged.verdicts.present) > _TEXTS and number % _BLOCKS != 1:
            return
        now, learning, decider = judged.now, judged.learning, self._decider
        known = [verdict for verdict in judged.seen if self._is_known(verdict, now, learning)]
        harmless = set(decider.harmless(known, now, learning=learning))
        common = [
            verdict
            for verdict in known
            if verdict in harmless or not decider.decide(verdict, now, learning=learning).anomaly
        ]
        self.normals.feed(judged.block.source, common)

    def _is_known(self, verdict: Verdict, now: float, learning: bool) -> bool:
        """Return whether a text that is not among the normal ones should be, if no anomaly."""
        if not verdict.text or not verdict.embedding.size or verdict.key in self.normals:
            return False
        if verdict in self._private:
            return False  # a text with a secret is not shown to explain another one
        # what a source writes while it is learned is its normal, but for trouble
        if learning and verdict.severity < _TROUBLE:
            return True
        return self._decider.is_known(verdict, now, KNOWN_NOVELTY)
