#!/usr/bin/env python3
"""How well a model tells anomalies apart, beside simple detectors on the same lines.

Every set and how it is split, judged and averaged is described in docs/quality.md. Figures are by
line, and by distinct pattern; those of the simple detectors at their best threshold, ours at the
default one. The last line of stdout is one JSON object keyed by set.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import get_args

sys.path.insert(0, str(Path(__file__).parent))
import quality_daemon
import quality_faults
import quality_known
import quality_sessions
from common import finish, parser, say, takes_self_made
from quality_detector import Model
from quality_figures import show
from quality_measure import Run
from quality_sets import SETS as LINE_SETS

from tinylogbert_daemon.cli.setup import positive
from tinylogbert_daemon.config.schema import Precision

SETS = {
    **LINE_SETS,
    **quality_known.SETS,
    **quality_daemon.SETS,
    **quality_sessions.SETS,
    **quality_faults.SETS,
}
QUICK = ("bgl-2k-cold", "bgl-2k-counted", "corruptions", *quality_known.SETS, *quality_faults.SETS)


def main() -> None:
    """Measure all sets, or some."""
    options = parser(__doc__)
    options.add_argument(
        "--set", action="append", choices=tuple(SETS), metavar="NAME", help=", ".join(SETS)
    )
    options.add_argument("--seeds", type=positive, default=3, metavar="N", help="runs (default: 3)")
    options.add_argument(
        "--threads", type=positive, default=1, metavar="N", help="of the model (default: 1)"
    )
    options.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="auto",
        help="the numbers that the model multiplies (default: auto, as in the configuration)",
    )
    takes_self_made(options)
    options.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep what is trained here, and use it again"
    )
    args = options.parse_args()
    chosen = args.set or (QUICK if args.quick else SETS)
    result = {}
    with tempfile.TemporaryDirectory() as temporary:
        model = Model(args.model, args.threads, args.precision)
        folder = (args.keep or Path(temporary)) / model.artifact.name
        seeds = 1 if args.quick else args.seeds
        run = Run(model, args.model, seeds, folder, args.self_made, args.threads, args.quick)
        for name in chosen:
            started = time.perf_counter()
            if name in quality_faults.SETS and not quality_faults.available(run):
                say(f"\n{name}: left out, needs --self-made with NAME.log and NAME.phases")
                continue
            found = SETS[name](run)
            result[name] = {"model": model.artifact.name, **found}
            show(name, found)
            say(f"  took {time.perf_counter() - started:.1f} s")
    finish(result)


if __name__ == "__main__":
    main()
