"""Incidents: anomalies of one text on one source, open until quiet; many at once are one storm."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from tinylogbert_daemon.decide.budget import SEVERE, Budget, Suppressed
from tinylogbert_daemon.decide.incident import (
    Anomaly,
    Change,
    Growth,
    Incident,
    Muted,
    begun,
    enlarged,
    gathered,
    grown,
    merged,
)
from tinylogbert_daemon.decide.storms import Storm, gusts

OPEN_TEXTS = 10_000
"""Texts with an open incident, their own or a storm; beyond, the one quiet for longest is closed"""

STORM_TEXTS = 5
STORM_SECONDS = 60.0


def _unexplained(anomaly: Anomaly) -> Anomaly:
    return anomaly


def _unmuted(_: Anomaly) -> Muted | None:
    return None


class IncidentBook:
    """The open incidents of one host. Time is handed in with each call.

    Where more than ``storm_texts`` texts of a source open an incident within ``storm_seconds``,
    those that come in one block are one storm, and later ones join it until none has come for
    ``quiet_seconds``. A severe text does not join a storm that was opened by a milder one.
    ``incidents`` are those open before, the one seen last at the end.
    """

    def __init__(
        self,
        quiet_seconds: float,
        budget: Budget,
        incidents: Iterable[Incident] = (),
        *,
        storm_texts: int = STORM_TEXTS,
        storm_seconds: float = STORM_SECONDS,
        suppressed: Suppressed | None = None,
    ) -> None:
        self._quiet = quiet_seconds
        self.budget = budget
        self.suppressed = suppressed if suppressed is not None else Suppressed()
        self._storm_texts = storm_texts
        self._storm_seconds = storm_seconds
        # by source, in order of the last sight
        self._open: dict[str, dict[str, Incident]] = {}
        self._places: dict[tuple[str, int], str] = {}
        self._storms: dict[str, str] = {}  # the storm of a source that new texts may join
        self._recent: dict[str, deque[float]] = {}  # when incidents of one text were opened
        for incident in incidents:
            self._put(incident, incident.keys)
            if incident.storm is not None:
                self._storms[incident.first.source] = incident.id
            else:
                self._openings(incident.first.source).append(incident.opened)

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def is_open(self, source: str, key: int) -> bool:
        """Return whether an open incident covers a text."""
        return (source, key) in self._places

    def observe(
        self,
        anomalies: Sequence[Anomaly],
        until: float,
        explain: Callable[[Anomaly], Anomaly] = _unexplained,
        muted: Callable[[Anomaly], Muted | None] = _unmuted,
    ) -> list[Change]:
        """Open incidents for the anomalies of one block of one source, or let them grow.

        ``until`` is the log time up to which the block reaches. ``explain`` gives an anomaly its
        reason; it is called for those alone that open an incident. What ``muted`` keeps quiet opens
        one of its own, which is never sent, costs no budget and is part of no storm.
        """
        changes: list[Change] = []
        fresh: dict[int, Anomaly] = {}
        for anomaly in anomalies:
            id_ = self._places.get((anomaly.source, anomaly.key))
            if id_ is None:
                # two verdicts may be of one text, where the cache let one go
                before = fresh.get(anomaly.key)
                fresh[anomaly.key] = anomaly if before is None else merged(before, anomaly)
            else:
                self.suppressed.add(anomaly.source, "open", until)
                known = self._open[anomaly.source][id_]
                changes.append(Change("grown", self._put(grown(known, anomaly, until))))
        if fresh:
            loud = []
            for anomaly in fresh.values():
                feedback = muted(anomaly)
                if feedback is None:
                    loud.append(anomaly)
                else:
                    changes.append(self._begin_muted(explain(anomaly), feedback, until))
            if loud:
                changes += self._admit(loud, until, explain)
            changes += self._make_room()
        return changes

    def covering(self, source: str, key: int) -> str:
        """Return the id of the open incident that covers a text."""
        return self._places[source, key]

    def grow(self, growth: Growth) -> Incident:
        """Let the open incident that covers the text of ``growth`` grow, and return it."""
        known = self._open[growth.source][self._places[growth.source, growth.key]]
        return self._put(enlarged(known, growth))

    def may_close(self, source: str, now: float) -> bool:
        """Tell whether the incident of ``source`` seen least lately was quiet long enough."""
        oldest = next(iter(self._open.get(source, {}).values()), None)
        return oldest is not None and now - oldest.last_seen >= self._quiet

    def close_quiet(self, source: str, now: float) -> list[Incident]:
        """Close and return the incidents of ``source`` that were quiet long enough at ``now``."""
        closed = []
        for incident in list(self._open.get(source, {}).values()):
            if now - incident.last_seen < self._quiet:
                break  # the others were seen later
            closed.append(self._close(incident, now, "quiet"))
        return closed

    def mute(self, key: int, feedback: Muted) -> list[Incident]:
        """Close and return the open incidents of one text: feedback keeps it quiet from now on.

        A storm goes on: it is of other texts as well.
        """
        closed = []
        for incident in self._of_text(key):
            if incident.storm is None and incident.muted is None:
                ended = self._close(incident, incident.last_seen, "muted")
                closed.append(replace(ended, muted=feedback))
        return closed

    def unmute(self, feedback: int) -> list[Incident]:
        """Close and return the open incidents that ``feedback`` mutes, so that the next is sent."""
        found = [
            incident
            for incidents in self._open.values()
            for incident in incidents.values()
            if incident.muted is not None and incident.muted.feedback == feedback
        ]
        return [self._close(incident, incident.last_seen, "unmuted") for incident in found]

    def _of_text(self, key: int) -> list[Incident]:
        places = [(source, self._places.get((source, key))) for source in self._open]
        return [self._open[source][id_] for source, id_ in places if id_ is not None]

    def _begin_muted(self, first: Anomaly, feedback: Muted, until: float) -> Change:
        self.suppressed.add(first.source, "muted", first.time)
        incident = Incident(
            id=first.id,
            first=first,
            opened=first.time,
            last_seen=max(first.time, until),
            records=first.records,
            last_line=first.last_line,
            alerted=False,
            withheld="muted",
            peak=first.score,
            muted=feedback,
            curve=begun(first.time, until, first.records),
        )
        self._put(incident, incident.keys)
        return Change("opened", incident)

    def _admit(
        self, fresh: list[Anomaly], until: float, explain: Callable[[Anomaly], Anomaly]
    ) -> list[Change]:
        """Find a place for texts that have none."""
        source = fresh[0].source
        times = [anomaly.time for anomaly in fresh]
        storms = gusts(times, self._openings(source), self._storm_texts, self._storm_seconds)
        gust_of = {index: number for number, gust in enumerate(storms) for index in gust}
        changes: list[Change] = []
        for start, anomaly in enumerate(fresh):
            gust = [fresh[i] for i in storms[gust_of[start]]] if start in gust_of else [anomaly]
            if gust[0] is not anomaly:
                continue  # it was placed together with the first of its gust
            current = self._current_storm(source, anomaly.time)
            joining = [one for one in gust if current is not None and _may_join(one, current)]
            if current is not None and joining:
                changes.append(self._join(current, joining, until))
            rest = [one for one in gust if one not in joining] if joining else gust
            if rest:
                changes.append(self._begin(rest, start in gust_of, until, explain))
        return changes

    def _begin(
        self,
        anomalies: list[Anomaly],
        is_storm: bool,
        until: float,
        explain: Callable[[Anomaly], Anomaly],
    ) -> Change:
        """Open an incident for one text, or a storm of texts under the most severe of them."""
        worst = max(anomalies, key=lambda anomaly: anomaly.score)  # the first of equals
        first = explain(worst)
        source, opened = first.source, min(anomaly.time for anomaly in anomalies)
        refusal = self.budget.spend(source, opened, first.score)
        storm = None
        if is_storm:
            alone = sum(opened - time <= self._storm_seconds for time in self._openings(source))
            storm = gathered(Storm((), (), alone, opened), anomalies)
            self._storms[source] = worst.id
        else:
            self._openings(source).append(opened)
        earlier = None
        if refusal is None:
            earlier = self.suppressed.take(source, opened)
        else:
            self.suppressed.add(source, refusal, opened)
        if len(anomalies) > 1:
            self.suppressed.add(source, "storm", opened, len(anomalies) - 1)
        records = sum(anomaly.records for anomaly in anomalies)
        incident = Incident(
            id=worst.id,
            first=first,
            opened=opened,
            last_seen=max(opened, until),
            records=records,
            last_line=anomalies[-1].last_line,
            alerted=refusal is None,
            withheld=refusal or "",
            peak=first.score,
            storm=storm,
            curve=begun(opened, until, records),
        )
        self._put(incident, incident.keys)
        return Change("opened", incident, len(anomalies) - 1, earlier)

    def _join(self, known: Incident, anomalies: list[Anomaly], until: float) -> Change:
        self.suppressed.add(known.first.source, "storm", until, len(anomalies))
        for anomaly in anomalies:
            known = grown(known, anomaly, until)
        storm = known.storm and gathered(known.storm, anomalies)
        known = replace(known, storm=storm)
        return Change("grown", self._put(known, known.keys), len(anomalies))

    def _current_storm(self, source: str, now: float) -> Incident | None:
        incident = self._open.get(source, {}).get(self._storms.get(source, ""))
        if incident is None or incident.storm is None:
            return None
        return incident if now - incident.storm.joined < self._quiet else None

    def _openings(self, source: str) -> deque[float]:
        # more than these cannot make a storm any stormier
        return self._recent.setdefault(source, deque(maxlen=self._storm_texts))

    def _put(self, incident: Incident, new_keys: Iterable[int] = ()) -> Incident:
        opened = self._open.setdefault(incident.first.source, {})
        opened.pop(incident.id, None)
        opened[incident.id] = incident
        for key in new_keys:
            self._places[(incident.first.source, key)] = incident.id
        return incident

    def _close(self, incident: Incident, now: float, reason: str) -> Incident:
        source = incident.first.source
        del self._open[source][incident.id]
        for key in incident.keys:
            self._places.pop((source, key), None)
        return replace(incident, closed=max(now, incident.last_seen), close_reason=reason)

    def _make_room(self) -> list[Change]:
        closed = []
        while len(self._places) > OPEN_TEXTS:
            oldest = min(
                (next(iter(incidents.values())) for incidents in self._open.values() if incidents),
                key=lambda incident: incident.last_seen,
            )
            closed.append(Change("closed", self._close(oldest, oldest.last_seen, "too many open")))
        return closed


def _may_join(anomaly: Anomaly, storm: Incident) -> bool:
    return anomaly.score < SEVERE or storm.first.score >= SEVERE
