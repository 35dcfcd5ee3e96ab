"""Both models: differences with their chance, the summary, and what a model is made of."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.training.scored import scored
from tinylogbert_daemon.training.compare import Difference, quality_differences, summary
from tinylogbert_daemon.training.evaluate import evaluate_scores

LABELS = [int(number % 5 == 0) for number in range(300)]


def noisy(noise: float, seed: int) -> list[float]:
    random = Random(seed)
    return [label + random.gauss(0, noise) for label in LABELS]


def test_differences_are_those_of_the_measures_themselves() -> None:
    random = Random(1)
    texts = sorted(random.choices(range(60), k=300))
    labels = [int(number % 7 < 2 and random.random() < 0.9) for number in texts]
    # scores repeat, so that ties are counted as scikit-learn counts them
    one, other = ([round(random.random(), 1) for _ in range(61)] for _ in range(2))
    first = scored(labels, [one[text] for text in texts], texts)
    second = scored(labels, [other[text] for text in texts], texts)
    found = quality_differences(first, second)
    measured = [evaluate_scores(labels, model.scores) for model in (first, second)]
    for name, difference in found.items():
        assert difference.value == pytest.approx(measured[0][name] - measured[1][name])
        assert difference.low <= difference.value <= difference.high


def test_a_clear_difference_has_a_winner_and_chance_has_none() -> None:
    good, bad = scored(LABELS, noisy(0.1, 1)), scored(LABELS, noisy(3.0, 2))
    assert {gap.winner for gap in quality_differences(good, bad).values()} == {0}
    assert {gap.winner for gap in quality_differences(bad, good).values()} == {1}
    alike = quality_differences(scored(LABELS, noisy(1.0, 3)), scored(LABELS, noisy(1.0, 4)))
    assert {gap.winner for gap in alike.values()} == {None}
    assert quality_differences(good, good)["ap"].winner is None


def model(ap: float, milliseconds: float, size: int, steps: int | None) -> dict[str, Any]:
    return {
        "quality": {"ap": ap, "auc": ap, "best_f1": ap},
        "timing": {
            "median_ms": milliseconds,
            "cold_lines_per_s": 1000 / milliseconds,
            "warm_lines_per_s": 1e6,
        },
        "bytes": size,
        "parameters": size // 2,
        "training": {
            "steps": steps,
            "seconds": 1230.0 if steps else None,
            "init": "base" if steps else None,
        },
    }


def sentences(gap: Difference, bar: float = 0.5) -> list[str]:
    models = {
        "tinylogbert": model(0.9, 10.0, 10_000_000, 2000),
        "logbert_distil": model(0.8, 100.0, 130_000_000, None),
    }
    return summary(models, dict.fromkeys(("ap", "auc", "best_f1"), gap), {"simple": {"ap": bar}})


def test_the_summary_names_winners() -> None:
    told = "\n".join(sentences(Difference(0.1, 0.05, 0.15)))
    assert "TinyLogBERT wins in average precision" in told
    assert "0.900 against 0.800" in told
    assert "TinyLogBERT is 10.0 times faster for a text that was never seen" in told
    assert "TinyLogBERT is 13.0 times smaller on disk" in told
    assert "Both models are better" in told
    told = "\n".join(sentences(Difference(-0.1, -0.15, -0.05)))
    assert "LogBERT-Distil wins in average precision" in told
    assert "trained for 2,000 steps in 20.5 min from base" in told
    assert "an unknown number of steps from nothing" in told


def test_the_summary_is_honest_about_ties_and_losses() -> None:
    told = "\n".join(sentences(Difference(0.01, -0.05, 0.07), bar=0.95))
    assert "In average precision (how pure the top of its ranking is) neither wins" in told
    assert "For a line whose text is known both take as long" in told
    assert "Neither model is better in average precision than the best simple detector" in told
    assert "Only TinyLogBERT is better" in "\n".join(sentences(Difference(0, -1, 1), bar=0.85))
