"""The exact verdict cache: level 1 by shape, level 2 by text. A hit equals a computation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice, repeat
from typing import TypeVar

import numpy as np

from tinylogbert_daemon.model.encoded import Dictionary, Encoded
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.own import is_own
from tinylogbert_daemon.model.scorer import Verdict, blank_verdict

SHAPES = 200_000
TEXTS = 50_000
"""How many entries each level holds before its oldest half is let go."""

KEY_BYTES = 4096
"""A longer shape is not kept in level 1."""

SHAPE_BYTES = 64 * 1024 * 1024
"""What the shapes of level 1 may hold together, so that hostile lines cannot fill the memory."""

FULL = -1
"""The form of shapes to which every substitution was applied, and nothing else."""

MISSED = blank_verdict()
"""Stands for the verdict of a shape that level 1 does not hold."""

OWN = blank_verdict()
"""The verdict of lines that the daemon itself logged: they never count and never alert."""

UNSETTLED = blank_verdict()
"""Stands in level 1 for a shape that may hold what denies trouble: its records are looked at."""

_FIXED = (MISSED, OWN, UNSETTLED)  # the first ones of every dictionary

_LONG_BYTES = 8192
_LONG_SHAPES = 128  # of such: a MiB at most

_AWAITED_SHAPES = 20_000
_AWAITED_BYTES = 512  # a longer shape is normalised again

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Misses:
    """The shapes of one block that the cache had no verdict of.

    ``found`` grows as verdicts are known; ``wanted`` maps each text that must be scored to its
    shapes, which are of one ``form``.
    """

    def __init__(self, form: int = FULL) -> None:
        self.form = form
        self.found: dict[bytes, Verdict] = {}
        self.wanted: dict[str, list[bytes]] = {}


class VerdictCache:
    """Verdicts of the shapes and texts seen last; both levels bounded.

    Level 1 is kept by the form of shapes (see :mod:`lookup`); all forms share its bound. It holds
    the verdicts by their numbers in a dictionary.
    """

    def __init__(self, shapes: int = SHAPES, texts: int = TEXTS) -> None:
        self._of_shape: dict[int, dict[bytes, int]] = {}
        self._dictionary = Dictionary(_FIXED)
        self._bytes = 0  # of the shapes in level 1
        self._of_text: dict[str, Verdict] = {}
        self._long: dict[bytes, str] = {}
        # the texts of shapes that wait for a verdict; until it is there, every block brings them
        self._awaited: dict[bytes, str] = {}
        self._shapes = shapes
        self._texts = texts

    def look_up(self, shapes: Sequence[bytes], form: int = FULL) -> Encoded:
        """Return the verdict of each shape, or ``MISSED`` where level 1 has none."""
        number = self._of_shape.get(form, {}).get
        missed = self._dictionary.add(MISSED)
        numbers = np.fromiter(map(number, shapes, repeat(missed)), np.intp, len(shapes))
        return Encoded(self._dictionary, numbers)

    def unsettle(self, shapes: Iterable[bytes], form: int) -> None:
        """Keep ``UNSETTLED`` for each of ``shapes``."""
        misses = Misses(form)
        for shape in shapes:
            self._keep(misses, shape, UNSETTLED)

    def resolve(self, shapes: Iterable[bytes], form: int = FULL) -> Misses:
        """Return what is known of ``shapes`` through their texts, and what must be scored."""
        misses = Misses(form)
        for shape in shapes:
            if is_own(shape):
                self._keep(misses, shape, OWN)
                continue
            text = self._awaited.pop(shape, None) or self._text(shape)
            verdict = self._of_text.get(text)
            if verdict is None:
                misses.wanted.setdefault(text, []).append(shape)
                if len(shape) <= _AWAITED_BYTES:
                    self._awaited[shape] = text
            else:
                self._keep(misses, shape, verdict)
        if len(self._awaited) > _AWAITED_SHAPES:
            _drop_oldest(self._awaited, len(self._awaited) - _AWAITED_SHAPES // 2)
        return misses

    def _text(self, shape: bytes) -> str:
        """Return the text of a shape; of those too long for level 1, the last few are kept."""
        text = self._long.get(shape)
        if text is None:
            text = normalize(shape)
            if KEY_BYTES < len(shape) <= _LONG_BYTES:
                if len(self._long) >= _LONG_SHAPES:
                    _drop_oldest(self._long, _LONG_SHAPES // 2)
                self._long[shape] = text
        return text

    def add(self, misses: Misses, verdicts: Iterable[Verdict]) -> None:
        """Keep the ``verdicts`` of texts that ``misses`` wanted, here and in ``misses.found``."""
        for verdict in verdicts:
            self.put(verdict)
            for shape in misses.wanted.pop(verdict.text):
                self._awaited.pop(shape, None)
                self._keep(misses, shape, verdict)

    def put(self, verdict: Verdict) -> None:
        """Keep the verdict of a text of which no shape is at hand."""
        if verdict.text not in self._of_text and len(self._of_text) >= self._texts:
            _drop_oldest(self._of_text, self._texts // 2)
        self._of_text[verdict.text] = verdict

    def verdicts(
        self, shapes: Sequence[bytes], score: Callable[[Sequence[str]], list[Verdict]]
    ) -> list[Verdict]:
        """Return the verdict of each shape, computed by ``score`` where none is cached."""
        known = self.look_up(shapes)
        absent = missing(shapes, known)
        if absent:
            misses = self.resolve(absent)
            if misses.wanted:
                self.add(misses, score(list(misses.wanted)))
            known = fill(shapes, known, misses)
        return known.decoded()

    def _keep(self, misses: Misses, shape: bytes, verdict: Verdict) -> None:
        misses.found[shape] = verdict
        if len(shape) <= KEY_BYTES:
            levels = self._of_shape
            entries = levels.setdefault(misses.form, {})
            if shape not in entries:
                self._bytes += len(shape)
                self._make_room()
            entries[shape] = self._dictionary.add(verdict)

    def _make_room(self) -> None:
        """Let the oldest shapes go until there is room, and the verdicts that none is left of."""
        levels, full = self._of_shape, False
        while sum(map(len, levels.values())) >= self._shapes or self._bytes > SHAPE_BYTES:
            largest = max(levels.values(), key=len)
            gone = _drop_oldest(largest, len(largest) // 2)
            self._bytes -= sum(map(len, gone))
            full = True
        if not full:
            return
        # a new one: blocks under way still read the former
        before, self._dictionary = self._dictionary, Dictionary(_FIXED)
        for entries in levels.values():
            for shape, number in entries.items():
                entries[shape] = self._dictionary.add(before[number])


def missing(shapes: Sequence[bytes], known: Encoded) -> list[bytes]:
    """Return the distinct shapes without a verdict, in order of first appearance."""
    return list(dict.fromkeys(shapes[place] for place in known.places(MISSED)))


def fill(shapes: Sequence[bytes], known: Encoded, misses: Misses) -> Encoded:
    """Return ``known`` with its gaps filled from ``misses``, all of which have been found."""
    gaps = known.places(MISSED)
    dictionary, numbers = known.dictionary, known.numbers.copy()
    if any(dictionary.number(verdict) is None for verdict in misses.found.values()):
        # what the cache does not keep is not to stay in its dictionary
        dictionary = Dictionary(known.distinct)
        numbers = np.searchsorted(known.present, numbers)
    numbers[gaps] = [dictionary.add(misses.found[shapes[gap]]) for gap in gaps]
    return Encoded(dictionary, numbers)


def _drop_oldest(entries: dict[_Key, _Value], count: int) -> list[_Key]:
    oldest = list(islice(entries, max(1, count)))
    for old in oldest:
        del entries[old]
    return oldest
