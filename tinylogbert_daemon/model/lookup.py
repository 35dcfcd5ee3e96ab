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

from collections.abc import Iterator
from dataclasses import dataclass

from tinylogbert_daemon.model.digits import digits_to_zero
from tinylogbert_daemon.model.encoded import Encoded
from tinylogbert_daemon.model.hexmask import mask_ids
from tinylogbert_daemon.model.negation import Settling, settle
from tinylogbert_daemon.model.shape import SUBSTITUTIONS, records
from tinylogbert_daemon.model.verdicts import MISSED, UNSETTLED, VerdictCache, missing
from tinylogbert_daemon.newlines import Lines

IDS = 1 << len(SUBSTITUTIONS)
"""The bit of a form that says that ids are brought to one form."""

_LEAST_RECORDS = 64  # of a block by which the need for that is judged
_IDLE_BLOCKS = 16  # after so many without use, a pass is left out again


@dataclass(slots=True)
class Found:
    """The shapes of a block in a ``form``, and level 1's verdicts.

    ``missed`` counts the records without one; ``missing`` are their distinct shapes.
    """

    form: int
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
        found, used = self._shape(data, self._form)
        while found.missing:
            form = found.form | needed(found.missing, found.form)
            if form == found.form and self._mostly_missed(found):
                form |= IDS
            if form == found.form:
                break
            again, now_used = self._shape(data, form)
            if form & IDS > found.form & IDS and len(again.missing) > len(found.missing) // 2:
                break  # ids are not what makes them differ
            found, used = again, now_used
        self._form = self._rested(found.form, used)
        return found

    def _mostly_missed(self, found: Found) -> bool:
        """Tell whether as good as no record was known, and few are alike."""
        return len(found.shapes) >= _LEAST_RECORDS and len(found.missing) > len(found.shapes) // 2

    def _shape(self, data: bytes, form: int) -> tuple[Found, int]:
        """Return ``data`` looked up in ``form``, and the bits of what made a difference."""
        used = 0
        for bit, substitution in enumerate(SUBSTITUTIONS):
            if form >> bit & 1:
                before, data = data, substitution.apply(data)
                used |= (data is not before) << bit
        shaped = _Shaped(data, form)
        shapes = shaped.shapes
        used |= IDS if shaped.ids else 0
        verdicts = self._cache.look_up(shapes, form)
        absent = missing(shapes, verdicts)
        at = verdicts.places(UNSETTLED)
        unsettled = {shape for shape in absent if settle(shape) is not shape}
        if unsettled:
            missed = verdicts.places(MISSED)
            at = sorted([*at, *(place for place in missed if shapes[place] in unsettled)])
        if at:
            verdicts = self._settle(data, shaped, verdicts, at)
            absent = missing(shapes, verdicts)
            self._cache.unsettle(unsettled, form)
        return Found(form, shapes, verdicts, verdicts.count(MISSED), absent), used

    def _settle(self, data: bytes, shaped: _Shaped, verdicts: Encoded, at: list[int]) -> Encoded:
        """Bring ``shaped`` and ``verdicts`` up to date at the records to be looked at."""
        lines = shaped.lines_at(data, at)
        if shaped.ids:
            settled = _Shaped(settle(b"".join(lines)), shaped.form).shapes
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


class _Shaped:
    """The ``shapes`` of ``data``, substituted already, and how many ``ids`` were masked in them."""

    def __init__(self, data: bytes, form: int) -> None:
        content, self.form, self.ids = digits_to_zero(data), form, 0
        if form & IDS:
            content, self.ids = mask_ids(content)
        self._content = content.tobytes()
        self.shapes = records(self._content)

    def lines_at(self, data: bytes, places: list[int]) -> Iterator[bytes]:
        """Yield the records of ``data`` at ``places``, which hold all that have their shapes."""
        if self.ids:
            lines = Lines(data)
            yield from (lines.line(place) + b"\n" for place in places)
            return
        # a shape is as long as its record and stands where that does
        begin = end = 0
        for place in places:
            shape = self.shapes[place]
            if place:
                begin = self._content.index(b"\n%b\n" % shape, end) + 1
            end = begin + len(shape)
            yield data[begin : end + 1]


def needed(shapes: list[bytes], form: int) -> int:
    """Return the bits of substitutions that ``form`` lacks and any of ``shapes`` may need."""
    bits = 0
    for bit, substitution in enumerate(SUBSTITUTIONS):
        if not form >> bit & 1:
            guard, search = substitution.guard.lstrip(b"\n"), substitution.shaped.search
            if any(guard in shape and search(shape) for shape in shapes):
                bits |= 1 << bit
    return bits
