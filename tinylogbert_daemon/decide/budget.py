"""The alert budget: token buckets over log time, shared fairly; and the count of what it withheld.

The host's tokens come at ``per_day``. Each active source has a share of its own, filled at an equal
part of that rate; what a full share cannot hold flows into a pool that any source may draw on. So a
quiet source's tokens are lent to a busy one, but its full share never is: max-min fair (Bertsekas
and Gallager, Data Networks, 1992, section 6.5.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

SEVERE = 0.8
"""From this score on an alert may use the last third of the budget, and breaks out of a storm."""

Refusal = Literal["budget", "source-budget"]

_DAY = 86_400.0
_POOL = ""  # no source is named so
_ROUNDING = 1e-9

BudgetRow = tuple[str, float, float]
"""Source (empty: the pool), tokens, and the log time of the last sight (the pool: of the refill)"""


class Budget:
    """``per_day`` alerts a day, ``burst`` of them at once (and at least one of each source).

    ``sources`` are those that have a share from the beginning; others get one at their first sight,
    and lose it a day after their last. Times are seconds of log time; the latest one counts.
    """

    def __init__(self, per_day: int, burst: int, sources: Iterable[str] = ()) -> None:
        self._rate = per_day / _DAY
        self._burst = float(burst)
        self._pool = float(burst)
        self._shares: dict[str, float] = {}
        self._seen: dict[str, float | None] = {}
        self._time: float | None = None  # up to which tokens have come
        self._latest: float | None = None
        for source in sources:
            self._admit(source)

    def load(self, rows: Iterable[BudgetRow]) -> None:
        """Take in what :meth:`rows` gave; sources that it does not name keep what they have."""
        for source, tokens, time in rows:
            if source == _POOL:
                self._pool, self._time = tokens, time
            else:
                # a source of the configuration has another day, also after a long time off
                self._seen[source] = None if source in self._shares else time
                self._shares[source] = tokens
            self._latest = time if self._latest is None else max(time, self._latest)

    def rows(self) -> list[BudgetRow]:
        """Return what is to be saved."""
        at = self._time if self._time is not None else 0.0
        shares = self._shares.items()
        return [
            (_POOL, self._pool, at),
            *((name, tokens, self._last_seen(name, at)) for name, tokens in shares),
        ]

    def see(self, source: str, now: float) -> None:
        """Note that ``source`` is active at ``now``."""
        # of a log that is old as a whole, the host's latest time is what counts
        latest = self._latest = now if self._latest is None else max(now, self._latest)
        if source not in self._shares:
            self._admit(source)
        self._seen[source] = latest

    def spend(self, source: str, now: float, score: float = 1.0) -> Refusal | None:
        """Take one alert of ``source`` if it may have one; return None, or why it may not.

        ``budget``: the host's tokens are spent, but for what is kept for severe alerts;
        ``source-budget``: what is left belongs to other sources.
        """
        self.see(source, now)
        self._refill()
        share, pool = self._limits()
        available = self._shares[source] + self._pool
        kept = 0 if score >= SEVERE else int((share + pool) / 3)
        if available >= 1 + kept - _ROUNDING:
            own = min(1.0, self._shares[source])
            self._shares[source] -= own
            self._pool = max(0.0, self._pool - (1 - own))
            return None
        others = sum(self._shares.values()) - self._shares[source]
        return "source-budget" if available < 1 and others >= 1 else "budget"

    def _limits(self) -> tuple[float, float]:
        """Return the most that a share and the pool hold: half of the burst each, where it can."""
        sources = len(self._shares)
        if sources <= 1:
            return self._burst, 0.0
        share = max(1.0, self._burst / (2 * sources))
        return share, max(1.0, self._burst - sources * share)

    def _admit(self, source: str) -> None:
        """Give a source its share, as far as the pool and what others must let go of will do."""
        self._shares[source] = 0.0
        self._seen[source] = None
        share, _ = self._limits()
        self._pour(0.0)
        self._shares[source] = min(share, self._pool)
        self._pool -= self._shares[source]

    def _refill(self) -> None:
        now = self._latest or 0.0
        elapsed = 0.0 if self._time is None else max(0.0, now - self._time)
        self._time = now
        for source in [name for name in self._shares if now - self._last_seen(name, now) > _DAY]:
            self._pool += self._shares.pop(source)
            del self._seen[source]
        self._pour(self._rate * elapsed)
        self._pool = min(self._pool, self._limits()[1])

    def _pour(self, tokens: float) -> None:
        """Give each share an equal part; what overflows goes into the pool."""
        limit, _ = self._limits()
        for source, held in self._shares.items():
            filled = held + tokens / len(self._shares)
            self._shares[source] = min(filled, limit)
            self._pool += max(0.0, filled - limit)

    def _last_seen(self, source: str, default: float) -> float:
        seen = self._seen[source]
        if seen is None:  # configured, but not seen yet: it has a day from now on
            seen = self._seen[source] = default
        return seen


@dataclass(frozen=True, slots=True)
class Withheld:
    """Alerts of one source that were not sent, by reason, since a log time in seconds."""

    reasons: tuple[tuple[str, int], ...]
    since: float

    @property
    def count(self) -> int:
        """How many, over all reasons."""
        return sum(count for _, count in self.reasons)


SuppressedRow = tuple[str, str, int, int, float]
"""Source, reason, how many ever, how many since the source's last alert, and from when on."""

_EXPECTED = ("open", "muted")


class Suppressed:
    """Counts what was not sent, by source and reason; the next alert of the source says so."""

    def __init__(self, rows: Iterable[SuppressedRow] = ()) -> None:
        self._rows = {row[:2]: row for row in rows}
        self._changed: set[tuple[str, str]] = set()

    def add(self, source: str, reason: str, now: float, count: int = 1) -> None:
        """Count alerts that were not sent at ``now`` (seconds, log time)."""
        key = (source, reason)
        _, _, total, pending, since = self._rows.get(key, (*key, 0, 0, now))
        since = since if pending else now
        # that an open incident goes on is no news to whoever got its alert, nor that a muted text
        # is there to whoever muted it
        pending += 0 if reason in _EXPECTED else count
        self._rows[key] = (*key, total + count, pending, since)
        self._changed.add(key)

    def take(self, source: str, now: float) -> Withheld | None:
        """Return what was withheld since the source's last alert, and count anew from ``now``."""
        pending = sorted(row for row in self._rows.values() if row[0] == source and row[3])
        if not pending:
            return None
        for _, reason, total, _, _ in pending:
            self._rows[(source, reason)] = (source, reason, total, 0, now)
            self._changed.add((source, reason))
        return Withheld(
            tuple((reason, count) for _, reason, _, count, _ in pending),
            min(since for *_, since in pending),
        )

    def take_changed(self) -> list[SuppressedRow]:
        """Return the rows that have changed since the last call, to be saved."""
        changed = [self._rows[key] for key in sorted(self._changed)]
        self._changed.clear()
        return changed
