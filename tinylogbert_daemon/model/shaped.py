"""A block's shapes in a form: with the substitutions and the masking of ids that a source needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinylogbert_daemon.model.digits import digits_to_zero
from tinylogbert_daemon.model.hexmask import mask_ids
from tinylogbert_daemon.model.shape import SUBSTITUTIONS, records
from tinylogbert_daemon.newlines import Lines

IDS = 1 << len(SUBSTITUTIONS)
"""The bit of a form that says that ids are brought to one form."""


class Shaped:
    """A block in a ``form``, but for what denies trouble in it.

    ``data`` are the records, substituted; ``used`` the bits of the form that made a difference.
    """

    def __init__(self, data: bytes, form: int) -> None:
        self.form = form
        self.used = 0
        for bit, substitution in enumerate(SUBSTITUTIONS):
            if form >> bit & 1:
                before, data = data, substitution.apply(data)
                self.used |= (data is not before) << bit
        self.data = data
        self._content, ids = _content(data, form)
        self.used |= IDS if ids else 0
        self.shapes = records(self._content)

    def lines_at(self, places: Sequence[int]) -> Iterator[bytes]:
        """Yield the records at ``places``, which hold all that have their shapes."""
        if self.used & IDS:
            lines = Lines(self.data)
            yield from map(lines.line, places)
            return
        # a shape is as long as its record and stands where that does
        begin = end = 0
        for place in places:
            shape = self.shapes[place]
            if place:
                begin = self._content.index(b"\n%b\n" % shape, end) + 1
            end = begin + len(shape)
            yield self.data[begin:end]


def shape_in(record: bytes, form: int) -> bytes:
    """Return the shape in ``form`` of a record that is substituted already."""
    return _content(record, form)[0]


def _content(data: bytes, form: int) -> tuple[bytes, int]:
    """Return ``data`` without its digits and, if ``form`` says so, ids; and how many of these."""
    content, ids = digits_to_zero(data), 0
    if form & IDS:
        content, ids = mask_ids(content)
    return content.tobytes(), ids
