"""The hot path's look-up: shapes by no more passes over a block than its source needs.

A substitution that no record needs, or ids where there are none, would cost a source a scan of each
block. So each source has a form: which substitutions are applied, and whether ids are brought to
one form. Level 1 of the cache is kept by form, and a shape of which a substitution that is not
applied might have made another one is never kept there. Such a record is therefore missed, whatever
was seen before; the form then takes the substitution in, and the block is shaped again. So a
verdict found is always that of the shape with all substitutions.

What denies trouble (:mod:`~tinylogbert_daemon.model.negation`) is no substitution of that kind, as
it is looked for in many words but found in few records: shapes that may hold it are marked in level
1, and their records alone are looked at, one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinylogbert_daemon.model.encoded import Encoded
from tinylogbert_daemon.model.negation import Settling, settle
from tinylogbert_daemon.model.shape import SUBSTITUTIONS
from tinylogbert_daemon.model.shaped import IDS, Shaped, shape_in
from tinylogbert_daemon.model.verdicts import MISSED, UNSETTLED, VerdictCache, missing

_LEAST_RECORDS = 64  # of a block by which the need for that is judged
_IDLE_BLOCKS = 16  # after so many without use, a pass is left out again


@dataclass(slots=True)
class Found:
    """The shapes of a block in a ``form``, and level 1's verdicts.

    ``used`` are the bits of the form that made a difference. ``missed`` counts the records without
    a verdict; ``missing`` are their distinct shapes.
    """

    form: int
    used: int
    shapes: list[bytes]
    verdicts: Encoded
    missed: int
    missing: list[bytes]


class SourceLookup:
    """Looks up the blocks of one source, and learns which passes they need."""

    def __init__(self, cache: VerdictCache) -> None:
        self._cache = cache
        self._form = 0
        self._idle: dict[int, int] = {}
        self._settling = Settling()

    def look_up(self, data: bytes) -> Found:
        """Return the shapes and known verdicts of ``data``, whose records end in newlines."""
        found = self._find(Shaped(data, self._form))
        while found.missing:
            form = found.form | needed(found.missing, found.form)
            if form == found.form and self._mostly_missed(found):
                form |= IDS
            if form == found.form:
                break
            again = self._find(Shaped(data, form))
            if form & IDS > found.form & IDS and len(again.missing) > len(found.missing) // 2:
                break  # ids are not what makes them differ
            found = again
        self._form = self._rested(found.form, found.used)
        return found

    def _mostly_missed(self, found: Found) -> bool:
        """Tell whether as good as no record was known, and few are alike."""
        return len(found.shapes) >= _LEAST_RECORDS and len(found.missing) > len(found.shapes) // 2

    def _find(self, shaped: Shaped) -> Found:
        """Return the verdicts of what is ``shaped``."""
        shapes, form = shaped.shapes, shaped.form
        verdicts = self._cache.look_up(shapes, form)
        absent = missing(shapes, verdicts)
        at = verdicts.places(UNSETTLED)
        unsettled = {shape for shape in absent if settle(shape) is not shape}
        if unsettled:
            missed = verdicts.places(MISSED)
            at = sorted([*at, *(place for place in missed if shapes[place] in unsettled)])
        if at:
            verdicts = self._settle(shaped, verdicts, at)
            absent = missing(shapes, verdicts)
            self._cache.unsettle(unsettled, form)
        return Found(form, shaped.used, shapes, verdicts, verdicts.count(MISSED), absent)

    def _settle(self, shaped: Shaped, verdicts: Encoded, at: list[int]) -> Encoded:
        """Bring ``shaped`` and ``verdicts`` up to date at the records to be looked at."""
        lines = shaped.lines_at(at)
        if shaped.used & IDS:
            settled = [shape_in(settle(line), shaped.form) for line in lines]
        else:
            shapes = (shaped.shapes[place] for place in at)
            settled = list(map(self._settling.shape, shapes, lines))
        for i, shape in zip(at, settled, strict=True):
            shaped.shapes[i] = shape
        numbers = verdicts.numbers.copy()
        numbers[at] = self._cache.look_up(settled, shaped.form).numbers
        return Encoded(verdicts.dictionary, numbers)

    def _rested(self, form: int, used: int) -> int:
        """Return the form for the next block: without what was of no use for a while."""
        for bit in range(IDS.bit_length()):
            if form >> bit & 1:
                idle = self._idle[bit] = 0 if used >> bit & 1 else self._idle.get(bit, 0) + 1
                if idle >= _IDLE_BLOCKS:
                    form &= ~(1 << bit)
                    self._idle[bit] = 0
        return form


def needed(shapes: list[bytes], form: int) -> int:
    """Return the bits of substitutions that ``form`` lacks and any of ``shapes`` may need."""
    bits = 0
    for bit, substitution in enumerate(SUBSTITUTIONS):
        if not form >> bit & 1:
            guard, search = substitution.guard.lstrip(b"\n"), substitution.shaped.search
            if any(guard in shape and search(shape) for shape in shapes):
                bits |= 1 << bit
    return bits
