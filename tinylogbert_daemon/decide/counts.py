"""Decaying counts per text, from which novelty comes; bounded, and eviction never makes a text new.

What is counted are episodes, not records (see :meth:`score.Decider.learn`): a thousand records of
one burst teach no more than one.

The texts counted last are exact; older ones move into a count-min sketch (Cormode and
Muthukrishnan, 2005), which can overestimate a count but never underestimate it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

import numpy as np
import numpy.typing as npt

EXACT_TEXTS = 100_000
ERA_SECONDS = 86_400.0
"""Log time that lies further back than this is not a delay but another time altogether."""

_SKETCH_ROWS = 4
_SKETCH_WIDTH = 1 << 16
_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5)


class TextCounts:
    """How often each text (by key) was seen on this host, halved every ``half_life`` seconds."""

    def __init__(self, half_life: float, exact: int = EXACT_TEXTS) -> None:
        self._half_life = half_life
        self._limit = exact
        self._exact: dict[int, tuple[float, float]] = {}
        self._sketch = np.zeros((_SKETCH_ROWS, _SKETCH_WIDTH))
        self._sketch_time = 0.0
        self._evicted: list[int] = []

    def __len__(self) -> int:
        return len(self._exact)

    def load(
        self, rows: Iterable[tuple[int, float, float]], sketch: tuple[bytes, float] | None = None
    ) -> None:
        """Take in saved rows (key, count, time it was that), oldest first, and a saved sketch."""
        if sketch is not None and len(sketch[0]) == 4 * self._sketch.size:
            self._merge(np.frombuffer(sketch[0], dtype=np.float32), sketch[1])
        for key, count, updated in rows:
            self._put(key, count, updated)

    def get(self, key: int, now: float) -> float:
        """Return the decayed count of a text at ``now`` (seconds, log time)."""
        entry = self._exact.get(key)
        if entry is not None:
            return entry[0] * self._decay(now - entry[1])
        return self._sketched(key) * self._decay(now - self._sketch_time)

    def updated(self, key: int) -> float | None:
        """Return when an exactly counted text was counted last (seconds), or None."""
        entry = self._exact.get(key)
        return entry[1] if entry is not None else None

    def add(self, seen: Mapping[int, float], now: float) -> dict[int, tuple[float, float]]:
        """Count ``seen`` (episodes by key) at ``now``; return the changed rows, to be saved."""
        changed = {}
        for key, records in seen.items():
            before = self.updated(key)
            # another era: an old log is read with the counts of a model that was trained later
            if before is None or before - now > ERA_SECONDS:
                before = now
            updated = max(now, before)
            row = (self.get(key, updated) + records, updated)
            self._put(key, *row)
            changed[key] = row
        return changed

    def take_evicted(self) -> tuple[list[int], tuple[bytes, float]] | None:
        """Return the keys that moved into the sketch since the last call, and the sketch.

        None if there were none. Keys that are exact again are left out. Both must be saved in one
        transaction with the rows' removal.
        """
        if not self._evicted:
            return None
        evicted = [key for key in self._evicted if key not in self._exact]
        self._evicted = []
        return evicted, (self._sketch.astype(np.float32).tobytes(), self._sketch_time)

    def _sketched(self, key: int) -> float:
        """Return what the sketch says of a text, at the sketch's time."""
        return float(min(self._sketch[row, column] for row, column in enumerate(_columns(key))))

    def _merge(self, cells: npt.NDArray[np.float32], time: float) -> None:
        """Take in a saved sketch; what is exact was counted there too, before it was evicted."""
        now = max(time, self._sketch_time)
        saved = cells.reshape(self._sketch.shape).astype(np.float64) * self._decay(now - time)
        own = self._sketch * self._decay(now - self._sketch_time)
        self._sketch, self._sketch_time = np.maximum(own, saved), now
        for key, (_, updated) in self._exact.items():
            at = max(updated, now)
            before = self._sketched(key) * self._decay(at - now)
            if before > self.get(key, at):
                self._exact[key] = (before, at)

    def _put(self, key: int, count: float, updated: float) -> None:
        if len(self._exact) >= self._limit and key not in self._exact:
            self._evict()
        self._exact.pop(key, None)  # the order of the dict is the order of the last counting
        self._exact[key] = (count, updated)

    def _evict(self) -> None:
        oldest = list(islice(self._exact.items(), max(1, self._limit // 10)))
        now = max(updated for _, (_, updated) in oldest)
        if now > self._sketch_time:
            self._sketch *= self._decay(now - self._sketch_time)
            self._sketch_time = now
        for key, (count, updated) in oldest:
            del self._exact[key]
            self._evicted.append(key)
            moved = count * self._decay(self._sketch_time - updated)
            for row, column in enumerate(_columns(key)):
                # not the sum: what was counted again after an eviction is in `moved` already
                self._sketch[row, column] = max(self._sketch[row, column], moved)

    def _decay(self, seconds: float) -> float:
        return float(0.5 ** (max(0.0, seconds) / self._half_life))


def _columns(key: int) -> list[int]:
    return [(key * multiplier & 0xFFFFFFFFFFFFFFFF) >> 48 for multiplier in _MULTIPLIERS]
