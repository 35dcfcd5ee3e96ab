"""The known-normal texts of this host, to show what an anomaly resembles, and where it differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tinylogbert_daemon.decide.difference import Nearest, difference, ratio

if TYPE_CHECKING:
    from tinylogbert_daemon.model.scorer import Verdict

TEXTS = 5000
"""How many texts are held: 2.5 MB at a width of 256."""

_CANDIDATES = 16
_SAME_SOURCE = 0.1
_LEAST_ALIKE = 0.2  # a difference that marks nearly every word explains nothing


class Normals:
    """The normal texts that were fed last, by embedding; bounded. One model's verdicts only."""

    def __init__(self, limit: int = TEXTS) -> None:
        self._limit = limit
        self._rows: dict[int, int] = {}  # key to row, in order of the last feeding
        self._texts: list[tuple[int, str, str]] = []
        self._matrix: npt.NDArray[np.float16] = np.zeros((0, 0), np.float16)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: int) -> bool:
        return key in self._rows

    def feed(self, source: str, verdicts: Iterable[Verdict]) -> None:
        """Take in texts that are normal on ``source``; the ones fed longest ago make room."""
        for verdict in verdicts:
            if not verdict.embedding.size:
                continue
            row = self._rows.pop(verdict.key, None)
            if row is None:
                row = self._row(verdict.embedding.size)
                self._matrix[row] = verdict.embedding
                entry = (verdict.key, verdict.text, source)
                if row < len(self._texts):
                    self._texts[row] = entry
                else:
                    self._texts.append(entry)
            self._rows[verdict.key] = row

    def nearest(
        self, verdict: Verdict, source: str, is_open: Callable[[int], bool] = lambda _: False
    ) -> Nearest | None:
        """Return the normal text that explains best what is unusual in ``verdict``'s.

        Of the nearest by cosine of the embeddings, the one that shares most words in order; one of
        the same source is preferred. Texts of which ``is_open`` says that they have an open
        incident are passed over. None where nothing resembles it.
        """
        if not self._rows or verdict.embedding.size != self._matrix.shape[1]:
            return None
        rows = self._matrix[: len(self._texts)].astype(np.float32)
        cosines = rows @ verdict.embedding.astype(np.float32)
        best: tuple[float, Nearest] | None = None
        for index in np.argsort(-cosines)[:_CANDIDATES].tolist():
            key, text, seen_on = self._texts[index]
            if key == verdict.key or is_open(key):
                continue
            alike = ratio(text, verdict.text)
            rank = alike + float(cosines[index]) + _SAME_SOURCE * (seen_on == source)
            if alike >= _LEAST_ALIKE and (best is None or rank > best[0]):
                similarity = round(float(cosines[index]), 3)
                marked = difference(text, verdict.text)
                best = (rank, Nearest(text, seen_on, similarity, marked))
        return None if best is None else best[1]

    def _row(self, width: int) -> int:
        """Return a row to write to: a free one, or that of the text that was fed longest ago."""
        if self._matrix.shape[1] != width:
            self._rows.clear()
            self._texts.clear()
            self._matrix = np.zeros((0, width), np.float16)
        if len(self._texts) >= self._limit:
            return self._rows.pop(next(iter(self._rows)))
        if len(self._texts) == len(self._matrix):
            size = min(self._limit, max(64, 2 * len(self._matrix)))
            grown = np.zeros((size, width), np.float16)
            grown[: len(self._matrix)] = self._matrix
            self._matrix = grown
        return len(self._texts)
