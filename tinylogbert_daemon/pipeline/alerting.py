"""Anomalies as incidents, and incidents as owed alerts: what the effects of blocks say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from tinylogbert_daemon.decide.alert import body
from tinylogbert_daemon.decide.explain import reason, surprising_words
from tinylogbert_daemon.decide.incident import Anomaly, Incident, Muted
from tinylogbert_daemon.decide.incidents import IncidentBook
from tinylogbert_daemon.decide.normals import Normals
from tinylogbert_daemon.decide.score import Decider, Decision
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.pipeline.growing import Growing
from tinylogbert_daemon.pipeline.judged import Judged
from tinylogbert_daemon.pipeline.private import Private
from tinylogbert_daemon.pipeline.tally import Tally
from tinylogbert_daemon.state.effects import Effects


class Alerting:
    """Opens, grows and closes the incidents of ``incidents``, and owes the alerts to ``sinks``.

    With ``notify_close`` another one is owed when an incident closes whose opening was sent.
    """

    def __init__(
        self,
        artifact: Artifact,
        decider: Decider,
        incidents: IncidentBook,
        normals: Normals,
        private: Private,
        *,
        sinks: Sequence[str],
        notify_close: bool,
    ) -> None:
        self._artifact = artifact
        self._decider = decider
        self._incidents = incidents
        self._normals = normals
        self._private = private
        self._sinks = tuple(sinks)
        self._notify_close = notify_close
        self._growing = Growing(incidents, private)

    def settle(self, effects: Effects) -> None:
        """Bring the incidents up to date, and have them committed with ``effects``."""
        self._growing.settle(effects)

    def close_quiet(self, source: str, now: float, effects: Effects) -> int:
        """Close what is quiet at ``now`` (seconds, log time); return how many incidents."""
        if not self._incidents.may_close(source, now):
            return 0
        self.settle(effects)
        closed = self._incidents.close_quiet(source, now)
        for incident in closed:
            self.closed(incident, effects)
        return len(closed)

    def closed(self, incident: Incident, effects: Effects) -> None:
        """Have the end of an incident committed and told."""
        effects.incidents[incident.id] = incident
        if incident.alerted and self._notify_close:
            self._owe(incident.id, body(incident), effects)

    def grow(
        self, judged: Judged, anomalous: Mapping[Verdict, Decision], effects: Effects, tally: Tally
    ) -> dict[Verdict, Decision]:
        """Let the open incidents of a block grow; return the anomalies that have none."""
        source, book = judged.block.source, self._incidents
        fresh: dict[Verdict, Decision] = {}
        grown = 0
        for verdict, records in judged.records(anomalous).items():
            decision = anomalous[verdict]
            if book.is_open(source, verdict.key):
                self._growing.add(judged, verdict, records, decision.score)
                tally.anomalies += records
                grown += 1
            else:
                fresh[verdict] = decision
        if grown:
            book.suppressed.add(source, "open", judged.now, grown)
            tally.suppressed["open"] += grown
            self._note_suppressed(effects)
        return fresh

    def open(
        self,
        found: Sequence[tuple[Anomaly, Verdict]],
        anomalous: Mapping[Verdict, Decision],
        effects: Effects,
        tally: Tally,
        *,
        now: float,
        learning: bool,
    ) -> None:
        """Open incidents for anomalies, in order of their records; what is open grows."""
        self.settle(effects)
        private = self._private
        verdicts = {anomaly.key: verdict for anomaly, verdict in found}

        def explain(anomaly: Anomaly) -> Anomaly:
            verdict = verdicts[anomaly.key]
            words = private.words(verdict, surprising_words(verdict, self._artifact.tokenizer))
            why = reason(verdict, anomalous[verdict], words, learning=learning)
            is_open = partial(self._incidents.is_open, anomaly.source)
            shown = replace(verdict, text=anomaly.text)
            nearest = self._normals.nearest(shown, anomaly.source, is_open)
            return replace(anomaly, reason=why, words=words, nearest=nearest)

        def muted(anomaly: Anomaly) -> Muted | None:
            feedback = self._decider.feedback
            return feedback.muting(verdicts[anomaly.key]) if feedback is not None else None

        for change in self._incidents.observe([one for one, _ in found], now, explain, muted):
            incident = change.incident
            if change.kind == "closed":
                self.closed(incident, effects)
                continue
            effects.incidents[incident.id] = incident
            if change.joined:
                tally.suppressed["storm"] += change.joined
            elif change.kind == "grown":
                tally.suppressed["open"] += 1
            if change.kind == "opened":
                tally.opened += 1
                if incident.alerted:
                    self._owe(incident.id, body(incident, change.earlier), effects)
                else:
                    tally.suppressed[incident.withheld] += 1
        tally.anomalies += sum(anomaly.records for anomaly, _ in found)
        self._note_suppressed(effects)

    def _note_suppressed(self, effects: Effects) -> None:
        effects.budget = self._incidents.budget.rows()
        for row in self._incidents.suppressed.take_changed():
            effects.suppressed[row[:2]] = row

    def _owe(self, id_: str, alert: str, effects: Effects) -> None:
        effects.deliveries += [(sink, id_, alert) for sink in self._sinks]
