"""One split, or one split over several seeds, judged by ours and by the simple detectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import quality_baselines
from quality_data import Split
from quality_detector import THRESHOLD, Detector, Model, train_on
from quality_figures import Figures, by_kind, figures, mean, missed, spread

_PARTS = ("ap", "auc", "best_f1")


@dataclass(frozen=True, slots=True)
class Run:
    """What one call of the benchmark measures with.

    ``model`` was loaded from ``init``; ``folder`` holds what is trained; ``self_made`` the logs
    with fault windows, if there are any.
    """

    model: Model
    init: str | None
    seeds: int
    folder: Path
    self_made: Path | None
    threads: int
    quick: bool


def measure(split: Split, model: Model, seed: int = 0, *, counted: bool = True) -> Figures:
    """Return the figures of one split.

    ``counted`` lets the detector count the split's history; a model trained on the history brings
    its counts along. ``parts`` are what its score is made of.
    """
    labels, patterns = split.labels, split.judged.patterns
    detector = Detector(model, split.history.records if counted else ())
    verdicts = model.verdicts(split.judged.records)
    scores = detector.score(verdicts)
    parts = {
        "severity": [verdict.severity for verdict in verdicts],
        "surprise": [verdict.raw for verdict in verdicts],
    }
    others = quality_baselines.run(split.history.patterns, patterns, seed)
    return {
        **figures(labels, scores, patterns, THRESHOLD),
        "lines": len(labels),
        "anomalies": int(labels.sum()),
        "kinds": by_kind(split.kinds, scores, THRESHOLD),
        "parts": {name: figures(labels, values, patterns) for name, values in parts.items()},
        "baselines": {name: figures(labels, values, patterns) for name, values in others.items()},
    }


def counted(run: Run, split_of: Callable[[int], Split], *, seeded: bool = False) -> Figures:
    """Return the figures of the model as it is, the history counted.

    ``split_of`` is given the seed; only where the split depends on it (``seeded``) are there runs
    over several.
    """
    seeds = range(run.seeds if seeded else 1)
    return over_seeds([measure(split_of(seed), run.model, seed) for seed in seeds])


def trained(run: Run, split_of: Callable[[int], Split], name: str) -> Figures:
    """Return the figures of the model trained further on the history, once a seed."""
    found, seconds = [], []
    precision = run.model.precision
    for seed in range(run.seeds):
        split = split_of(seed)
        model, took = train_on(split.history.records, run.init, seed, run.folder / name)
        found.append(measure(split, Model(model, run.threads, precision), seed, counted=False))
        seconds.append(took)
    return {**over_seeds(found), "train_seconds": round(sum(seconds) / len(seconds), 1)}


def over_seeds(runs: Sequence[Figures]) -> Figures:
    """Return the mean of the runs' figures, with their spread and the kinds that were missed."""
    found = mean(runs)
    return {
        **found,
        "kinds_missed": missed(found.get("kinds", {})),
        "seeds": len(runs),
        "spread": spread(runs) if len(runs) > 1 else {},
    }
