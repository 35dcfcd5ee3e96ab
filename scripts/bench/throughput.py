#!/usr/bin/env python3
"""Lines a second from file to committed state, through the real daemon, beside its peers.

Three logs: HDFS repeated, 13 systems repeated, and one with a unique hexadecimal id and a UUID in
each line. Beside the daemon, in the same run: the bare loop (the limit for Python), ``wc -l`` (the
limit for anyone), mtail with a program of three rules, rsyslog's imfile with a filter, Drain3, and
Hugging Face's pipeline; the last two on a part of the lines, extrapolated. What is not installed is
left out. Ratios are of medians of paired runs: above 1, the daemon is faster.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from common import daemon, finish, parser, say
from peers_whole import bare_loop, peers, shapes_of, word_count
from sets import log

SETS = ("hdfs", "systems", "unique-ids")
_SLOW = ("rsyslog", "drain3", "hf_pipeline")  # not in every run


def measure(
    name: str, others: dict[str, Callable[[Path], float]], runs: int, args: Any
) -> dict[str, float]:
    """Return the figures of one set."""
    found = log(name, quick=args.quick)
    seconds: dict[str, list[float]] = defaultdict(list)
    cpu = []
    known = shapes_of(found.content)
    with tempfile.TemporaryDirectory() as folder, daemon(Path(folder) / "d", args.model) as running:
        path = Path(folder) / "log"
        path.write_bytes(found.content)
        running.feed(found.warm_up, "warm-up.log", seconds=900)
        running.wait_for_verdicts()
        for run in range(runs):
            wall, used = running.feed(found.content, f"{run}.log", seconds=900)
            seconds["ours"].append(wall)
            cpu.append(used)
            seconds["loop"].append(bare_loop(path, known))
            seconds["wc"].append(word_count(path))
            for peer, call in others.items():
                if peer not in _SLOW or run == 0 or not args.quick:
                    seconds[peer].append(call(path))
            rates = (f"{peer} {found.lines / took[-1]:,.0f}" for peer, took in seconds.items())
            say(f"{name}, run {run + 1}, lines/s: {', '.join(rates)}")
        peak = running.peak_mb()
    medians = {peer: statistics.median(took) for peer, took in seconds.items()}
    ours = medians.pop("ours")
    return {
        "lines_per_s": round(found.lines / ours),
        "mb_per_s": round(len(found.content) / ours / 1e6, 1),
        "cpu_s_per_million": round(statistics.median(cpu) / found.lines * 1e6, 3),
        "rss_mb": round(peak, 1),
        **{f"vs_{peer}": round(took / ours, 3) for peer, took in medians.items()},
    }


def main() -> None:
    """Measure each set."""
    options = parser(__doc__)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--set", choices=SETS, action="append", help="only this set")
    options.add_argument("--alone", action="store_true", help="only beside the bare loop and wc")
    args = options.parse_args()
    others, absent = ({}, []) if args.alone else peers()
    if absent:
        say(f"not installed, left out: {', '.join(absent)}")
    result = {
        name: measure(name, others, 1 if args.quick else args.runs, args)
        for name in args.set or SETS
    }
    for name, figures in result.items():
        say(f"{name}: " + ", ".join(f"{key} {value:,}" for key, value in figures.items()))
    finish(result)


if __name__ == "__main__":
    main()
