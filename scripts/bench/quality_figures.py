"""Figures of one split: how well scores rank lines, and which patterns they flag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from common import say

from tinylogbert_daemon.training.evaluate import evaluate_scores

Figures = dict[str, Any]
Labels = npt.NDArray[np.int8]

ALERT_TYPE_LINES = 90
"""A type of alert with so many lines or more must be found."""

_DIGITS = 4
_COUNTS = ("lines", "anomalies", "patterns_true", "patterns_false", "faults", "faults_found")


def figures(
    labels: Labels,
    scores: Sequence[float],
    patterns: Sequence[str],
    threshold: float | None = None,
) -> Figures:
    """Return AP, AUC, best F1, and precision, recall and patterns flagged at ``threshold``.

    Without a threshold (the simple detectors have none) these are taken where F1 is best, which
    is more than any of them would reach without labels. A pattern is flagged if one of its lines
    is; it is a true one if one of its judged lines is an anomaly.
    """
    found = evaluate_scores(labels.tolist(), scores)
    if threshold is None:
        precision, recall, threshold = found["precision"], found["recall"], found["threshold"]
    else:
        precision, recall = _at(labels, scores, threshold)
    true = {p for p, label in zip(patterns, labels, strict=True) if label}
    flagged = {p for p, score in zip(patterns, scores, strict=True) if score >= threshold}
    return {
        "ap": round(found["ap"], _DIGITS),
        "auc": round(found["auc"], _DIGITS),
        "best_f1": round(found["best_f1"], _DIGITS),
        "best_f1_precision": round(found["precision"], _DIGITS),
        "best_f1_recall": round(found["recall"], _DIGITS),
        "precision": round(precision, _DIGITS),
        "recall": round(recall, _DIGITS),
        "patterns_true": len(flagged & true),
        "patterns_false": len(flagged - true),
    }


def by_kind(
    kinds: Sequence[str], scores: Sequence[float], threshold: float
) -> dict[str, dict[str, Any]]:
    """Return, for each kind of anomaly, its lines and the share of them at ``threshold``."""
    lines = Counter(kinds)
    found = Counter(k for k, score in zip(kinds, scores, strict=True) if score >= threshold)
    return {
        kind: {"lines": lines[kind], "recall": round(found[kind] / lines[kind], _DIGITS)}
        for kind in sorted(lines)
        if kind
    }


def missed(kinds: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the kinds with many lines of which none was flagged."""
    return [k for k, v in kinds.items() if v["lines"] >= ALERT_TYPE_LINES and not v["recall"]]


def mean(runs: Sequence[Figures]) -> Figures:
    """Return the mean of each number of ``runs``, recursively; of what is no number, the first's.

    Keys that only some of the runs have are averaged over those.
    """
    keys = dict.fromkeys(key for run in runs for key in run)
    return {key: _mean([run[key] for run in runs if key in run]) for key in keys}


def spread(runs: Sequence[Figures]) -> dict[str, float]:
    """Return, of each number of ``runs``, the largest less the smallest."""
    return {
        key: round(max(run[key] for run in runs) - min(run[key] for run in runs), _DIGITS)
        for key, value in runs[0].items()
        if isinstance(value, int | float) and all(key in run for run in runs)
    }


def summed(runs: Sequence[Figures]) -> Figures:
    """Return the macro average of ``runs``; lines, patterns and kinds are pooled instead."""
    total = mean(runs)
    for key in _COUNTS:
        if key in total:
            total[key] = round(sum(run[key] for run in runs), 2)
    for group in ("parts", "baselines"):
        for name in total.get(group, {}):
            total[group][name] = summed([run[group][name] for run in runs])
    if "kinds" in total:
        total["kinds"] = {
            kind: _pooled([run["kinds"][kind] for run in runs if kind in run["kinds"]])
            for kind in total["kinds"]
        }
    return total


def without(found: Figures, *keys: str) -> Figures:
    """Return ``found`` less some of its keys."""
    return {key: value for key, value in found.items() if key not in keys}


def show(name: str, found: Figures) -> None:
    """Print a set's figures as a table for people."""
    if "ap" not in found:
        _show_counts(name, found)
        return
    say(f"\n{name}: {found['lines']:,.0f} lines, {found['anomalies']:,.0f} anomalous")
    head = ("AP", "AUC", "best F1", "(P", "R)", "P", "R", "true", "false")
    say(f"  {'':24}" + "".join(f"{title:>9}" for title in head))
    rows = {"ours": found, **found.get("parts", {}), **found["baselines"]}
    keys = ("ap", "auc", "best_f1", "best_f1_precision", "best_f1_recall", "precision", "recall")
    for label, row in rows.items():
        cells = "".join(f"{row[key]:9.3f}" for key in keys)
        counts = "".join(f"{row[key]:9.4g}" for key in ("patterns_true", "patterns_false"))
        say(f"  {label:24}{cells}{counts}")
    for part, row in {**found.get("systems", {}), **found.get("services", {})}.items():
        say(f"    {part:22}" + "".join(f"{row[key]:9.3f}" for key in keys))
    if "faults_found" in found:
        say(f"  faults with a line flagged: {found['faults_found']} of {found['faults']}")
    _show_kinds(found)
    if "train_seconds" in found:
        say(f"  trained in {found['train_seconds']:.1f} s")
    if found.get("spread"):
        parts = (f"{key} {value:g}" for key, value in found["spread"].items() if value)
        say(f"  spread over {found['seeds']} seeds: " + (", ".join(parts) or "none"))


def _show_counts(name: str, found: Figures) -> None:
    say(f"\n{name}: " + ", ".join(f"{k} {v}" for k, v in found.items() if not _is_nested(v)))
    for system, row in found.get("systems", {}).items():
        say(f"  {system:12}" + ", ".join(f"{key} {value}" for key, value in row.items()))
    _show_kinds(found)


def _show_kinds(found: Figures) -> None:
    if found.get("kinds"):
        parts = (f"{k} {v['recall']:.2f} of {v['lines']:g}" for k, v in found["kinds"].items())
        say("  recall by kind: " + ", ".join(parts))
    if found.get("kinds_missed"):
        say("  missed: " + ", ".join(found["kinds_missed"]))


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list)


def _at(labels: Labels, scores: Sequence[float], threshold: float) -> tuple[float, float]:
    flagged = np.asarray(scores) >= threshold
    true = int((flagged & (labels == 1)).sum())
    return true / max(1, int(flagged.sum())), true / int(labels.sum())


def _pooled(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    lines = sum(row["lines"] for row in rows)
    found = sum(row["lines"] * row["recall"] for row in rows)
    return {"lines": lines, "recall": round(found / lines, _DIGITS)}


def _mean(values: Sequence[Any]) -> Any:
    if isinstance(values[0], dict):
        return mean(values)
    if isinstance(values[0], int | float) and not isinstance(values[0], bool):
        return round(sum(values) / len(values), _DIGITS)
    return values[0]
