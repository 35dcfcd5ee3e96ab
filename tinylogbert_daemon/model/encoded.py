"""The verdicts of a block's records by number: the distinct ones once, and an index a record.

Dictionary encoding, as columns of Apache Arrow have it. What is asked of the records of a block
then costs a pass of vectors, not one of objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tinylogbert_daemon.model.scorer import Verdict

Indices = npt.NDArray[np.intp]

_FEW = 8  # with so many times fewer records than the dictionary has verdicts, they are sorted


@dataclass(frozen=True, eq=False)
class Encoded:
    """Verdicts, one a record: those of ``dictionary`` at ``indices`` (records).

    A dictionary names each verdict once, and may hold others; what stands in it never changes, but
    it may grow.
    """

    dictionary: Sequence[Verdict]
    indices: Indices

    def __len__(self) -> int:
        return len(self.indices)

    def decoded(self) -> list[Verdict]:
        """Return the verdicts, one a record."""
        return list(map(self.dictionary.__getitem__, self.indices.tolist()))

    @cached_property
    def distinct(self) -> dict[Verdict, int]:
        """The distinct verdicts and their indices, in order of these."""
        found = self._counted[0].tolist()
        return dict(zip(map(self.dictionary.__getitem__, found), found, strict=True))

    def first(self, verdict: Verdict) -> int:
        """Return which record (from 0) is the first with ``verdict``, which is among them."""
        return int(self._firsts[self.distinct[verdict]])

    def last(self, verdict: Verdict) -> int:
        """Return which record (from 0) is the last with ``verdict``, which is among them."""
        return int(self._lasts[self.distinct[verdict]])

    def count(self, verdict: Verdict) -> int:
        """Return how many records have ``verdict``."""
        index = self.distinct.get(verdict)
        if index is None:
            return 0
        found, counts = self._counted
        return int(counts[np.searchsorted(found, index)])

    def places(self, verdict: Verdict) -> list[int]:
        """Return which records (from 0) have ``verdict``."""
        index = self.distinct.get(verdict)
        return [] if index is None else np.flatnonzero(self.indices == index).tolist()

    # of all that are there at once: in a storm, thousands are asked for
    @cached_property
    def _firsts(self) -> Indices:
        return self._places(slice(None, None, -1))

    @cached_property
    def _lasts(self) -> Indices:
        return self._places(slice(None))

    @cached_property
    def _counted(self) -> tuple[Indices, Indices]:
        """The indices that are there, in order, and how many records have each."""
        if len(self) * _FEW < len(self.dictionary):
            found, counts = np.unique(self.indices, return_counts=True)
            return found, counts
        counts = np.bincount(self.indices)
        found = np.flatnonzero(counts)
        return found, counts[found]

    def _places(self, order: slice) -> Indices:
        """Return by index the last record, in ``order``, that has it; of others, anything."""
        places = np.empty(len(self.dictionary), np.intp)
        # of what is assigned to one place, the last value stays
        places[self.indices[order]] = np.arange(len(self))[order]
        return places
