"""Decisions on the distinct verdicts of blocks, each made once while nothing changes it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from tinylogbert_daemon.decide.incidents import IncidentBook
from tinylogbert_daemon.decide.score import Decider, Decision
from tinylogbert_daemon.model.encoded import Dictionary, Encoded
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.pipeline.judged import Judged

_MINUTE = 60.0
_ONGOING_NOVELTY = 0.15  # an incident's text that never pauses is the new normal in three hours


def goes_on(decision: Decision) -> bool:
    """Return whether the open incident of a text goes on that is no anomaly by itself any more."""
    return decision.novelty > _ONGOING_NOVELTY


class Deciding:
    """Decides for one source.

    A decision hangs on the verdict, the minute of log time (counts take days to fade), what the
    decider has learned or was told, and its threshold; while the others stay, the verdicts that
    were harmless are passed over.
    """

    def __init__(self, decider: Decider, incidents: IncidentBook) -> None:
        self._decider = decider
        self._incidents = incidents
        self._at: tuple[object, ...] = ()
        self._decided: dict[Verdict, Decision] = {}
        self._harmless = _Harmless()

    def decide(self, judged: Judged) -> tuple[dict[Verdict, Decision], Iterable[Verdict]]:
        """Return the anomalies of a block and what goes on of open ones; and what is new to learn.

        A text is no news any more once it was counted, but its incident goes on until it is quiet,
        or has been there for so long that the text is known. What was handed out to learn is not
        handed out again before something has changed.
        """
        decider = self._decider
        told = decider.feedback.version if decider.feedback is not None else 0
        now = judged.now - judged.now % _MINUTE
        at = (decider.version, now, judged.learning, decider.threshold, told)
        if at != self._at:
            self._at = at
            self._decided.clear()
            self._harmless.clear()
        if judged.block.readback:
            self._at = ()
            return {}, sorted(judged.seen, key=judged.first)
        source, harmless, decided = judged.block.source, self._harmless, self._decided
        rest = harmless.others(judged.verdicts)
        rest = [verdict for verdict in rest if verdict not in judged.passed_over]
        is_open = self._incidents.is_open
        new = sorted((verdict for verdict in rest if verdict not in decided), key=judged.first)
        quiet = [verdict for verdict in new if not is_open(source, verdict.key)]
        harmless.update(decider.harmless(quiet, now, learning=judged.learning))
        found = {}
        for verdict in rest:
            if verdict in harmless:
                continue
            decision = decided.get(verdict)
            if decision is None:
                decision = decider.decide(verdict, now, learning=judged.learning)
                decided[verdict] = decision
            covered = is_open(source, verdict.key)
            if decision.anomaly or (covered and goes_on(decision)):
                found[verdict] = decision
            elif not covered:
                harmless.add(verdict)
        return found, new


class _Harmless:
    """Verdicts known to be harmless; those of the dictionary in use are marked by number."""

    def __init__(self) -> None:
        self._known: set[Verdict] = set()
        self._dictionary = Dictionary()
        self._marked: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)

    def __contains__(self, verdict: Verdict) -> bool:
        return verdict in self._known

    def add(self, verdict: Verdict) -> None:
        """Know one more."""
        self._known.add(verdict)

    def update(self, verdicts: Iterable[Verdict]) -> None:
        """Know more."""
        self._known.update(verdicts)

    def clear(self) -> None:
        """Know of none."""
        self._known.clear()
        self._marked[:] = False

    def others(self, verdicts: Encoded) -> list[Verdict]:
        """Return the distinct ones that are not known, in order of their numbers."""
        if verdicts.dictionary is not self._dictionary:
            self._dictionary, self._marked = verdicts.dictionary, np.zeros(0, np.bool_)
        if (more := len(self._dictionary) - len(self._marked)) > 0:
            self._marked = np.append(self._marked, np.zeros(more, np.bool_))
        numbers = verdicts.present[~self._marked[verdicts.present]]
        found = self._dictionary.at(numbers)
        known = [verdict in self._known for verdict in found]
        self._marked[numbers[known]] = True
        return [verdict for verdict, skip in zip(found, known, strict=True) if not skip]
