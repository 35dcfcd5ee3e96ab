"""How much of a text's wording is known on this host, whole or in parts.

A new text of known wording ("session 7 of alice closed", the first time that alice is seen) is less
of a novelty than one whose words were never seen side by side. Pairs of neighbouring words are
counted by hash, in a table of fixed size: a collision makes a pair look known, never new. The
header (time, host, program, level) is passed over: it is known wherever there is a history, and
would make short messages look more known than long ones.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from itertools import pairwise

from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model.normalize import body_start

_BUCKETS = 1 << 18
_MOST = 255
_TEXTS = 8192  # whose buckets are kept; a text comes again as a rule
_NEWNESS = tuple(1.0 / (1 + count) for count in range(_MOST + 1))


class WordPairs:
    """In how many episodes of texts each pair of neighbouring words was seen; saturates at 255."""

    def __init__(self) -> None:
        self._counts = bytearray(_BUCKETS)
        self._known: dict[str, tuple[int, ...]] = {}

    def add(self, text: str, episodes: float = 1.0) -> None:
        """Count the pairs of ``text``."""
        counts, more = self._counts, max(1, int(episodes))
        for bucket in set(self._of(text)):
            count = counts[bucket] + more
            counts[bucket] = count if count < _MOST else _MOST

    def unfamiliarity(self, text: str) -> float:
        """Return how new the pairs of ``text`` are on average: 1 if none was seen, towards 0."""
        counts = self._counts
        found = [_NEWNESS[counts[bucket]] for bucket in self._of(text)]
        return sum(found) / len(found)

    def _of(self, text: str) -> tuple[int, ...]:
        known = self._known.get(text)
        if known is None:
            if len(self._known) >= _TEXTS:
                self._known.clear()
            known = self._known[text] = tuple(_buckets(text))
        return known

    def packed(self) -> str:
        """Return the table as text, for a manifest."""
        return base64.b64encode(zlib.compress(bytes(self._counts), 9)).decode()

    @classmethod
    def unpacked(cls, content: str) -> WordPairs:
        """Return what :meth:`packed` gave; an empty table for "".

        Raises :class:`ArtifactError` for anything else.
        """
        pairs = cls()
        if content:
            try:
                counts = zlib.decompressobj().decompress(base64.b64decode(content), _BUCKETS + 1)
            except (zlib.error, TypeError, ValueError) as error:
                raise ArtifactError("manifest.json holds no word pairs; train again") from error
            if len(counts) != _BUCKETS:
                raise ArtifactError("manifest.json holds word pairs of another size; train again")
            pairs._counts[:] = counts
        return pairs


def _buckets(text: str) -> Iterator[int]:
    """Yield the bucket of each pair of the body, its first word and its last with nothing too."""
    words = text.split(" ")
    for pair in pairwise(["", *words[body_start(words) :], ""]):
        yield zlib.crc32(" ".join(pair).encode()) % _BUCKETS
