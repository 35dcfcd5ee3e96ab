"""The decision by itself: sets on which its weights are chosen, and how it does with other weights.

Histories are counted, nothing is trained on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import get_args

import quality_data
import quality_faults
import quality_known
import quality_sets
from quality_data import Split
from quality_detector import Detector, Model
from sklearn.metrics import average_precision_score

Place = tuple[ModuleType, str]
"""A module and the name of a constant in it."""


@contextmanager
def changed(values: Mapping[Place, float]) -> Iterator[None]:
    """Let constants of the decision have other ``values`` for a while."""
    before = {(module, name): getattr(module, name) for module, name in values}
    try:
        for (module, name), value in values.items():
            setattr(module, name, value)
        yield
    finally:
        for (module, name), value in before.items():
            setattr(module, name, value)


def choosing(
    model: Model, self_made: Path | None, seeds: int, *, quick: bool = False
) -> dict[str, list[Split]]:
    """Return the splits of the sets that choose, by the set's name; nothing of Blue Gene's alerts.

    Of the self-made logs those of services that ``model`` was not trained on.
    """
    found: dict[str, list[Split]] = {}
    held_out = model.artifact.manifest.training.get("held_out_services", [])
    for history in get_args(quality_faults.History) if self_made else ():
        paths = (self_made / f"{name}.phases" for name in held_out) if self_made else ()
        services = (quality_faults.service(path, history) for path in paths if path.exists())
        name = "faults" if history == "healthy" else f"faults-{history}"
        found[name] = [split for split in services if split is not None]
    names = list(quality_data.systems())[: quality_sets.QUICK_SYSTEMS if quick else None]
    found["corruptions"] = [
        quality_sets.corrupted(name, seed) for seed in range(seeds) for name in names
    ]
    found["well-known"] = [quality_known.split(warm=True)]
    found["well-known-cold"] = [quality_known.split(warm=False)]
    return {name: splits for name, splits in found.items() if splits}


def scores(model: Model, split: Split) -> list[float]:
    """Return the scores of the judged lines after the history."""
    return Detector(model, split.history.records).score(model.verdicts(split.judged.records))


def average_precision(model: Model, splits: Sequence[Split]) -> float:
    """Return the mean average precision over splits, of those that hold an anomaly."""
    found = [
        float(average_precision_score(split.labels, scores(model, split)))
        for split in splits
        if split.labels.any()
    ]
    return round(sum(found) / len(found), 4)
