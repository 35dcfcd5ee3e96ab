"""Decisions on the distinct verdicts of blocks, each made once while nothing changes it."""

from __future__ import annotations

from collections.abc import Iterable

from tinylogbert_daemon.decide.incidents import IncidentBook
from tinylogbert_daemon.decide.score import Decider, Decision
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
        self._harmless: set[Verdict] = set()

    def decide(self, judged: Judged) -> tuple[dict[Verdict, Decision], Iterable[Verdict]]:
        """Return the anomalies of a block and what goes on of open ones; and what is new to learn.

        A text is no news any more once it was counted, but its incident goes on until it is quiet,
        or has been there for so long that the text is known. What was handed out to learn is not
        handed out again before something has changed.
        """
        decider, seen = self._decider, judged.seen
        told = decider.feedback.version if decider.feedback is not None else 0
        now = judged.now - judged.now % _MINUTE
        at = (decider.version, now, judged.learning, decider.threshold, told)
        if at != self._at:
            self._at = at
            self._decided.clear()
            self._harmless.clear()
        if judged.block.readback:
            self._at = ()
            return {}, sorted(seen, key=judged.first)
        source, harmless, decided = judged.block.source, self._harmless, self._decided
        rest = sorted(seen.keys() - harmless, key=seen.__getitem__)
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
