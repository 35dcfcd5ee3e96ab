"""Embeddings of distinct texts in two dimensions (t-SNE: van der Maaten and Hinton, 2008)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt

from tinylogbert_daemon.training.evaluate import Scored

TEXTS_LIMIT = 1000
_PERPLEXITY = 30.0
_LEAST_TEXTS = 5


@dataclass(frozen=True, slots=True)
class Layout:
    """Points (texts, 2) of each model, in the order of ``anomalous``."""

    points: dict[str, npt.NDArray[np.float32]]
    anomalous: npt.NDArray[np.bool_]


def choose(found: Scored, limit: int = TEXTS_LIMIT, seed: int = 0) -> dict[str, bool]:
    """Return at most ``limit`` distinct texts and whether a line of each is an anomaly.

    Anomalies get up to half of the places if they are rare enough to be lost otherwise; within
    each kind the choice is random.
    """
    anomalous = {found.texts[i] for i, label in enumerate(found.labels) if label}
    kinds: dict[bool, list[str]] = {True: [], False: []}
    for number, verdict in enumerate(found.verdicts):
        if len(verdict.embedding):
            kinds[number in anomalous].append(verdict.text)
    random = Random(seed)  # noqa: S311 - reproducible, not secret
    share = {True: max(limit // 2, limit - len(kinds[False]))}
    share[False] = limit - min(share[True], len(kinds[True]))
    return {
        text: kind
        for kind, texts in kinds.items()
        for text in sorted(random.sample(texts, min(share[kind], len(texts))))
    }


def lay_out(models: Mapping[str, Scored], limit: int = TEXTS_LIMIT, seed: int = 0) -> Layout | None:
    """Return the same texts as each of ``models`` sees them; None if there are too few.

    The models must have scored the same lines.
    """
    from sklearn.manifold import TSNE

    chosen = choose(next(iter(models.values())), limit, seed)
    if len(chosen) < _LEAST_TEXTS:
        return None
    points = {}
    for name, found in models.items():
        rows = _rows(found, list(chosen))
        perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
        tsne = TSNE(perplexity=perplexity, init="pca", metric="euclidean", random_state=seed)
        points[name] = tsne.fit_transform(rows)
    return Layout(points, np.fromiter(chosen.values(), dtype=np.bool_))


def _rows(found: Scored, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    of_text = {verdict.text: verdict.embedding for verdict in found.verdicts}
    return np.stack([of_text[text] for text in texts]).astype(np.float32)
