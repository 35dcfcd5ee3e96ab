"""Fault windows of the self-made logs: real programs, broken on purpose, each line with its phase.

``NAME.log`` has beside it ``NAME.phases``, a line for each of its lines: ``healthy``,
``fault:KIND``, or ``-`` for what is neither (starting, recovering).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Literal

import quality_data
from common import say
from quality_data import NOTHING, Split
from quality_figures import Figures, summed
from quality_measure import Run, measure, over_seeds

History = Literal["healthy", "cold", "contaminated"]

_DEBUG = re.compile(rb"\b(?:debug\d?|trace\d?)\b", re.IGNORECASE)
_HEAD_BYTES = 120
_HEALTHY = "healthy"
_FAULT = "fault:"
_QUICK_SERVICES = 3
_LEAST_HEALTHY = 20
_LEAST_ANOMALIES = 3


def available(run: Run) -> bool:
    """Return whether there is a log with enough healthy and faulty lines."""
    return any(service(path, "cold") is not None for path in _phases(run))


def faults(run: Run) -> Figures:
    """Return the figures after the earlier half of each service's healthy lines."""
    return _faults(run, "healthy")


def faults_cold(run: Run) -> Figures:
    """Return the figures without any history."""
    return _faults(run, "cold")


def faults_contaminated(run: Run) -> Figures:
    """Return the figures after a history that holds every other of the anomalies too."""
    return _faults(run, "contaminated")


def _faults(run: Run, history: History) -> Figures:
    """Return the macro average over services that the model was not trained on, and over all.

    The headline is the first of these where the model says what was held out and it is there.
    """
    splits = ((path.stem, service(path, history)) for path in _phases(run))
    usable = ((name, split) for name, split in splits if split is not None)
    of_service = {
        name: _with_windows(measure(split, run.model))
        for name, split in islice(usable, _QUICK_SERVICES if run.quick else None)
    }
    named = run.model.artifact.manifest.training.get("held_out_services", [])
    held_out = [name for name in of_service if name in named]
    every = summed(list(of_service.values()))
    head = summed([of_service[name] for name in held_out]) if held_out else every
    if not held_out:
        say("the model names no service that it was not trained on: figures are of all services")
    found = {**over_seeds([head]), "held_out": held_out, "services": of_service}
    return {**found, "all": every} if held_out else found


def _with_windows(found: Figures) -> Figures:
    """Add of how many kinds of fault there was anything at all to see."""
    rows = found["kinds"].values()
    return {**found, "faults": len(rows), "faults_found": sum(row["recall"] > 0 for row in rows)}


@cache
def service(phases: Path, history: History) -> Split | None:
    """Return one service's split, or None where there is too little of it.

    History is the earlier half of the healthy lines, nothing (``cold``), or that half and every
    other anomaly (``contaminated``); judged are the later half and the (other) anomalies. A line of
    a fault window is an anomaly if its pattern occurs in no healthy line of the service, and if it
    is no debug or trace output; the others of the window, which the fault need not have to do with,
    are left out.
    """
    records, marks = _read(phases)
    lines = quality_data.of_records(records)
    healthy = [i for i, mark in enumerate(marks) if mark == _HEALTHY]
    normal = {lines.patterns[i] for i in healthy}
    anomalous = [
        i
        for i, mark in enumerate(marks)
        if mark.startswith(_FAULT)
        and lines.patterns[i] not in normal
        and not _DEBUG.search(records[i][:_HEAD_BYTES])
    ]
    if len(healthy) < _LEAST_HEALTHY or len(anomalous) < _LEAST_ANOMALIES:
        say(f"{phases.stem}: {len(healthy)} healthy lines, {len(anomalous)} anomalous: too few")
        return None
    half = len(healthy) // 2
    known = healthy[:half]
    if history == "contaminated":
        known, anomalous = sorted(known + anomalous[::2]), anomalous[1::2]
    judged = sorted(healthy[half:] + anomalous)
    kinds = ["" if marks[i] == _HEALTHY else marks[i].removeprefix(_FAULT) for i in judged]
    return Split(NOTHING if history == "cold" else lines.take(known), lines.take(judged), kinds)


def _phases(run: Run) -> list[Path]:
    return sorted(run.self_made.glob("*.phases")) if run.self_made else []


def healthy(phases: Path) -> list[bytes]:
    """Return one service's healthy lines."""
    return [line for line, mark in zip(*_read(phases), strict=True) if mark == _HEALTHY]


def _read(phases: Path) -> tuple[list[bytes], list[str]]:
    """Return the lines of a service that are not blank, and the phase of each."""
    records = phases.with_suffix(".log").read_bytes().removesuffix(b"\n").split(b"\n")
    marks = phases.read_text().splitlines()
    if len(marks) != len(records):
        raise SystemExit(f"{phases}: has {len(marks)} phases, its log {len(records)} lines")
    kept = [i for i, record in enumerate(records) if record.strip()]
    return [records[i] for i in kept], [marks[i] for i in kept]


SETS: dict[str, Callable[[Run], Figures]] = {
    "faults": faults,
    "faults-cold": faults_cold,
    "faults-contaminated": faults_contaminated,
}
