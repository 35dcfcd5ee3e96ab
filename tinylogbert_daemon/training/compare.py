"""Both models on the same labelled lines: what each scores, costs and wins, ties told as ties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinylogbert_daemon.decide.engine import Engine
from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.training.corpus import LabelledLine
from tinylogbert_daemon.training.evaluate import Scored, baselines, evaluate_scores
from tinylogbert_daemon.training.threshold import Wish, operating_points
from tinylogbert_daemon.training.timing import measure

NAMES = {"tinylogbert": "TinyLogBERT", "logbert_distil": "LogBERT-Distil"}

_RESAMPLES = 300
_INTERVAL = (0.025, 0.975)
_SAME_SPEED = 1.1  # a machine's timings differ by as much from one run to the next


def check_type(artifact: Artifact, wanted: str, option: str) -> None:
    """Raise :class:`DataError` if the model that ``option`` named is of another type."""
    actual = artifact.manifest.model_type
    if actual != wanted:
        raise DataError(
            f"{artifact.folder}: is a {actual} model, {option} needs a {wanted} one; "
            f"`tinylogbert train --model-type {wanted}` makes one"
        )


def describe(artifact: Artifact) -> dict[str, Any]:
    """Return what a model is made of: parameters, bytes on disk, and how it was trained.

    ``seconds`` of training are None where the artifact does not say.
    """
    training = artifact.manifest.training
    graph = artifact.unfrozen_graph()
    return {
        "artifact": artifact.name,
        "parameters": sum(weight.numel() for weight in graph.parameters()),
        "bytes": sum(path.stat().st_size for path in artifact.folder.iterdir()),
        "training": {
            key: training.get(key)
            for key in ("steps", "seconds", "batch_size", "texts", "records", "init", "size")
        },
    }


def compare(
    engines: Mapping[str, Engine],
    lines: Sequence[LabelledLine],
    scored: Mapping[str, Scored],
    wish: Wish,
    seed: int = 0,
) -> dict[str, Any]:
    """Return all figures of both models, and of the simple detectors on the same lines.

    ``engines`` and ``scored`` (by :func:`~tinylogbert_daemon.training.evaluate.score_lines`, the
    cache empty before) go by model type. Raises :class:`DataError` where there is only one label.
    """
    first = next(iter(scored.values()))
    models = {}
    for name, engine in engines.items():
        found = scored[name]
        models[name] = {
            **describe(engine.artifact),
            "quality": evaluate_scores(found.labels, found.scores),
            "parts": {
                "surprise alone": _brief(found.labels, found.raw),
                "severity alone": _brief(found.labels, found.severity),
            },
            **operating_points(found.labels, found.scores, found.texts, found.times, wish),
            "timing": asdict(measure(engine, lines, found, seed)),
        }
    differences = quality_differences(*scored.values(), seed=seed)
    simple = {name: _brief(first.labels, scores) for name, scores in baselines(first).items()}
    return {
        "lines": len(first.labels),
        "anomalies": sum(first.labels),
        "texts": len(first.verdicts),
        "models": models,
        "baselines": simple,
        "differences": {name: asdict(value) for name, value in differences.items()},
        "summary": summary(models, differences, simple),
    }


@dataclass(frozen=True, slots=True)
class Difference:
    """The first model's figure less the second's, and the 95 % interval of it."""

    value: float
    low: float
    high: float

    @property
    def winner(self) -> int | None:
        """0 or 1, or None where chance may have made the difference."""
        if self.low <= 0.0 <= self.high:
            return None
        return 0 if self.value > 0 else 1


def quality_differences(one: Scored, other: Scored, *, seed: int = 0) -> dict[str, Difference]:
    """Return how far two models are apart in AP, ROC-AUC and best F1 on the same lines.

    The interval is a paired bootstrap over distinct texts (Efron & Tibshirani, 1993): the lines of
    one text are judged as one, so they are drawn as one.
    """
    tables = [_Table.of(found) for found in (one, other)]
    random = np.random.default_rng(seed)
    texts = tables[0].texts
    draws: list[npt.NDArray[Any]] = [np.ones(texts)]
    draws += [random.multinomial(texts, np.full(texts, 1 / texts)) for _ in range(_RESAMPLES)]
    rows = [
        tables[0].measures(draw) - tables[1].measures(draw)
        for draw in draws
        if tables[0].has_both(draw)
    ]
    values = np.asarray(rows)
    lows, highs = np.quantile(values, _INTERVAL, axis=0)
    return {
        name: Difference(float(values[0, i]), float(lows[i]), float(highs[i]))
        for i, name in enumerate(_MEASURES)
    }


_MEASURES = ("ap", "auc", "best_f1")


@dataclass(frozen=True, slots=True)
class _Table:
    """One row for each text and score, from the highest score down: normal and anomalous lines."""

    rows: npt.NDArray[np.int64]
    normal: npt.NDArray[np.int64]
    anomalous: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    texts: int

    @classmethod
    def of(cls, found: Scored) -> _Table:
        texts = len(found.verdicts)
        keys, labels = np.asarray(found.texts), np.asarray(found.labels)
        scores = np.zeros(texts)
        scores[keys] = np.asarray(found.scores)
        order = np.argsort(-scores, kind="stable")
        ends = np.append(np.flatnonzero(np.diff(scores[order])), texts - 1)
        normal = np.bincount(keys[labels == 0], minlength=texts)[order]
        anomalous = np.bincount(keys[labels == 1], minlength=texts)[order]
        return cls(order, normal, anomalous, ends, texts)

    def has_both(self, draw: npt.NDArray[Any]) -> bool:
        """Return whether a draw of texts holds lines of either label."""
        weight = draw[self.rows]
        return bool((weight @ self.normal) and (weight @ self.anomalous))

    def measures(self, draw: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the ``_MEASURES`` where text i is taken ``draw[i]`` times."""
        weight = draw[self.rows]
        true = np.cumsum(weight * self.anomalous)[self.ends]
        false = np.cumsum(weight * self.normal)[self.ends]
        gained = np.diff(true, prepend=0)
        precision = true / np.maximum(true + false, 1)
        ap = (gained * precision).sum() / true[-1]
        mean_true = true - gained / 2  # ties count half
        auc = (np.diff(false, prepend=0) * mean_true).sum() / (true[-1] * false[-1])
        best_f1 = (2 * true / (true + false + true[-1])).max()
        return np.array([ap, auc, best_f1])


