#!/usr/bin/env python3
"""How time and memory grow with lines, with files and with distinct shapes, on the real daemon.

Each row is a daemon of its own on a fresh state. ``lines``: the same 1,000 shapes again and again.
``files``: the same lines spread over more files, and what the daemon then takes while it is idle.
``shapes``: lines of which each is a shape of its own, of at most 50,000 texts; what a new text
costs is inference and not counted here, so the texts are made known first. ``exponent`` is the
slope of time against size on logarithmic axes: 1 is a straight line.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from common import Daemon, finish, parser, say
from memory import lines as shape_lines

SETTINGS = {
    "decision": {"learning_hours": 0.0},
    "learning": {"retrain": "never"},  # a new model begins with an empty cache
    "sinks": {"log": {"enabled": False}},
}
KINDS_OF_GROWTH = ("lines", "files", "shapes")
SHAPES_PER_TEXT = 20_736
KINDS = 20


def known(count: int) -> bytes:
    """Return so many lines of 1,000 shapes."""
    made = b"".join(shape_lines(1000, KINDS))
    return made * (count // 1000)


_SHAPES_PER_SECOND = 2000  # that a slow and busy machine reads at least


def row(daemon: Daemon, size: int, seconds: float, cpu: float, first_mb: float) -> dict[str, Any]:
    """Return what is measured of every run; memory in MB beyond that at start."""
    return {
        "size": size,
        "seconds": round(seconds, 2),
        "cpu_s": round(cpu, 2),
        "rss_mb": round(daemon.resident_mb(), 1),
        "more_mb": round(daemon.resident_mb() - first_mb, 1),
    }


def of_lines(folder: Path, model: str | None, size: int) -> dict[str, Any]:
    """Read one file of so many lines."""
    daemon = Daemon(folder, model, settings=SETTINGS)
    daemon.feed(known(10_000), "warm.log")
    first = daemon.resident_mb()
    seconds, cpu = daemon.feed(known(size), "one.log", 900)
    found = row(daemon, size, seconds, cpu, first)
    daemon.stop()
    return found


def of_files(
    folder: Path, model: str | None, size: int, total: int, idle_seconds: float
) -> dict[str, Any]:
    """Read ``total`` lines out of so many files, then watch them."""
    daemon = Daemon(folder, model, settings=SETTINGS)
    daemon.feed(known(10_000), "warm.log")
    first, before, cpu = daemon.resident_mb(), daemon.committed(), daemon.cpu_seconds()
    content = known(total).splitlines(keepends=True)
    each = len(content) // size
    staged = folder / "many"
    staged.mkdir()
    for number in range(size):
        part = b"".join(content[number * each : (number + 1) * each])
        (staged / f"{number:05}.log").write_bytes(b"INFO file %d begins\n" % number + part)
    began = time.perf_counter()
    for path in staged.iterdir():
        path.rename(daemon.logs / path.name)
    daemon.wait_for_lines(before + size * (each + 1), 600)
    seconds = time.perf_counter() - began
    found = row(daemon, size, seconds, daemon.cpu_seconds() - cpu, first)
    time.sleep(idle_seconds / 2)
    idle, began = daemon.cpu_seconds(), time.monotonic()
    time.sleep(idle_seconds)
    share = (daemon.cpu_seconds() - idle) / (time.monotonic() - began)
    daemon.stop()
    return {**found, "idle_cpu_percent": round(share * 100, 2)}


def of_shapes(folder: Path, model: str | None, size: int, texts: int) -> dict[str, Any]:
    """Read lines of so many shapes, whose texts are known."""
    texts = max(min(texts, size // 100), -(-size // SHAPES_PER_TEXT))
    daemon = Daemon(folder, model, settings=SETTINGS)
    daemon.feed(b"".join(shape_lines(texts, texts)), "warm.log", 1800)
    while owed(daemon):
        time.sleep(0.2)
    first = daemon.resident_mb()
    seconds, cpu = daemon.feed(
        b"".join(shape_lines(size, texts)), "shapes.log", max(900, size / _SHAPES_PER_SECOND)
    )
    found = row(daemon, size, seconds, cpu, first)
    daemon.stop()
    return {**found, "texts": texts}


def owed(daemon: Daemon) -> int:
    """Return how many texts await their verdict."""
    return daemon.query("SELECT COUNT(*) FROM owed")


def exponent(rows: list[dict[str, Any]]) -> float | None:
    """Return the slope of CPU time against size between the last two rows, on log axes."""
    *_, before, last = rows
    if not (before["cpu_s"] and last["cpu_s"]):
        return None
    return round(
        math.log(last["cpu_s"] / before["cpu_s"]) / math.log(last["size"] / before["size"]), 2
    )


def plot(result: dict[str, Any], path: Path) -> None:
    """Draw CPU time and memory against size, one line for each kind."""
    import matplotlib as mpl  # noqa: PLC0415 - of the training extra

    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3.2))
    for kind in KINDS_OF_GROWTH:
        rows = result.get(kind, [])
        sizes = [one["size"] for one in rows]
        for axis, key in zip(axes, ("cpu_s", "more_mb"), strict=True):
            axis.plot(sizes, [max(0.01, one[key]) for one in rows], marker="o", label=kind)
    for axis, label in zip(axes, ("CPU seconds", "MB beyond the start"), strict=True):
        axis.set(xscale="log", yscale="log", xlabel="lines, files or shapes", ylabel=label)
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main() -> None:
    """Measure each kind at each size."""
    options = parser(__doc__)
    options.add_argument("--most-shapes", type=int, default=1_000_000, metavar="N")
    options.add_argument("--only", choices=KINDS_OF_GROWTH, action="append", help="only this kind")
    options.add_argument("--plot", type=Path, metavar="PNG", help="draw it (needs matplotlib)")
    args = options.parse_args()
    base = 10_000 if args.quick else 100_000
    lines = [base, base * 10] if args.quick else [base, base * 10, base * 100]
    idle = 4.0 if args.quick else 20.0
    files = [1, 100] if args.quick else [1, 100, 5000]
    most = 10_000 if args.quick else args.most_shapes
    shapes = [10**power for power in range(3, 8) if 10**power <= most]
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        measure: dict[str, Callable[[], list[dict[str, Any]]]] = {
            "lines": lambda: [of_lines(folder / f"l{n}", args.model, n) for n in lines],
            "files": lambda: [of_files(folder / f"f{n}", args.model, n, base, idle) for n in files],
            "shapes": lambda: [of_shapes(folder / f"s{n}", args.model, n, 50_000) for n in shapes],
        }
        result: dict[str, Any] = {kind: measure[kind]() for kind in args.only or KINDS_OF_GROWTH}
    kinds = list(result)
    for kind in kinds:
        for one in result[kind]:
            say(f"{kind:>7} " + "  ".join(f"{key}={value}" for key, value in one.items()))
    result["exponents"] = {kind: exponent(result[kind]) for kind in kinds}
    if args.plot:
        plot(result, args.plot)
    finish(result)


if __name__ == "__main__":
    main()
