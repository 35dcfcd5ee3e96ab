"""The verdicts of a block's records by number: a dictionary of verdicts, and a number a record.

Dictionary encoding, as columns of Apache Arrow have it. What is asked of the records of a block
then costs a pass of vectors, not one of objects, and of most blocks no verdict is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tinylogbert_daemon.model.scorer import Verdict

Numbers = npt.NDArray[np.intp]

_FEW = 8  # with so many times fewer records than the dictionary has verdicts, they are looked at


class Dictionary:
    """Verdicts, each of which has a number, from 0; it may grow, but no number ever changes."""

    def __init__(self, verdicts: Iterable[Verdict] = ()) -> None:
        self._verdicts = list(verdicts)
        self._numbers = {verdict: number for number, verdict in enumerate(self._verdicts)}

    def __len__(self) -> int:
        return len(self._verdicts)

    def __getitem__(self, number: int) -> Verdict:
        return self._verdicts[number]

    def add(self, verdict: Verdict) -> int:
        """Return the number of ``verdict``, which is taken in if it is new."""
        number = self._numbers.setdefault(verdict, len(self._verdicts))
        if number == len(self._verdicts):
            self._verdicts.append(verdict)
        return number

    def number(self, verdict: Verdict) -> int | None:
        """Return the number of ``verdict``, if it has one."""
        return self._numbers.get(verdict)

    def at(self, numbers: Numbers) -> list[Verdict]:
        """Return the verdicts that have ``numbers``."""
        return list(map(self._verdicts.__getitem__, numbers.tolist()))


@dataclass(frozen=True, eq=False)
class Encoded:
    """Verdicts, one a record: those of ``dictionary`` that have ``numbers`` (records)."""

    dictionary: Dictionary
    numbers: Numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def decoded(self) -> list[Verdict]:
        """Return the verdicts, one a record."""
        return self.dictionary.at(self.numbers)

    @cached_property
    def present(self) -> Numbers:
        """The distinct numbers, in order."""
        counts = self._counts
        return np.unique(self.numbers) if counts is None else np.flatnonzero(counts)

    @property
    def distinct(self) -> list[Verdict]:
        """The distinct verdicts, in order of their numbers."""
        return self.dictionary.at(self.present)

    def first(self, verdict: Verdict) -> int:
        """Return which record (from 0) is the first with ``verdict``, which is among them."""
        return int(self._firsts[self.dictionary.number(verdict)])

    def last(self, verdict: Verdict) -> int:
        """Return which record (from 0) is the last with ``verdict``, which is among them."""
        return int(self._lasts[self.dictionary.number(verdict)])

    def count(self, verdict: Verdict) -> int:
        """Return how many records have ``verdict``."""
        number = self.dictionary.number(verdict)
        if number is None:
            return 0
        counts = self._counts
        if counts is None:
            return int(np.count_nonzero(self.numbers == number))
        return int(counts[number]) if number < len(counts) else 0

    def places(self, verdict: Verdict) -> list[int]:
        """Return which records (from 0) have ``verdict``."""
        if not self.count(verdict):
            return []
        return np.flatnonzero(self.numbers == self.dictionary.number(verdict)).tolist()

    # of all that are there at once: in a storm, thousands are asked for
    @cached_property
    def _firsts(self) -> Numbers:
        return self._places(slice(None, None, -1))

    @cached_property
    def _lasts(self) -> Numbers:
        return self._places(slice(None))

    @cached_property
    def _counts(self) -> Numbers | None:
        """How many records have each number; None where there are few records for that."""
        few = len(self) * _FEW < len(self.dictionary)
        return None if few else np.bincount(self.numbers)

    def _places(self, order: slice) -> Numbers:
        """Return by number the last record, in ``order``, that has it; of others, anything."""
        places = np.empty(len(self.dictionary), np.intp)
        # of what is assigned to one place, the last value stays
        places[self.numbers[order]] = np.arange(len(self))[order]
        return places
