#!/usr/bin/env python3
"""What each part of the decision adds: average precision of the whole, and of it without a part.

Every variant judges the same verdicts of the same sets (docs/quality.md); a history is counted,
nothing is trained on it. Averages over services and systems are macro averages. The last line of
stdout is one JSON object keyed by variant, then by set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parent))
import quality_data
import quality_faults
import quality_known
import quality_sets
from common import finish, parser, say
from quality_data import NOTHING, Split
from quality_detector import Detector, Model
from sklearn.metrics import average_precision_score

from tinylogbert_daemon.cli.setup import positive
from tinylogbert_daemon.decide import evidence, score

_QUICK_SYSTEMS = 3
OFF: dict[str, dict[tuple[ModuleType, str], float]] = {
    "severity": {(evidence, "_SEVERITY_WEIGHT"): 0.0},
    "level": {
        (evidence, "_TROUBLE_LEVEL_WEIGHT"): 0.0,
        (evidence, "_HARMLESS_LEVEL_WEIGHT"): 0.0,
    },
    "surprise": {(score, "_SURPRISE_WEIGHT"): 0.0},
    "novelty": {(score, "_NOVELTY_WEIGHT"): 0.0},
    "wording": {(evidence, "_KNOWN_WORDING"): 1.0},
    "distrust": {(evidence, "_LEAST_TRUST"): 1.0},
}
"""By part: what takes it out of the decision."""

VARIANTS = {
    "severity alone": ("level", "surprise", "novelty"),
    "surprise alone": ("severity", "level", "novelty"),
    "novelty alone": ("severity", "level", "surprise"),
    "severity, level": ("surprise", "novelty"),
    "severity, level, surprise": ("novelty",),
    "all": (),
    "all but severity": ("severity",),
    "all but level": ("level",),
    "all but surprise": ("surprise",),
    "all but wording": ("wording",),
    "all but distrust": ("distrust",),
}
"""By name: the parts that are off."""


@contextmanager
def without(parts: Sequence[str]) -> Iterator[None]:
    """Take ``parts`` out of the decision for a while."""
    changed = {place: value for part in parts for place, value in OFF[part].items()}
    before = {(module, name): getattr(module, name) for module, name in changed}
    try:
        for (module, name), value in changed.items():
            setattr(module, name, value)
        yield
    finally:
        for (module, name), value in before.items():
            setattr(module, name, value)


def splits(model: Model, self_made: Path | None, seeds: int, quick: bool) -> dict[str, list[Split]]:
    """Return the splits of each set, several where they are averaged over."""
    found: dict[str, list[Split]] = {}
    held_out = model.artifact.manifest.training.get("held_out_services", [])
    histories: tuple[quality_faults.History, ...] = ("healthy", "cold", "contaminated")
    for history in histories if self_made else ():
        paths = (self_made / f"{name}.phases" for name in held_out) if self_made else ()
        services = (quality_faults.service(path, history) for path in paths if path.exists())
        found[f"faults-{history}"] = [split for split in services if split is not None]
    names = list(quality_data.systems())[: _QUICK_SYSTEMS if quick else None]
    found["corruptions"] = [
        quality_sets.corrupted(name, seed) for seed in range(seeds) for name in names
    ]
    if not quick:
        for lines in (10_000, 15_000):
            found[f"bgl-100k-first-{lines}"] = [quality_sets.first(lines)(0)]
    found["bgl-2k"] = [quality_sets.halves(0)]
    judged, kinds = quality_data.bgl("bgl-2k")
    found["bgl-2k-cold"] = [Split(NOTHING, judged, kinds)]
    found["well-known"] = [quality_known.split(warm=True)]
    found["well-known-cold"] = [quality_known.split(warm=False)]
    return {name: rows for name, rows in found.items() if rows}


def precision(model: Model, rows: Sequence[Split]) -> float:
    """Return the mean average precision over splits, of those that hold an anomaly."""
    found = [
        float(
            average_precision_score(
                split.labels,
                Detector(model, split.history.records).score(model.verdicts(split.judged.records)),
            )
        )
        for split in rows
        if split.labels.any()
    ]
    return round(sum(found) / len(found), 4)


def main() -> None:
    """Measure all variants on all sets."""
    options = parser(__doc__)
    options.add_argument("--seeds", type=positive, default=2, metavar="N", help="of corruptions")
    options.add_argument(
        "--self-made",
        type=Path,
        metavar="DIR",
        default=os.environ.get("TINYLOGBERT_SELFMADE"),
        help="logs with fault windows (default: $TINYLOGBERT_SELFMADE); else those are left out",
    )
    args = options.parse_args()
    model = Model(args.model)
    seeds = 1 if args.quick else args.seeds
    sets = splits(model, args.self_made, seeds, args.quick)
    result = {}
    say(f"{'':26}" + " ".join(f"{name[-12:]:>12}" for name in sets))
    for variant, parts in VARIANTS.items():
        with without(parts):
            result[variant] = {name: precision(model, rows) for name, rows in sets.items()}
        say(f"{variant:26}" + " ".join(f"{value:12.3f}" for value in result[variant].values()))
    finish(result)


if __name__ == "__main__":
    main()
