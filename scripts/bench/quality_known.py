"""Lines that everyone who runs servers knows: what to be woken for, and what is everyday.

``samples/well_known.txt`` has a line each with its kind (``-``: everyday), composed for this
project in the formats of well-known programs, most of them without a level. No model is trained on
them, but those who wrote them also wrote the statements in ``scripts/corpus/samples``.
"""

from __future__ import annotations

from pathlib import Path

import quality_data
from quality_data import NOTHING, Split
from quality_figures import Figures
from quality_measure import Run, measure, over_seeds

_FILE = Path(__file__).parent / "samples" / "well_known.txt"
_EVERYDAY = "-"


def well_known(run: Run) -> Figures:
    """Return the figures where half of the everyday lines are history, each seen once."""
    return over_seeds([measure(split(warm=True), run.model)])


def well_known_cold(run: Run) -> Figures:
    """Return the figures without any history."""
    return over_seeds([measure(split(warm=False), run.model)])


def split(*, warm: bool) -> Split:
    """Return the lines, every other everyday one as history where ``warm``."""
    rows = [row.split(b"\t", 1) for row in quality_data.split_lines(_FILE.read_bytes())]
    kinds = ["" if (name := kind.decode()) == _EVERYDAY else name for kind, _ in rows]
    lines = quality_data.of_records([line for _, line in rows])
    if not warm:
        return Split(NOTHING, lines, kinds)
    known = [i for i, kind in enumerate(kinds) if not kind][::2]
    judged = sorted(set(range(len(lines))) - set(known))
    return Split(lines.take(known), lines.take(judged), [kinds[i] for i in judged])


SETS = {"well-known": well_known, "well-known-cold": well_known_cold}
