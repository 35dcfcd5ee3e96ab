"""Incidents: anomalies of one text on one source, open until quiet; and the alert budget."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Records of one text that one block brought, all with the same decision.

    ``first_line`` and ``last_line`` are raw records; ``offset`` and ``line`` say where the first
    stands in ``path``; ``origin`` identifies the file's content. ``time`` is log time in seconds.
    """

    source: str
    path: str
    origin: bytes
    offset: int
    line: int
    records: int
    first_line: str
    last_line: str
    text: str
    key: int
    time: float
    score: float
    raw: float
    severity: float
    novelty: float
    reason: str
    words: tuple[tuple[str, float], ...]

    @property
    def id(self) -> str:
        """The same for the same record of the same file, so that a replay repeats it."""
        content = b"\0".join((self.origin, str(self.offset).encode(), self.text.encode()))
        return blake2b(content, digest_size=10).hexdigest()


@dataclass(frozen=True, slots=True)
class Incident:
    """An open or closed incident; ``id`` is its first anomaly's."""

    id: str
    first: Anomaly
    opened: float
    last_seen: float
    records: int
    last_line: str
    alerted: bool
    closed: float | None = None


class Budget:
    """A token bucket over log time: ``per_day`` alerts a day, ``burst`` of them at once."""

    def __init__(self, per_day: int, burst: int) -> None:
        self._rate = per_day / _DAY
        self._burst = float(burst)
        self._left = float(burst)
        self._time: float | None = None

    def spend(self, now: float) -> bool:
        """Take one alert at ``now`` (seconds) if there is one left; return whether there was."""
        if self._time is not None and now > self._time:
            self._left = min(self._burst, self._left + (now - self._time) * self._rate)
        self._time = now if self._time is None else max(now, self._time)
        if self._left < 1:
            return False
        self._left -= 1
        return True


class IncidentBook:
    """The open incidents of one host. Time is handed in with each call."""

    def __init__(
        self, quiet_seconds: float, budget: Budget, incidents: Iterable[Incident] = ()
    ) -> None:
        self._quiet = quiet_seconds
        self._budget = budget
        self._open = {
            (incident.first.source, incident.first.key): incident for incident in incidents
        }

    def __len__(self) -> int:
        return len(self._open)

    def observe(self, anomaly: Anomaly, until: float) -> tuple[Incident, bool]:
        """Open an incident for ``anomaly`` or let one grow; return it and whether it is new.

        ``until`` is the log time up to which the anomaly's block reaches. A new incident has
        ``alerted`` set if the alert budget allows an alert.
        """
        place = (anomaly.source, anomaly.key)
        known = self._open.get(place)
        if known is not None:
            grown = replace(
                known,
                last_seen=max(known.last_seen, until),
                records=known.records + anomaly.records,
                last_line=anomaly.last_line,
            )
            self._open[place] = grown
            return grown, False
        incident = Incident(
            id=anomaly.id,
            first=anomaly,
            opened=anomaly.time,
            last_seen=max(anomaly.time, until),
            records=anomaly.records,
            last_line=anomaly.last_line,
            alerted=self._budget.spend(anomaly.time),
        )
        self._open[place] = incident
        return incident, True

    def close_quiet(self, source: str, now: float) -> list[Incident]:
        """Close and return the incidents of ``source`` that were quiet long enough at ``now``."""
        quiet = [
            incident
            for (name, _), incident in self._open.items()
            if name == source and now - incident.last_seen >= self._quiet
        ]
        for incident in quiet:
            del self._open[(source, incident.first.key)]
        return [replace(incident, closed=now) for incident in quiet]
