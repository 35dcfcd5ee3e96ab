"""How well scores tell labelled anomalies apart, beside detectors that any shell script has."""

from __future__ import annotations

import math
import re
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from tinylogbert_daemon.decide.engine import Engine
from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.model.shape import record, shapes
from tinylogbert_daemon.source.logtime import parse
from tinylogbert_daemon.training.corpus import LabelledLine
from tinylogbert_daemon.training.plots import visualize_results

__all__ = ["Scored", "baselines", "evaluate_scores", "score_lines", "visualize_results"]

_CHUNK = 1024
_THRESHOLDS = tuple(step / 10 for step in range(1, 10))
_HEX = re.compile(rb"0x[0-9a-fA-F]+|\b(?=[a-fA-F]*0)(?=0*[a-fA-F])[0a-fA-F]{6,}\b")
_ZEROS = re.compile(rb"0+")


def evaluate_scores(labels: Sequence[int], scores: Sequence[float]) -> dict[str, Any]:
    """Return how well ``scores`` (higher: more anomalous) rank lines of ``labels`` 1 before 0.

    ``auc`` is the area under the ROC curve, ``ap`` the average precision; ``best_f1`` comes with
    its ``precision``, ``recall`` and ``threshold``; ``at_0.5`` is the confusion at that threshold,
    ``thresholds`` the same at 0.1 to 0.9. Raises :class:`DataError` if the lengths differ, a score
    is not finite or there is only one class.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

    truth, values = _checked(labels, scores)
    precisions, recalls, thresholds = precision_recall_curve(truth, values)
    f1 = 2 * precisions * recalls / np.maximum(precisions + recalls, 1e-12)
    best = int(f1[:-1].argmax())
    return {
        "lines": len(truth),
        "anomalies": int(truth.sum()),
        "auc": float(roc_auc_score(truth, values)),
        "ap": float(average_precision_score(truth, values)),
        "best_f1": float(f1[best]),
        "precision": float(precisions[best]),
        "recall": float(recalls[best]),
        "threshold": float(thresholds[best]),
        "at_0.5": _at(truth, values, 0.5),
        "thresholds": [_at(truth, values, threshold) for threshold in _THRESHOLDS],
    }


class Scored:
    """What is known of the labelled lines of a file, one entry each.

    ``raw`` and ``severity`` are the parts of ``scores``; ``times`` are seconds, NaN before the
    first date; ``texts`` number the ``verdicts``, one a distinct text. ``seconds`` is how long the
    verdicts took, all of them from an empty cache on, without reading and deciding.
    """

    def __init__(self) -> None:
        self.labels = array("b")
        self.scores = array("d")
        self.raw = array("d")
        self.severity = array("d")
        self.patterns = array("q")
        self.lengths = array("d")
        self.times = array("d")
        self.texts = array("q")
        self.verdicts: list[Verdict] = []
        self.seconds = 0.0


def score_lines(
    engine: Engine, lines: Iterable[LabelledLine], report: Callable[[int], None] = lambda _: None
) -> Scored:
    """Return the labels and scores of ``lines``; one without a label is passed over.

    ``report`` is told how many lines each chunk had.
    """
    found = Scored()
    number_of: dict[bytes, int] = {}
    text_of: dict[str, int] = {}
    now = time.time()
    last = math.nan
    labelled: Iterator[LabelledLine] = (line for line in lines if line.label is not None)
    while chunk := list(islice(labelled, _CHUNK)):
        records = [record(line.text) for line in chunk]
        block = b"".join(content + b"\n" for content in records)
        known: dict[Verdict, float] = {}
        began = time.perf_counter()
        verdicts = engine.verdicts(block)
        found.seconds += time.perf_counter() - began
        for verdict in verdicts:
            if verdict not in known:
                known[verdict] = engine.decide(verdict).score
                if text_of.setdefault(verdict.text, len(text_of)) == len(found.verdicts):
                    found.verdicts.append(verdict)
            found.scores.append(known[verdict])
            found.raw.append(verdict.raw)
            found.severity.append(verdict.severity)
            found.texts.append(text_of[verdict.text])
        for content in records:
            dated = parse(content, now)
            last = last if dated is None else dated
            found.times.append(last)
        found.labels.extend(int(line.label or 0) for line in chunk)
        found.lengths.extend(map(len, records))
        found.patterns.extend(
            number_of.setdefault(_pattern(shape), len(number_of)) for shape in shapes(block)
        )
        report(len(chunk))
    return found


def baselines(found: Scored) -> dict[str, Sequence[float]]:
    """Return the scores of the simple detectors by name, in file order.

    A pattern is a line with digits and hex masked. ``new pattern`` flags the first line of each,
    ``rare pattern`` goes by how seldom the whole file has it, ``line length`` by bytes.
    """
    seen: set[int] = set()
    counts = Counter(found.patterns)
    new = []
    for pattern in found.patterns:
        new.append(0.0 if pattern in seen else 1.0)
        seen.add(pattern)
    return {
        "new pattern": new,
        "rare pattern": [1.0 / counts[pattern] for pattern in found.patterns],
        "line length": list(found.lengths),
    }


def _pattern(shape: bytes) -> bytes:
    return _ZEROS.sub(b"0", _HEX.sub(b"0", shape))


def _checked(
    labels: Sequence[int], scores: Sequence[float]
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64]]:
    if len(labels) != len(scores):
        raise DataError(f"there are {len(labels)} labels for {len(scores)} scores")
    truth = np.asarray(labels).astype(np.int8)
    values = np.asarray(scores, dtype=np.float64)
    if not np.isin(truth, (0, 1)).all():
        raise DataError("labels must be 0 or 1")
    if not np.isfinite(values).all():
        raise DataError("scores must be finite numbers")
    if len(np.unique(truth)) < 2:
        only = f"only label {truth[0]}" if len(truth) else "no labelled line"
        raise DataError(f"needs normal lines and anomalies to tell apart, found {only}")
    return truth, values


def _at(
    truth: npt.NDArray[np.int8], values: npt.NDArray[np.float64], threshold: float
) -> dict[str, Any]:
    """Return the confusion where a score of at least ``threshold`` is an anomaly."""
    flagged = values >= threshold
    true = int((flagged & (truth == 1)).sum())
    false = int(flagged.sum()) - true
    missed = int(truth.sum()) - true
    return {
        "threshold": threshold,
        "true_positives": true,
        "false_positives": false,
        "false_negatives": missed,
        "true_negatives": len(truth) - true - false - missed,
        "precision": true / (true + false) if true + false else 0.0,
        "recall": true / (true + missed),
        "f1": 2 * true / (2 * true + false + missed),
    }
