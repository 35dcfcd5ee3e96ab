#!/usr/bin/env python3
"""Choose the weights of the decision by a rule, on the sets that choose (docs/quality.md) alone.

1. Of all settings in GRID, and of the base models given, the one with the highest mean over the
   sets of their average precision.
2. Its operating point: the least evidence asked for, in steps of OFFSET_STEP, at which no more than
   MOST_FALSE patterns are flagged wrongly on services that the model was not trained on, whose
   healthy lines it has seen half of.

Nothing is changed: what comes out goes into ``decide`` by hand. Takes some ten minutes a model. The
last line of stdout is one JSON object: what is chosen, what is set now, and the best settings.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from common import finish, parser, say, takes_self_made
from quality_data import Split
from quality_decision import Place, average_precision, changed, choosing, scores
from quality_detector import THRESHOLD, Model
from quality_figures import figures

from tinylogbert_daemon.cli.setup import positive
from tinylogbert_daemon.decide import evidence, score

GRID: dict[Place, tuple[float, ...]] = {
    (evidence, "_SEVERITY_WEIGHT"): (0.5, 0.6, 0.7, 0.8),
    (evidence, "_TROUBLE_LEVEL_WEIGHT"): (1.5, 1.75, 2.0, 2.25),
    (score, "_SURPRISE_WEIGHT"): (0.4, 0.5),
    (evidence, "_DISTRUSTED"): (1.2, 1.6, 2.0),
}
OFFSET: Place = (score, "_OFFSET")
OFFSET_STEP = 0.05
MOST_OFFSET = 3.0
MOST_FALSE = 4
BEST = 20

Setting = dict[Place, float]
Sets = dict[str, list[Split]]


def settings(*, quick: bool) -> list[Setting]:
    """Return what is set now, and every setting of the grid."""
    every = [dict(zip(GRID, values, strict=True)) for values in product(*GRID.values())]
    return [now(), *every[: 2 if quick else None]]


def now() -> Setting:
    """Return the weights as they are set."""
    return {(module, name): getattr(module, name) for module, name in GRID}


def named(setting: Setting) -> dict[str, float]:
    """Return a setting by the names of its constants."""
    return {name: value for (_, name), value in setting.items()}


def row(model: Model, sets: Sets, setting: Setting) -> dict[str, Any]:
    """Return how a model does with a setting: mean average precision, and that of each set."""
    with changed(setting):
        of_set = {name: average_precision(model, splits) for name, splits in sets.items()}
    mean = round(sum(of_set.values()) / len(of_set), 4)
    return {"model": model.artifact.name, **named(setting), "mean_ap": mean, "ap": of_set}


def false_patterns(model: Model, splits: Sequence[Split], offset: float) -> int:
    """Return how many distinct patterns are flagged wrongly where ``offset`` is asked for."""
    with changed({OFFSET: offset}):
        found = [
            figures(split.labels, scores(model, split), split.judged.patterns, THRESHOLD)
            for split in splits
        ]
    return sum(each["patterns_false"] for each in found)


def operating_point(model: Model, splits: Sequence[Split], setting: Setting) -> dict[str, Any]:
    """Return the least offset with few false patterns, and how many there are at each below it."""
    curve = {}
    with changed(setting):
        for step in range(round(MOST_OFFSET / OFFSET_STEP) + 1):
            offset = round(step * OFFSET_STEP, 2)
            curve[offset] = false_patterns(model, splits, offset)
            if curve[offset] <= MOST_FALSE:
                break
    return {"offset": offset, "patterns_false": curve}


def main() -> None:
    """Measure all settings, choose one, and its operating point."""
    options = parser(__doc__)
    options.add_argument("--seeds", type=positive, default=2, metavar="N", help="of corruptions")
    options.add_argument("--other", action="append", default=[], metavar="M", help="another model")
    takes_self_made(options)
    args = options.parse_args()
    seeds = 1 if args.quick else args.seeds
    rows = []
    for name in (args.model, *args.other):
        model = Model(name)
        sets = choosing(model, args.self_made, seeds, quick=args.quick)
        for setting in settings(quick=args.quick):
            found = row(model, sets, setting)
            rows.append((found, model, sets, setting))
            cells = " ".join(f"{value:.3f}" for value in found["ap"].values())
            weights = " ".join(f"{value:g}" for value in setting.values())
            say(f"{found['model']:26} {weights:18} {found['mean_ap']:.4f}  {cells}")
    ranked = sorted(rows, key=lambda each: -each[0]["mean_ap"])
    result: dict[str, Any] = {"best": [found for found, *_ in ranked[:BEST]]}
    for title, (found, model, sets, setting) in {"chosen": ranked[0], "now": rows[0]}.items():
        point = operating_point(model, sets["faults"], setting) if "faults" in sets else {}
        result[title] = found | point
        say(f"{title}: {found['model']} {named(setting)}, mean AP {found['mean_ap']:.4f}, {point}")
    finish(result)


if __name__ == "__main__":
    main()