def summary(
    models: Mapping[str, Mapping[str, Any]],
    differences: Mapping[str, Difference],
    simple: Mapping[str, Mapping[str, float]],
) -> list[str]:
    """Return sentences that say which model wins in what, and where neither does."""
    names = [NAMES[name] for name in models]
    found = list(models.values())
    sentences = []
    words = {
        "ap": "average precision (how pure the top of its ranking is)",
        "auc": "ROC-AUC (how often an anomaly ranks above a normal line)",
        "best_f1": "best F1",
    }
    for key, what in words.items():
        values = [model["quality"][key] for model in found]
        figures = f"{values[0]:.3f} against {values[1]:.3f}"
        gap = differences[key]
        if gap.winner is None:
            sentences.append(
                f"In {what} neither wins: {names[0]} and {names[1]} have {figures}, and the gap "
                f"({gap.low:+.3f} to {gap.high:+.3f}, 95 % interval) may be chance."
            )
        else:
            shown = values if gap.winner == 0 else values[::-1]
            sentences.append(
                f"{names[gap.winner]} wins in {what}: {shown[0]:.3f} against {shown[1]:.3f}."
            )
    each = [model["timing"]["median_ms"] / 1000 for model in found]
    sentences.append(_ratio("a text that was never seen", names, each))
    for key, what in (
        ("cold_lines_per_s", "a line of this file, cache empty at first"),
        ("warm_lines_per_s", "a line whose text is known"),
    ):
        seconds = [1 / max(1e-9, model["timing"][key]) for model in found]
        sentences.append(_ratio(what, names, seconds))
    small = 0 if found[0]["bytes"] <= found[1]["bytes"] else 1
    times = found[1 - small]["bytes"] / max(1, found[small]["bytes"])
    sentences.append(
        f"{names[small]} is {times:.1f} times smaller on disk, with "
        f"{found[small]['parameters'] / 1e6:.1f} against "
        f"{found[1 - small]['parameters'] / 1e6:.1f} million parameters."
    )
    sentences.append(_training(names, found))
    sentences.append(_beside_simple(names, found, simple))
    return sentences


def _ratio(what: str, names: Sequence[str], seconds: Sequence[float]) -> str:
    fast = 0 if seconds[0] <= seconds[1] else 1
    times = seconds[1 - fast] / max(1e-12, seconds[fast])
    figures = f"{_duration(seconds[fast])} against {_duration(seconds[1 - fast])}"
    if times < _SAME_SPEED:
        return f"For {what} both take as long: {figures}."
    return f"{names[fast]} is {times:.1f} times faster for {what}: {figures}."


def _duration(seconds: float) -> str:
    if seconds >= 120:
        return f"{seconds / 60:.3g} min"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def _training(names: Sequence[str], found: Sequence[Mapping[str, Any]]) -> str:
    told = []
    for name, model in zip(names, found, strict=True):
        training = model["training"]
        count = training["steps"]
        steps = "an unknown number of steps" if count is None else f"{count:,} steps"
        steps = "one step" if count == 1 else steps
        start = "nothing" if training["init"] in (None, "none") else training["init"]
        seconds = training["seconds"]
        time = "" if seconds is None else f" in {_duration(seconds)}"
        told.append(f"{name} was trained for {steps}{time} from {start}")
    return f"{told[0]}, {told[1]}: this compares two trained models, not what either could become."


def _beside_simple(
    names: Sequence[str],
    found: Sequence[Mapping[str, Any]],
    simple: Mapping[str, Mapping[str, float]],
) -> str:
    best = max(simple, key=lambda name: simple[name]["ap"])
    bar = simple[best]["ap"]
    better = [
        name for name, model in zip(names, found, strict=True) if model["quality"]["ap"] > bar
    ]
    which = {0: "Neither model is", 1: f"Only {''.join(better[:1])} is", 2: "Both models are"}
    return (
        f"{which[len(better)]} better in average precision than the best simple detector "
        f"({best}: {bar:.3f})."
    )


def _brief(labels: Sequence[int], scores: Sequence[float]) -> dict[str, float]:
    found = evaluate_scores(labels, scores)
    return {key: found[key] for key in ("auc", "ap", "best_f1", "precision", "recall")}
