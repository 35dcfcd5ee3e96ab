"""The score: in [0, 1], monotone in each of its parts; calibration there and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.decide.verdicts import verdict
from tinylogbert_daemon.decide.counts import TextCounts
from tinylogbert_daemon.decide.score import (
    RAW_BINS,
    SEVERITY_BINS,
    Calibration,
    Decider,
    raw_bin,
    severity_bin,
)
from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.scorer import blank_verdict

_CALIBRATION = Calibration.fit(verdict(f"t{i}", raw=i / 10, severity=i / 100) for i in range(100))
_RAW = st.floats(0, 50)
_SHARE = st.floats(0, 1)
_COUNT = st.integers(0, 10_000_000)


def decider(threshold: float = 0.5, seen: int = 0, text: str = "disk failed") -> Decider:
    counts = TextCounts(1e6)
    if seen:
        counts.add({verdict(text).key: seen}, 0.0)
    return Decider(_CALIBRATION, threshold, counts)


def score(raw: float, severity: float, seen: int, *, learning: bool = False) -> float:
    decision = decider(seen=seen).decide(
        verdict(raw=raw, severity=severity), 0.0, learning=learning
    )
    assert 0.0 <= decision.score <= 1.0
    assert 0.0 <= decision.novelty <= 1.0
    return decision.score


@given(_RAW, _RAW, _SHARE, _COUNT)
def test_more_surprise_never_lowers_the_score(a: float, b: float, s: float, seen: int) -> None:
    assert score(min(a, b), s, seen) <= score(max(a, b), s, seen)


@given(_RAW, _SHARE, _SHARE, _COUNT)
def test_more_severity_never_lowers_the_score(raw: float, a: float, b: float, seen: int) -> None:
    assert score(raw, min(a, b), seen) <= score(raw, max(a, b), seen)


@given(_RAW, _SHARE, _COUNT, _COUNT)
def test_more_novelty_never_lowers_the_score(raw: float, s: float, a: int, b: int) -> None:
    assert score(raw, s, max(a, b)) <= score(raw, s, min(a, b))


@given(_RAW, _SHARE, _COUNT, _COUNT)
def test_while_learning_it_does_not_matter_how_new_a_text_is(
    raw: float, s: float, a: int, b: int
) -> None:
    assert score(raw, s, a, learning=True) == score(raw, s, b, learning=True)


def test_every_part_can_tip_the_scales() -> None:
    assert score(9.0, 0.5, 10) > score(1.0, 0.5, 10)
    assert score(3.0, 0.9, 10) > score(3.0, 0.1, 10)
    assert score(3.0, 0.5, 0) > score(3.0, 0.5, 1000)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_an_anomaly_is_a_score_at_or_above_the_threshold(threshold: float) -> None:
    for raw in (0.0, 5.0, 30.0):
        for severity in (0.0, 0.5, 1.0):
            found = decider(threshold).decide(verdict(raw=raw, severity=severity), 0.0)
            assert found.anomaly is (found.score >= threshold)


def test_a_record_without_text_is_nothing() -> None:
    for learning in (False, True):
        assert decider(0.0).decide(blank_verdict(), 0.0, learning=learning) == (0.0, 0.0, False)


def test_novelty_follows_the_count_and_its_decay() -> None:
    book = decider(seen=3)
    assert book.decide(verdict(), 0.0).novelty == 0.25
    assert book.decide(verdict(), 1e6).novelty == 0.4
    assert book.decide(verdict("another"), 0.0).novelty == 1.0


def test_deciding_changes_nothing() -> None:
    book = decider(seen=3)
    first = book.decide(verdict(), 0.0)
    before = book.reference()
    assert [book.decide(verdict(), 0.0) for _ in range(5)] == [first] * 5
    assert book.reference() == before


def test_a_level_shift_becomes_the_new_normal() -> None:
    book = decider()
    strange = verdict(raw=12.0, severity=0.6)
    before = book.decide(strange, 0.0).score
    for _ in range(50):
        book.learn({strange: 1000})
        book.counts.add({strange.key: 1000}, 0.0)
    assert book.decide(strange, 0.0).score < before / 4
    # what is less surprising than the new normal is not more so
    assert book.decide(verdict("x", 11.0, 0.6), 0.0).score <= before


def test_what_is_learned_can_be_saved_and_restored() -> None:
    book = decider()
    for _ in range(3):  # often enough for old records to fade
        book.learn({verdict(raw=7.0): 900_000, blank_verdict(): 5})
    again = decider()
    again.restore(book.reference())
    assert again.reference() == book.reference() != decider().reference()
    again.restore(b"of another size")
    assert again.reference() == book.reference()
    again.learn({verdict(): 1})  # what was restored can be changed
    assert again.reference() != book.reference()


def test_learning_nothing_that_has_no_text() -> None:
    book = decider()
    book.learn({blank_verdict(): 1000})
    assert book.reference() == decider().reference()


def test_calibration_there_and_back() -> None:
    content = json.loads(json.dumps(_CALIBRATION.to_json()))
    again = Calibration.from_json(content)
    np.testing.assert_allclose(again.raw, _CALIBRATION.raw, atol=1e-6)
    np.testing.assert_allclose(again.severity, _CALIBRATION.severity, atol=1e-6)
    assert _CALIBRATION.raw.sum() == pytest.approx(1.0)


def test_a_calibration_of_nothing_is_no_error() -> None:
    assert Decider(Calibration.fit([]), 0.5).decide(verdict(), 0.0).score <= 1.0


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"raw": [0.0] * RAW_BINS},
        {"raw": [0.0] * RAW_BINS, "severity": [0.0] * (SEVERITY_BINS - 1)},
        {"raw": [[0.0]] * RAW_BINS, "severity": [0.0] * SEVERITY_BINS},
        {"raw": ["x"] * RAW_BINS, "severity": [0.0] * SEVERITY_BINS},
        {"raw": None, "severity": None},
        {"raw": [float("nan")] * RAW_BINS, "severity": [0.0] * SEVERITY_BINS},
        {"raw": [-1.0] * RAW_BINS, "severity": [0.0] * SEVERITY_BINS},
        [],
    ],
)
def test_what_is_no_calibration_is_refused_in_one_line(fields: dict[str, object]) -> None:
    with pytest.raises(ArtifactError) as caught:
        Calibration.from_json(fields)
    assert str(caught.value).startswith("manifest.json holds ") and "\n" not in str(caught.value)


@given(_RAW, _SHARE)
def test_bins_hold_every_value(raw: float, severity: float) -> None:
    assert 0 <= raw_bin(raw) < RAW_BINS
    assert 0 <= severity_bin(severity) < SEVERITY_BINS


def test_a_real_artifact_brings_calibration_and_counts(model_folder: object) -> None:
    artifact = load(str(model_folder))
    book = Decider.of(artifact, 0.5, half_life=3600.0, counted_at=1000.0)
    key, count = next(iter(artifact.manifest.counts.items()))
    assert book.counts.get(int(key, 16), 1000.0) == count
    assert book.counts.get(int(key, 16), 1000.0 + 3600.0) == count / 2
