#!/usr/bin/env python3
"""How well a model tells labelled alerts apart, beside the simple baselines, on the same split.

``bgl-100k-first-10000``: the first 10,000 lines are history without labels, the rest is judged.
``bgl-2k``: no history. The model is taken as it is; ``score`` is its decision with the history
counted, severity and surprise are its parts. Baselines: a pattern (digits and hex masked) never
seen in the history, and how rare it is there. Figures are by line.
"""

from __future__ import annotations

import io
import re
import sys
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from common import data, finish, parser, say

from tinylogbert_daemon.decide.score import Decider
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.model.verdicts import VerdictCache
from tinylogbert_daemon.training.evaluate import evaluate_scores

SETS = {"bgl-100k-first-10000": 10_000, "bgl-2k": 0}
HEADER_COLUMNS = 5
HIDDEN = re.compile(
    rb"\d+\.\d+\.\d+\.\d+|0x[0-9a-f]+|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{6,}\b|\d+"
)


def lines_of(name: str) -> list[bytes]:
    """Return the labelled lines of a set."""
    if name == "bgl-2k":
        with tarfile.open(fileobj=io.BytesIO(data("logs/loghub-2k.tar.xz"))) as systems:
            member = next(m for m in systems.getmembers() if m.name.endswith("BGL_2k.log"))
            file = systems.extractfile(member)
            assert file is not None
            return file.read().splitlines()
    return data("benchmark/bgl-100k.log.xz").splitlines()


def pattern(line: bytes) -> bytes:
    """Return an unlabelled line without its header, numbers and hex masked."""
    return HIDDEN.sub(b"*", b" ".join(line.split(b" ")[HEADER_COLUMNS - 1 :]))


def measure(lines: list[bytes], history: int, scorer: Scorer) -> dict[str, Any]:
    """Return the figures of one set."""
    labels = np.array([not line.startswith(b"- ") for line in lines])[history:]
    content = [line.split(b" ", 1)[1] for line in lines]
    found = shapes(b"\n".join(content) + b"\n")
    verdicts = VerdictCache().verdicts(found, scorer.score)
    decider = Decider.of(scorer.artifact, 0.5, half_life=1e12)
    counted = Counter(verdicts[:history])
    decider.learn(counted)
    decider.counts.add({verdict.key: n for verdict, n in counted.items() if verdict.text}, 0.0)
    decisions = {verdict: decider.decide(verdict, 0.0) for verdict in set(verdicts)}
    patterns = [pattern(line) for line in content]
    seen = Counter(patterns[:history])
    judged = verdicts[history:]
    scores = {
        "score": [decisions[verdict].score for verdict in judged],
        "severity": [verdict.severity for verdict in judged],
        "surprise": [verdict.raw for verdict in judged],
    }
    baselines = {
        "pattern-never-seen": [float(seen[p] == 0) for p in patterns[history:]],
        "pattern-rarity": [1 / (1 + seen[p]) for p in patterns[history:]],
    }
    flagged = {patterns[history + i] for i, v in enumerate(judged) if decisions[v].anomaly}
    true = {p for p, label in zip(patterns[history:], labels, strict=True) if label}
    return {
        **_figures(labels, scores.pop("score")),
        "patterns_true": len(flagged & true),
        "patterns_false": len(flagged - true),
        "parts": {name: _figures(labels, values) for name, values in scores.items()},
        "baselines": {name: _figures(labels, values) for name, values in baselines.items()},
    }


def _figures(labels: Any, values: list[float]) -> dict[str, float]:
    found = evaluate_scores(labels, values)
    names = ("ap", "auc", "best_f1", "precision", "recall")
    return {name: round(found[name], 3) for name in names}


def main() -> None:
    """Measure all sets, or one."""
    options = parser(__doc__)
    options.add_argument("--set", choices=tuple(SETS), help="only this one")
    args = options.parse_args()
    chosen = [args.set] if args.set else ["bgl-2k"] if args.quick else list(SETS)
    scorer = Scorer(load(args.model))
    result = {}
    for name in chosen:
        found = measure(lines_of(name), SETS[name], scorer)
        result[name] = found
        say(f"{name}: patterns flagged {found['patterns_true']}, falsely {found['patterns_false']}")
        for label, row in {"score": found, **found["parts"], **found["baselines"]}.items():
            say(
                f"  {label:20} AP {row['ap']:.3f}  AUC {row['auc']:.3f}  F1 {row['best_f1']:.3f} "
                f"(P {row['precision']:.2f}, R {row['recall']:.2f})"
            )
    finish(result)


if __name__ == "__main__":
    main()
