"""Scored lines without a model, for tests of what is made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinylogbert_daemon.model.scorer import Verdict, text_key
from tinylogbert_daemon.training.evaluate import Scored


def scored(
    labels: Sequence[int], scores: Sequence[float], texts: Sequence[int] | None = None
) -> Scored:
    """Return scored lines; each has a text of its own unless ``texts`` numbers them."""
    found = Scored()
    numbers = list(range(len(labels))) if texts is None else list(texts)
    found.labels.extend(labels)
    found.scores.extend(scores)
    found.raw.extend(scores)
    found.severity.extend(scores)
    found.texts.extend(numbers)
    found.patterns.extend(numbers)
    found.lengths.extend(10.0 + label for label in labels)
    found.times.extend([math.nan] * len(labels))
    random = np.random.default_rng(0)
    for number in range(max(numbers) + 1):
        embedding = random.normal(size=8).astype(np.float16)
        text = f"text {number}"
        nothing = np.zeros(1, dtype=np.float32)
        found.verdicts.append(Verdict(text, text_key(text), 1.0, 0.5, nothing, embedding))
    return found
