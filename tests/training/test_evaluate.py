"""Measures against numbers that can be worked out by hand, and the plots."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.training.corpus import LabelledLine
from tinylogbert_daemon.training.evaluate import (
    Scored,
    baselines,
    evaluate_scores,
    score_lines,
    visualize_results,
)

LABELS = [0, 0, 1, 0, 1]
SCORES = [0.1, 0.2, 0.3, 0.6, 0.9]


def test_measures_of_a_small_ranking() -> None:
    found = evaluate_scores(LABELS, SCORES)

    assert found["lines"] == 5
    assert found["anomalies"] == 2
    assert found["auc"] == pytest.approx(5 / 6)  # one of six pairs is the wrong way round
    assert found["ap"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert found["best_f1"] == pytest.approx(0.8)
    assert (found["precision"], found["recall"]) == pytest.approx((2 / 3, 1.0))
    assert found["threshold"] == pytest.approx(0.3)
    at = found["at_0.5"]
    assert (at["true_positives"], at["false_positives"]) == (1, 1)
    assert (at["false_negatives"], at["true_negatives"]) == (1, 2)
    assert [row["threshold"] for row in found["thresholds"]] == pytest.approx(
        [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    )
    assert found["thresholds"][0]["precision"] == pytest.approx(0.4)


def test_a_perfect_and_a_useless_ranking() -> None:
    assert evaluate_scores([0, 0, 1], [0, 0, 1])["best_f1"] == 1.0
    assert evaluate_scores([0, 1, 0, 1], [0.5] * 4)["auc"] == 0.5


@pytest.mark.parametrize(
    ("labels", "scores", "reason"),
    [
        ([], [], "no labelled line"),
        ([0, 0], [0.1, 0.2], "only label 0"),
        ([1], [0.1], "only label 1"),
        ([0, 1], [0.1], "2 labels for 1 scores"),
        ([0, 2], [0.1, 0.2], "must be 0 or 1"),
        ([0, 1], [0.1, float("nan")], "finite"),
    ],
)
def test_what_cannot_be_measured_is_one_clear_line(
    labels: list[int], scores: list[float], reason: str
) -> None:
    with pytest.raises(DataError, match=reason) as refusal:
        evaluate_scores(labels, scores)
    assert "\n" not in str(refusal.value)


def test_baselines_go_by_patterns_with_digits_and_hex_masked(model_folder: Path) -> None:
    from tinylogbert_daemon.cli.setup import load_setup

    lines = [
        LabelledLine("read 5 bytes at 0xdeadbeef", 0, None),
        LabelledLine("no label here", None, None),
        LabelledLine("read 12345 bytes at 0x1f", 0, None),
        LabelledLine("disk failed", 1, None),
    ]
    told: list[int] = []
    found = score_lines(load_setup(str(model_folder)).engine, lines, told.append)

    assert list(found.labels) == [0, 0, 1]
    assert sum(told) == 3
    assert baselines(found) == {
        "new pattern": [1.0, 0.0, 1.0],
        "rare pattern": [0.5, 0.5, 1.0],
        "line length": [26.0, 24.0, 11.0],
    }
    assert baselines(Scored()) == {"new pattern": [], "rare pattern": [], "line length": []}


def test_plots_are_png_files(tmp_path: Path) -> None:
    paths = visualize_results(LABELS, SCORES, tmp_path / "new" / "plots")

    names = [path.name for path in paths]
    assert names == ["roc.png", "precision_recall.png", "scores.png", "thresholds.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_plots_that_cannot_be_written_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot write"):
        visualize_results(LABELS, SCORES, tmp_path / "file")
