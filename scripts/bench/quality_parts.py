#!/usr/bin/env python3
"""What each part of the decision adds: average precision of the whole, and of it without a part.

Every variant judges the same verdicts of the same sets (docs/quality.md); a history is counted,
nothing is trained on it. Averages over services and systems are macro averages. The last line of
stdout is one JSON object keyed by variant, then by set.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import quality_sets
from common import finish, parser, say, takes_self_made
from quality_data import Split
from quality_decision import Place, average_precision, changed, choosing
from quality_detector import Model

from tinylogbert_daemon.cli.setup import positive
from tinylogbert_daemon.decide import evidence, score

OFF: dict[str, dict[Place, float]] = {
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


def without(*parts: str) -> dict[Place, float]:
    """Return the values with which the decision goes without ``parts``."""
    return {place: value for part in parts for place, value in OFF[part].items()}


def reporting(*, quick: bool) -> dict[str, list[Split]]:
    """Return the sets of Blue Gene/L, which choose nothing."""
    long = {} if quick else {"first-10000": 10_000, "contaminated-15000": 15_000}
    return {
        **{f"bgl-100k-{n}-counted": [quality_sets.first(lines)(0)] for n, lines in long.items()},
        "bgl-2k-counted": [quality_sets.halves(0)],
        "bgl-2k-cold": [quality_sets.whole()],
    }


def main() -> None:
    """Measure all variants on all sets."""
    options = parser(__doc__)
    options.add_argument("--seeds", type=positive, default=2, metavar="N", help="of corruptions")
    takes_self_made(options)
    args = options.parse_args()
    model = Model(args.model)
    seeds = 1 if args.quick else args.seeds
    sets = choosing(model, args.self_made, seeds, quick=args.quick) | reporting(quick=args.quick)
    result = {}
    say(f"{'':26}" + " ".join(f"{name[-18:]:>18}" for name in sets))
    for variant, parts in VARIANTS.items():
        with changed(without(*parts)):
            result[variant] = {name: average_precision(model, rows) for name, rows in sets.items()}
        say(f"{variant:26}" + " ".join(f"{value:18.3f}" for value in result[variant].values()))
    finish(result)


if __name__ == "__main__":
    main()
