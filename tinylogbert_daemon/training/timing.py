"""How long a model takes: for one text, and for lines with a cold and a warm verdict cache."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import torch

from tinylogbert_daemon.decide.engine import Engine
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.model.shape import record
from tinylogbert_daemon.training.corpus import LabelledLine
from tinylogbert_daemon.training.evaluate import Scored

TEXTS_LIMIT = 200
SECONDS_LIMIT = 15.0
"""One by one, at most so many texts or for so long, whichever ends first."""

_CHUNK = 1024
_WARM_UP_CALLS = 4  # TorchScript specialises its graph in the first calls
_WARM_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds a text, called one by one; lines a second of a whole file in blocks.

    ``texts`` is how many were timed, ``threads`` what torch computed with. ``cold`` begins with an
    empty cache, so it depends on how many distinct texts the file has; ``warm`` is all hits.
    """

    median_ms: float
    p95_ms: float
    texts: int
    threads: int
    cold_lines_per_s: float
    warm_lines_per_s: float


def warm_up(engine: Engine) -> None:
    """Have TorchScript specialise the graph, which takes its first few calls."""
    for call in range(_WARM_UP_CALLS):
        engine.verdicts(b"warming up" + b" the graph" * call + b"\n")


def measure(
    engine: Engine,
    lines: Sequence[LabelledLine],
    found: Scored,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Return the times of ``engine``, whose cache knows all of ``lines``, as ``found`` says.

    ``found`` must come from :func:`score_lines` on the same lines with a cache that was empty.
    ``seed`` chooses the texts that are timed.
    """
    texts = [verdict.text for verdict in found.verdicts if verdict.text]
    chosen = Random(seed).sample(texts, min(len(texts), TEXTS_LIMIT))  # noqa: S311 - not secret
    each = _each(Scorer(engine.artifact, torch.get_num_threads()), chosen, clock)
    labelled = [record(line.text) for line in lines if line.label is not None]
    return Timing(
        median_ms=1000 * float(np.median(each)) if each else 0.0,
        p95_ms=1000 * float(np.quantile(each, 0.95)) if each else 0.0,
        texts=len(each),
        threads=torch.get_num_threads(),
        cold_lines_per_s=len(labelled) / max(found.seconds, 1e-9),
        warm_lines_per_s=_warm(engine, labelled, clock),
    )


def _each(scorer: Scorer, texts: Sequence[str], clock: Callable[[], float]) -> list[float]:
    """Return the seconds of each text."""
    for text in texts[:_WARM_UP_CALLS]:
        scorer.score([text])
    seconds = []
    ends = clock() + SECONDS_LIMIT
    for text in texts:
        began = clock()
        scorer.score([text])
        now = clock()
        seconds.append(now - began)
        if now > ends:
            break
    return seconds


def _warm(engine: Engine, records: Sequence[bytes], clock: Callable[[], float]) -> float:
    """Return lines a second, repeated until the clock can tell."""
    blocks = [
        b"".join(content + b"\n" for content in records[start : start + _CHUNK])
        for start in range(0, len(records), _CHUNK)
    ]
    done = 0
    began = clock()
    while clock() - began < _WARM_SECONDS:
        for block in blocks:
            engine.verdicts(block)
        done += len(records)
    return done / (clock() - began)
