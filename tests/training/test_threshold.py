"""Thresholds against numbers that can be worked out by hand."""

from __future__ import annotations

import math

import pytest

from tinylogbert_daemon.training.evaluate import evaluate_scores
from tinylogbert_daemon.training.threshold import (
    Wish,
    incident_starts,
    log_days,
    operating_points,
    point_names,
)

DAY = 86_400.0
NONE = math.nan

LABELS = [0, 0, 1, 0, 1, 1]
SCORES = [0.1, 0.2, 0.3, 0.6, 0.9, 0.9]
TEXTS = [0, 1, 2, 3, 4, 4]
TIMES = [0.0, 10.0, 20.0, DAY, DAY + 10, 2 * DAY]


def points(**wish: float) -> dict[str, dict[str, float] | None]:
    asked = Wish(**{"budget": 1, "quiet_seconds": 900.0, **wish})  # type: ignore[arg-type]
    found: dict[str, dict[str, float] | None] = operating_points(
        LABELS, SCORES, TEXTS, TIMES, asked
    )["points"]
    return found


def threshold(point: dict[str, float] | None) -> float | None:
    return None if point is None else point["threshold"]


def test_the_threshold_in_use_and_the_best_one() -> None:
    found = points()
    in_use, best = found["in_use"], found["best_f1"]
    assert in_use == {
        "threshold": 0.5,
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(2 / 3),
        "flagged": 3,
        "incidents": 3,
    }
    assert best is not None
    measured = evaluate_scores(LABELS, SCORES)
    assert (best["threshold"], best["f1"]) == (measured["threshold"], measured["best_f1"])


def test_a_threshold_above_all_scores_flags_nothing() -> None:
    found = points(threshold=0.95)["in_use"]
    assert found is not None
    assert (found["threshold"], found["flagged"], found["recall"]) == (0.95, 0, 0.0)


def test_a_budget_counts_lines_and_incidents_over_the_days_of_the_log() -> None:
    # two days of log time: two a day allow four
    found = points(budget=2)
    assert threshold(found["lines"]) == 0.3
    assert threshold(found["incidents"]) == 0.3
    # one a day allows two: the text that comes twice, a day apart, opens two incidents
    found = points(budget=1)
    assert threshold(found["lines"]) == 0.9
    assert threshold(found["incidents"]) == 0.9
    # while it is not quiet for two days, it is one incident and leaves room for another
    found = points(budget=1, quiet_seconds=2 * DAY)
    assert threshold(found["lines"]) == 0.9
    assert threshold(found["incidents"]) == 0.6


def test_a_precision_that_is_wanted_or_cannot_be_had() -> None:
    assert threshold(points(precision=0.75)["precision"]) == 0.3
    assert threshold(points(precision=0.8)["precision"]) == 0.9
    found = operating_points([0, 1], [0.9, 0.1], [0, 1], [NONE, NONE], Wish(precision=0.9))
    assert found["points"]["precision"] is None
    one_text = operating_points([0, 1, 1], [0.5] * 3, [0] * 3, [NONE] * 3, Wish(budget=1))
    assert one_text["points"]["lines"] is None, "one score cannot flag one line of three"
    assert one_text["points"]["incidents"]["incidents"] == 1


def test_without_dates_the_budget_is_for_100000_lines() -> None:
    count = 150_000
    found = operating_points(
        [0] * (count - 1) + [1], list(range(count)), [0] * count, [NONE] * count, Wish(budget=20)
    )
    assert found["days"] is None
    assert found["allowed"] == pytest.approx(30)
    assert found["points"]["lines"]["flagged"] == 30
    assert "per 100,000 lines" in point_names(Wish(), None)["lines"]
    assert "a day" in point_names(Wish(), 2.0)["lines"]


def test_the_days_of_a_log() -> None:
    assert log_days([0.0, DAY, NONE]) == 1.0
    assert log_days([0.0, NONE, NONE]) is None, "most lines have no date"
    assert log_days([]) is None
    damaged = [1e12] + [float(second) for second in range(10_000)]
    assert log_days(damaged) == pytest.approx(10_000 / DAY, rel=0.01)


def test_incidents_start_where_a_text_was_quiet() -> None:
    times = [0.0, 100.0, 950.0, 1900.0, 5.0]
    starts = incident_starts([7, 7, 7, 7, 8], times, quiet_seconds=900)
    assert starts.tolist() == [True, False, False, True, True]
    assert incident_starts([1, 1, 2], [NONE] * 3, 900).tolist() == [True, False, True]
    backwards = incident_starts([1, 1], [1000.0, 0.0], 900)
    assert backwards.tolist() == [True, True], "lines out of order are put in order of time"
