#!/usr/bin/env python3
"""Lines a second from file to committed state, through the real daemon, beside the bare loop.

The bare loop reads blocks of 1 MiB, cuts them at the last newline, translates digits, splits, and
looks every shape up in a dict: the limit for Python. ``wc -l`` is the limit for anyone. All are run
in turn on the same file, several times; ratios are of medians.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from common import daemon, data, finish, parser, say

BLOCK = 1 << 20
DIGITS = bytes.maketrans(b"123456789", b"000000000")


def bare_loop(path: Path, known: dict[bytes, int]) -> float:
    """Return the seconds that the bare loop takes over ``path``."""
    started = time.perf_counter()
    rest = b""
    with path.open("rb") as stream:
        while chunk := stream.read(BLOCK):
            chunk = rest + chunk
            cut = chunk.rfind(b"\n") + 1
            rest = chunk[cut:]
            list(map(known.get, chunk[:cut].translate(DIGITS).split(b"\n")))
    return time.perf_counter() - started


def word_count(path: Path) -> float:
    """Return the seconds that ``wc -l`` takes over ``path``."""
    started = time.perf_counter()
    subprocess.run(["wc", "-l", str(path)], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure ``hdfs-2pct`` repeated."""
    options = parser(__doc__)
    options.add_argument("--runs", type=int, default=5)
    args = options.parse_args()
    once = data("benchmark/hdfs-2pct.log.xz")
    content = once * (2 if args.quick else 10)
    lines, runs = content.count(b"\n"), 2 if args.quick else args.runs
    known = dict.fromkeys(once.translate(DIGITS).split(b"\n"), 1)
    ours, cpu, loop, count = [], [], [], []
    with tempfile.TemporaryDirectory() as name, daemon(Path(name) / "d", args.model) as running:
        path = Path(name) / "hdfs.log"
        path.write_bytes(content)
        running.feed(once, "warm-up.log")
        for run in range(runs):
            wall, used = running.feed(content, f"{run}.log")
            ours.append(wall)
            cpu.append(used)
            loop.append(bare_loop(path, known))
            count.append(word_count(path))
            say(
                f"run {run + 1}: daemon {lines / wall:,.0f}, bare loop {lines / loop[-1]:,.0f}, "
                f"wc -l {lines / count[-1]:,.0f} lines/s"
            )
        peak = running.peak_mb()
    median = statistics.median(ours)
    result = {
        "lines_per_s": round(lines / median),
        "mb_per_s": round(len(content) / median / 1e6, 1),
        "cpu_s_per_million": round(statistics.median(cpu) / lines * 1e6, 3),
        "rss_mb": round(peak, 1),
        "vs_loop": round(statistics.median(loop) / median, 3),
        "vs_wc": round(statistics.median(count) / median, 3),
    }
    say(f"{lines:,} lines: {result}")
    finish({"hdfs": result})


if __name__ == "__main__":
    main()
