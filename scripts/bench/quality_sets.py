"""The sets with a label a line: Blue Gene/L, seeded corruptions of 13 systems, fault windows."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import quality_data
from quality_data import NOTHING, Lines, Split
from quality_detector import THRESHOLD, Detector
from quality_figures import Figures, mean, summed, without
from quality_measure import Run, counted, measure, over_seeds, trained

from tinylogbert_daemon.model.shape import record
from tinylogbert_daemon.training.corrupt import corrupt

CORRUPTED_SHARE = 0.02
"""Of the judged lines of each system."""

QUICK_SYSTEMS = 3
"""How many systems are enough for a quick look."""

_HISTORY_LINES = 1000
_NORMAL_SHARE = 0.01


def first(lines: int) -> Callable[[int], Split]:
    """Return the split of bgl-100k after its first ``lines``."""

    def split(_: int) -> Split:
        found, kinds = quality_data.bgl("bgl-100k")
        return Split(_part(found, 0, lines), _part(found, lines), kinds[lines:])

    return split


def halves(_: int) -> Split:
    """Return the split of bgl-2k at its middle."""
    found, kinds = quality_data.bgl("bgl-2k")
    half = len(found) // 2
    return Split(_part(found, 0, half), _part(found, half), kinds[half:])


def _normal_sample(seed: int) -> Split:
    found, kinds = quality_data.bgl("bgl-100k")
    normal = [i for i, kind in enumerate(kinds) if not kind]
    chosen = sorted(Random(seed).sample(normal, round(_NORMAL_SHARE * len(normal))))
    return Split(found.take(chosen), found, kinds)


def _part(lines: Lines, begin: int, end: int | None = None) -> Lines:
    return Lines(lines.records[begin:end], lines.patterns[begin:end])


def whole() -> Split:
    """Return bgl-2k as a split without history."""
    found, kinds = quality_data.bgl("bgl-2k")
    return Split(NOTHING, found, kinds)


def bgl_2k_cold(run: Run) -> Figures:
    """Return the figures of bgl-2k without any history."""
    return over_seeds([measure(whole(), run.model)])


def corruptions(run: Run) -> Figures:
    """Return the figures of corrupted lines in each system's log, and their macro average.

    The first 1,000 lines of a system are history; of the others a share is corrupted.
    """
    names = list(quality_data.systems())[: QUICK_SYSTEMS if run.quick else None]
    runs = []
    of_system: dict[str, list[Figures]] = {name: [] for name in names}
    for seed in range(run.seeds):
        rows = [measure(corrupted(name, seed), run.model, seed) for name in names]
        runs.append(summed(rows))
        for name, row in zip(names, rows, strict=True):
            of_system[name].append(without(row, "kinds", "parts"))
    return {**over_seeds(runs), "systems": {name: mean(rows) for name, rows in of_system.items()}}


def corrupted(name: str, seed: int) -> Split:
    lines = quality_data.system(name)
    random = Random(seed)
    records = list(lines.records[_HISTORY_LINES:])
    kinds = [""] * len(records)
    for i in random.sample(range(len(records)), round(CORRUPTED_SHARE * len(records))):
        changed, kinds[i] = corrupt(records[i].decode("utf-8", "surrogateescape"), random)
        records[i] = record(changed)
    judged = quality_data.of_records(records) if name != "BGL" else quality_data.of_bgl(records)
    return Split(_part(lines, 0, _HISTORY_LINES), judged, kinds)


def cold_start(run: Run) -> Figures:
    """Return how many patterns of each system's log are flagged without any history.

    There are no labels: these logs hold trouble, but few patterns of it. It is the volume of
    alerts that a new user is met with.
    """
    detector = Detector(run.model)
    of_system = {}
    for name in quality_data.systems():
        lines = quality_data.system(name)
        scores = detector.score(run.model.verdicts(lines.records))
        flagged = [i for i, score in enumerate(scores) if score >= THRESHOLD]
        of_system[name] = {
            "patterns": len(set(lines.patterns)),
            "patterns_flagged": len({lines.patterns[i] for i in flagged}),
            "lines_flagged": len(flagged),
        }
    totals = mean(list(of_system.values()))
    totals = {key: round(value * len(of_system)) for key, value in totals.items()}
    return {**totals, "systems": of_system}


def _both(name: str, split: Callable[[int], Split], *, seeded: bool = False) -> dict[str, Set]:
    return {
        name: lambda run: trained(run, split, name),
        f"{name}-counted": lambda run: counted(run, split, seeded=seeded),
    }


Set = Callable[[Run], Figures]
SETS: dict[str, Set] = {
    **_both("bgl-100k-first-10000", first(10_000)),
    **_both("bgl-100k-first-4900", first(4_900)),
    **_both("bgl-100k-contaminated-15000", first(15_000)),
    **_both("bgl-100k-contaminated-20000", first(20_000)),
    **_both("bgl-100k-random-1-percent", _normal_sample, seeded=True),
    **_both("bgl-2k", halves),
    "bgl-2k-cold": bgl_2k_cold,
    "corruptions": corruptions,
    "cold-start": cold_start,
}
