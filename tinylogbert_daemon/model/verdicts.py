"""The exact verdict cache: level 1 by shape, level 2 by text. A hit equals a computation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TypeVar

from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.own import is_own
from tinylogbert_daemon.model.scorer import Verdict, blank_verdict

SHAPES = 200_000
TEXTS = 50_000
"""How many entries each level holds before its oldest half is let go."""

KEY_BYTES = 1024
"""A longer shape is not kept in level 1, so that hostile lines cannot fill the memory."""

OWN = blank_verdict()
"""The verdict of lines that the daemon itself logged: they never count and never alert."""

_Key = TypeVar("_Key")


class Misses:
    """The shapes of one block that the cache had no verdict of.

    ``found`` grows as verdicts are known; ``wanted`` maps each text that must be scored to its
    shapes.
    """

    def __init__(self) -> None:
        self.found: dict[bytes, Verdict] = {}
        self.wanted: dict[str, list[bytes]] = {}


class VerdictCache:
    """Verdicts of the shapes and texts seen last; both levels bounded."""

    def __init__(self, shapes: int = SHAPES, texts: int = TEXTS) -> None:
        self._of_shape: dict[bytes, Verdict] = {}
        self._of_text: dict[str, Verdict] = {}
        self._shapes = shapes
        self._texts = texts

    def look_up(self, shapes: Sequence[bytes]) -> list[Verdict | None]:
        """Return the verdict of each shape, or None where level 1 has none."""
        return list(map(self._of_shape.get, shapes))

    def resolve(self, shapes: Iterable[bytes]) -> Misses:
        """Return what is known of ``shapes`` through their texts, and what must be scored."""
        misses = Misses()
        for shape in shapes:
            if is_own(shape):
                self._keep(misses, shape, OWN)
                continue
            text = normalize(shape)
            verdict = self._of_text.get(text)
            if verdict is None:
                misses.wanted.setdefault(text, []).append(shape)
            else:
                self._keep(misses, shape, verdict)
        return misses

    def add(self, misses: Misses, verdicts: Iterable[Verdict]) -> None:
        """Keep the ``verdicts`` of texts that ``misses`` wanted, here and in ``misses.found``."""
        for verdict in verdicts:
            _put(self._of_text, verdict.text, verdict, self._texts)
            for shape in misses.wanted.pop(verdict.text):
                self._keep(misses, shape, verdict)

    def put(self, verdict: Verdict) -> None:
        """Keep the verdict of a text of which no shape is at hand."""
        _put(self._of_text, verdict.text, verdict, self._texts)

    def verdicts(
        self, shapes: Sequence[bytes], score: Callable[[Sequence[str]], list[Verdict]]
    ) -> list[Verdict]:
        """Return the verdict of each shape, computed by ``score`` where none is cached."""
        known = self.look_up(shapes)
        if None not in known:
            return known  # type: ignore[return-value]  # just checked
        misses = self.resolve(missing(shapes, known))
        if misses.wanted:
            self.add(misses, score(list(misses.wanted)))
        return fill(shapes, known, misses)

    def _keep(self, misses: Misses, shape: bytes, verdict: Verdict) -> None:
        misses.found[shape] = verdict
        if len(shape) <= KEY_BYTES:
            _put(self._of_shape, shape, verdict, self._shapes)


def missing(shapes: Sequence[bytes], known: Sequence[Verdict | None]) -> list[bytes]:
    """Return the distinct shapes without a verdict, in order of first appearance."""
    return list(
        dict.fromkeys(
            shape for shape, verdict in zip(shapes, known, strict=True) if verdict is None
        )
    )


def fill(shapes: Sequence[bytes], known: Sequence[Verdict | None], misses: Misses) -> list[Verdict]:
    """Return ``known`` with its gaps filled from ``misses``, all of which have been found."""
    return [
        verdict if verdict is not None else misses.found[shape]
        for shape, verdict in zip(shapes, known, strict=True)
    ]


def _put(entries: dict[_Key, Verdict], key: _Key, verdict: Verdict, limit: int) -> None:
    if len(entries) >= limit and key not in entries:
        for old in list(islice(entries, max(1, limit // 2))):
            del entries[old]
    entries[key] = verdict
