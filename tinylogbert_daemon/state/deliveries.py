"""The part of the store that is about deliveries: what is owed, and what was given up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import inf

from tinylogbert_daemon.state.effects import Delivery
from tinylogbert_daemon.state.letters import (
    LETTERS_VERSION,
    SELECT_LETTERS,
    Letter,
    bury,
    revive,
)
from tinylogbert_daemon.state.view import View


class Deliveries(View):
    """What the store does for sinks."""

    def pending(self, sink: str, limit: int, now: float = inf) -> list[Delivery]:
        """Return the oldest deliveries owed to ``sink`` that are due at ``now`` (epoch seconds)."""
        rows = self._read(
            "SELECT number, sink, incident, body, attempts, refusals, since FROM deliveries "
            "WHERE sink = ? AND due <= ? ORDER BY number LIMIT ?",
            (sink, now, limit),
        )
        return [Delivery(*row) for row in rows]

    def pending_counts(self) -> dict[str, int]:
        """Return how many deliveries are owed, by sink."""
        return dict(self._read("SELECT sink, COUNT(*) FROM deliveries GROUP BY sink"))

    def dead_letters(self) -> list[Letter]:
        """Return the alerts that were given up, the oldest first."""
        if self._version() < LETTERS_VERSION:
            return []
        return [Letter(*row) for row in self._read(SELECT_LETTERS)]

    def dead_counts(self) -> dict[str, int]:
        """Return how many alerts were given up and are kept, by sink."""
        if self._version() < LETTERS_VERSION:
            return {}
        return dict(self._read("SELECT sink, COUNT(*) FROM dead GROUP BY sink"))

    def delivered(self, numbers: Iterable[int]) -> None:
        """Strike deliveries off: the sink has them."""
        self._many("DELETE FROM deliveries WHERE number = ?", [(number,) for number in numbers])

    def postponed(
        self, numbers: Iterable[int], now: float = 0.0, *, refused: bool = False, due: float = 0.0
    ) -> None:
        """Count one more failed attempt, at ``now``, at each of these deliveries.

        They are not tried again before ``due`` (both in seconds since the epoch).
        """
        self._many(
            "UPDATE deliveries SET attempts = attempts + 1, refusals = refusals + ?, due = ?, "
            "since = CASE WHEN since > 0 THEN since ELSE ? END WHERE number = ?",
            [(refused, due, now, number) for number in numbers],
        )

    def give_up(self, reasons: Mapping[int, str], now: float, limit: int) -> Counter[str]:
        """Move deliveries to the dead letters, each with its reason, as of ``now``.

        Of each sink ``limit`` are kept; returns how many older ones went for them, by sink.
        """
        with self._transaction("cannot write"):
            return bury(self._db, reasons, now, limit)

    def revive(self, sink: str | None = None, incidents: Iterable[str] = ()) -> int:
        """Owe dead letters again, all or those of a sink or of incidents; return how many."""
        with self._transaction("cannot write"):
            return revive(self._db, sink, incidents)
