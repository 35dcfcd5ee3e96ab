#!/usr/bin/env python3
"""Choose the weights of the decision by a rule, on the sets that choose (docs/quality.md) alone.

What counts is what would wake somebody. Found are the kinds of fault of which a line is flagged,
the well-known lines and the patterns of corrupted ones; false are all other patterns that are
flagged. Of the models given, the settings of GRID and the operating points OFFSETS, the one with
the highest F0.5 of both over all sets is chosen; precision weighs more than recall (van Rijsbergen,
1979). That a history with anomalies must not blind the detector is no matter of choice:
see :func:`distrusted`.

Nothing is changed: what comes out goes into ``decide`` by hand. Takes some two minutes a model. The
last line of stdout is one JSON object: what is chosen, what is set now, and the best settings.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import numpy as np
import numpy.typing as npt
from common import finish, parser, say, takes_self_made
from quality_data import Split
from quality_decision import Place, changed, choosing, scores
from quality_detector import Model

from tinylogbert_daemon.cli.setup import positive
from tinylogbert_daemon.decide import evidence, score

SEVERITY: Place = (evidence, "_SEVERITY_WEIGHT")
LEVEL: Place = (evidence, "_TROUBLE_LEVEL_WEIGHT")
WORDING: Place = (evidence, "_KNOWN_WORDING")
NOVELTY: Place = (score, "_NOVELTY_WEIGHT")
DISTRUSTED: Place = (evidence, "_DISTRUSTED")
OFFSET: Place = (score, "_OFFSET")
NEUTRAL: Place = (score, "_NEUTRAL_NOVELTY")

GRID: dict[Place, tuple[float, ...]] = {
    SEVERITY: (0.6, 0.7, 0.8, 0.9),
    LEVEL: (1.25, 1.5, 1.75, 2.0),
    WORDING: (0.7, 0.8, 0.9, 0.95),
    NOVELTY: (14.0, 18.0, 22.0),
}
OFFSETS = np.round(np.arange(0.5, 2.01, 0.05), 2)
LEARNING = 0.448
"""So much less evidence is taken as novelty while nothing is known of a host, in log-odds."""

BETA = 0.5
BEST = 20

Setting = dict[Place, float]
Sets = dict[str, list[Split]]
Counts = npt.NDArray[np.float64]


def distrusted(severity_weight: float, level_weight: float) -> float:
    """Return the evidence from which on what is said is not taken for normal.

    Such that a record that calls itself an error is trusted the least from a severity of 2/3 on.
    """
    content = severity_weight * math.log(2.0) + level_weight
    least = math.log(1.0 / evidence._LEAST_TRUST - 1.0) / evidence._DISTRUST_SLOPE
    return round(content - least, 2)


def settings(*, quick: bool) -> list[Setting]:
    """Return what is set now, and every setting of the grid."""
    every = [dict(zip(GRID, values, strict=True)) for values in product(*GRID.values())]
    for setting in every:
        setting[DISTRUSTED] = distrusted(setting[SEVERITY], setting[LEVEL])
        setting[NEUTRAL] = round(1.0 - LEARNING / setting[NOVELTY], 4)
    now = {(module, name): getattr(module, name) for module, name in every[0]}
    return [now, *every[: 2 if quick else None]]


def found(model: Model, name: str, split: Split) -> Counts:
    """Return what is found, what is false, and what there is to find: a row an operating point."""
    evidence_of = _log_odds(scores(model, split))
    patterns, kinds = split.judged.patterns, split.kinds
    anomalous = {pattern for pattern, kind in zip(patterns, kinds, strict=True) if kind}
    true: dict[str, float] = {}
    false: dict[str, float] = {}
    for pattern, kind, value in zip(patterns, kinds, evidence_of, strict=True):
        if kind:
            key = kind if name.startswith("faults") else pattern
            true[key] = max(true.get(key, -math.inf), value)
        elif pattern not in anomalous:
            false[pattern] = max(false.get(pattern, -math.inf), value)
    columns = [
        (np.array(list(values.values()))[:, None] >= OFFSETS).sum(axis=0)
        if values
        else np.zeros(len(OFFSETS))
        for values in (true, false)
    ]
    return np.column_stack([*columns, np.full(len(OFFSETS), len(true))]).astype(float)


def _log_odds(probabilities: Sequence[float]) -> list[float]:
    clipped = np.clip(np.asarray(probabilities), 1e-12, 1.0 - 1e-12)
    odds: list[float] = np.log(clipped / (1.0 - clipped)).tolist()
    return odds


def f_beta(counts: Counts) -> npt.NDArray[np.float64]:
    """Return F-beta at each operating point, 0 where nothing is found."""
    hits, false, all_true = counts.T
    weight = BETA * BETA
    return np.asarray((1.0 + weight) * hits / (weight * all_true + hits + false))


def row(model: Model, sets: Sets, seeds: int, setting: Setting) -> dict[str, Any]:
    """Return a setting's best operating point, and what is found and false there on each set."""
    with changed({**setting, OFFSET: 0.0}):
        of_set = {
            name: np.sum([found(model, name, split) for split in splits], axis=0)
            / (seeds if name == "corruptions" else 1)
            for name, splits in sets.items()
        }
    by_offset = f_beta(np.sum(list(of_set.values()), axis=0))
    best = int(by_offset.argmax())
    return {
        "model": model.artifact.name,
        **{name: value for (_, name), value in setting.items()},
        OFFSET[1]: float(OFFSETS[best]),
        "f_beta": round(float(by_offset[best]), 4),
        "sets": {name: counts[best].tolist() for name, counts in of_set.items()},
        "by_offset": dict(zip(OFFSETS.tolist(), by_offset.round(4).tolist(), strict=True)),
    }


def main() -> None:
    """Measure all settings, choose one."""
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
            rows.append(row(model, sets, seeds, setting))
            weights = " ".join(f"{value:g}" for value in setting.values())
            at = rows[-1][OFFSET[1]]
            say(f"{model.artifact.name:26} {weights:32} at {at:<4g}  {rows[-1]['f_beta']:.4f}")
    best = sorted(rows, key=lambda each: -float(each["f_beta"]))[:BEST]
    say(f"chosen: {best[0]}")
    finish({"chosen": best[0], "now": rows[0], "best": best})


if __name__ == "__main__":
    main()
