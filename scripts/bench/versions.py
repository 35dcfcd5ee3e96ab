#!/usr/bin/env python3
"""The hot path of several checkouts, side by side: their daemons are fed the same log in turn.

On a machine whose speed changes by the second, two runs of ``throughput.py`` one after the other
say little. Here all daemons stay up; in each round every one of them reads the log once, beginning
with another one each time, so that its place in the round says nothing. Between rounds the
bare loop reads it. A checkout for this is made by ``git worktree add --detach DIR COMMIT``; all use
this Python's libraries. ``of_first`` is above 1 where a checkout is faster than the first one.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from common import ROOT, Daemon, daemon, finish, parser, say
from peers_whole import bare_loop, shapes_of
from sets import log
from throughput import SETS


def measure(roots: list[Path], name: str, rounds: int, *, quick: bool) -> dict[str, object]:
    """Return the figures of each checkout on one set."""
    found = log(name, quick=quick)
    known = shapes_of(found.content)
    loop: list[float] = []
    took: list[list[tuple[float, float]]] = [[] for _ in roots]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path = folder / "log"
        path.write_bytes(found.content)
        running: list[Daemon] = []
        for number, root in enumerate(roots):
            running.append(stack.enter_context(daemon(folder / f"{number}", None, root)))
            running[-1].feed(found.warm_up, "warm-up.log", seconds=900)
            running[-1].wait_for_verdicts()
        for turn in range(rounds):
            loop.append(bare_loop(path, known))
            for place in range(len(roots)):
                which = (place + turn) % len(roots)
                took[which].append(running[which].feed(found.content, f"{turn}.log", seconds=900))
            walls = ", ".join(f"{seconds[-1][0]:.2f}" for seconds in took)
            say(f"{name}, round {turn + 1}: loop {loop[-1]:.2f} s, {walls} s")
    first = [wall for wall, _ in took[0]]
    return {
        str(root): {
            "lines_per_s": round(found.lines / statistics.median(wall for wall, _ in seconds)),
            "cpu_s_per_million": round(
                statistics.median(cpu for _, cpu in seconds) / found.lines * 1e6, 3
            ),
            "vs_loop": _ratio(loop, [wall for wall, _ in seconds]),
            "of_first": _ratio(first, [wall for wall, _ in seconds]),
        }
        for root, seconds in zip(roots, took, strict=True)
    }


def _ratio(other: list[float], ours: list[float]) -> float:
    """Return the median of the paired ratios."""
    return round(statistics.median(a / b for a, b in zip(other, ours, strict=True)), 3)


def main() -> None:
    """Measure each set."""
    options = parser(__doc__)
    options.add_argument("roots", nargs="*", type=Path, metavar="DIR", help="other checkouts")
    options.add_argument("--rounds", type=int, default=12, metavar="N")
    options.add_argument("--set", choices=SETS, action="append", help="only this set")
    args = options.parse_args()
    if args.model:
        options.error("each checkout is measured with its own base model")
    for root in args.roots:
        if not (root / "tinylogbert_daemon").is_dir():
            options.error(f"{root}: no checkout of this project")
    roots = [ROOT, *(root.absolute() for root in args.roots)]
    rounds = 1 if args.quick else args.rounds
    found = {name: measure(roots, name, rounds, quick=args.quick) for name in args.set or SETS[:2]}
    finish(found)


if __name__ == "__main__":
    main()
