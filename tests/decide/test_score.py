"""The score: in [0, 1], monotone in each of its parts; calibration there and back."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.decide.verdicts import verdict
from tinylogbert_daemon.decide.calibration import RAW_BINS, Calibration, raw_bin
from tinylogbert_daemon.decide.counts import TextCounts
from tinylogbert_daemon.decide.operating import OperatingPoint
from tinylogbert_daemon.decide.score import EPISODE_SECONDS, Decider
from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.scorer import blank_verdict

_CALIBRATION = Calibration.fit(verdict(f"t{i}", raw=i / 10, severity=i / 100) for i in range(100))
_RAW = st.floats(0, 50)
_SHARE = st.floats(0, 1)
_COUNT = st.integers(0, 10_000_000)


def decider(threshold: float = 0.5, seen: int = 0, text: str = "disk failed") -> Decider:
    counts = TextCounts(1e6)
    counts.add({0: 1}, 0.0)  # something else was seen on this host
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


@given(_RAW, _SHARE, _COUNT)
def test_while_learning_it_is_not_held_against_a_text_that_it_is_new(
    raw: float, s: float, seen: int
) -> None:
    assert score(raw, s, seen, learning=True) <= score(raw, s, seen)
    assert score(raw, s, 0, learning=True) < score(raw, s, 0) or score(raw, s, 0) in (0.0, 1.0)


def test_where_no_text_was_counted_yet_nothing_is_new() -> None:
    unknown = Decider(_CALIBRATION, 0.5).decide(verdict(), 0.0)
    assert unknown.score == decider().decide(verdict(), 0.0, learning=True).score
    assert unknown.novelty == 1.0


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
    assert decider().decide(verdict(), 0.0).novelty == 1.0
    found = [decider(seen=seen).decide(verdict(), 0.0).novelty for seen in (0, 1, 2, 4, 1000)]
    assert found == sorted(set(found), reverse=True) and found[-1] < 0.01
    # after one half-life, of four episodes two are left
    assert decider(seen=4).decide(verdict(), 1e6).novelty == found[2]


def test_a_new_text_of_known_wording_is_less_new() -> None:
    book = decider()
    for name in "abcdefgh":
        book.learn([verdict(f"session of {name} closed by {name} at night")], 0.0)
    worded = book.decide(verdict("session of a closed by b at night"), 0.0).novelty
    partly = book.decide(verdict("session of i closed by i at night"), 0.0).novelty
    unknown = book.decide(verdict("power supply is on fire"), 0.0).novelty
    assert 0.5 <= worded < partly < unknown == 1.0


def test_trouble_is_not_normal_for_having_been_seen() -> None:
    def after(episodes: int, severity: float, level: str) -> float:
        text = verdict(f"{level} bus gone", 6.0, severity)
        book = decider()
        for episode in range(episodes):
            book.learn([text], episode * EPISODE_SECONDS)
        return book.decide(text, episodes * EPISODE_SECONDS).score

    assert after(0, 0.98, "[error]") > 0.5 < after(3, 0.98, "[error]")  # as in contaminated history
    assert after(3, 0.5, "[info]") < after(0, 0.5, "[info]") / 20
    # where it stays it is the host's normal, in some days
    assert after(400, 0.98, "[error]") < 0.5


def test_trouble_makes_its_wording_known_more_slowly() -> None:
    def unfamiliar(episodes: int, severity: float, level: str) -> float:
        book = decider()
        for episode in range(episodes):
            book.learn([verdict(f"{level} bus gone", 6.0, severity)], episode * EPISODE_SECONDS)
        return book.pairs.unfamiliarity("bus gone")

    assert unfamiliar(1, 0.1, "[info]") < 1.0
    assert unfamiliar(2, 0.98, "[error]") == 1.0
    assert unfamiliar(40, 0.98, "[error]") < 1.0


def test_novelty_is_how_new_a_text_is_however_severe() -> None:
    harmless, severe = decider(seen=2), decider(seen=2)
    one = harmless.decide(verdict(severity=0.01), 0.0).novelty
    assert one == severe.decide(verdict(severity=0.99), 0.0).novelty


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
    for episode in range(50):
        book.learn({strange: 1000}, episode * EPISODE_SECONDS)
    after = book.decide(strange, 50 * EPISODE_SECONDS).score
    assert after < before / 4
    # what is less surprising than the new normal is not more so
    assert book.decide(verdict("x", 11.0, 0.6), 50 * EPISODE_SECONDS).score <= before


def test_a_burst_teaches_no_more_than_one_record() -> None:
    one, burst = decider(), decider()
    text = verdict(raw=9.0)
    one.learn([text], 0.0)
    for second in range(600):
        changed = burst.learn({text: 10_000}, float(second))
        assert bool(changed) is (second == 0)
    assert burst.decide(text, 600.0).score == pytest.approx(one.decide(text, 600.0).score)
    assert burst.reference() == one.reference()


def test_what_is_there_all_the_time_is_counted_again_and_again() -> None:
    book = decider()
    for minute in range(60):
        book.learn([verdict()], minute * 60.0)
    assert book.counts.get(verdict().key, 3600.0) == pytest.approx(4.0, rel=0.01)


def test_a_noisy_host_raises_the_bar_and_a_quiet_one_does_not_lower_it() -> None:
    def score_after(texts: int, per_day: float) -> float:
        operating = OperatingPoint(per_day, 1e6)
        book = Decider(_CALIBRATION, 0.5, TextCounts(1e6), operating)
        for i in range(texts):
            book.learn([verdict(f"[error] trouble {i}", 9.0, 0.99)], float(i))
        return book.decide(verdict("[error] trouble again", 9.0, 0.99), 1000.0).score

    # as many as the budget allows cost nothing, more do
    assert score_after(10, 10.0) == score_after(10, math.inf) > 0.5
    assert score_after(60, 10.0) < 0.5 < score_after(60, math.inf)


def test_what_is_learned_can_be_saved_and_restored() -> None:
    book = decider()
    for i in range(200):
        book.learn([verdict(f"t{i}", 7.0, 0.99), blank_verdict()], float(i))
    again = decider()
    again.restore(book.reference())
    assert again.reference() == book.reference() != decider().reference()
    again.restore(b"of another size")
    assert again.reference() == book.reference()
    again.learn([verdict()], 300.0)  # what was restored can be changed
    assert again.reference() != book.reference()


def test_learning_nothing_that_has_no_text() -> None:
    book = decider()
    assert book.learn({blank_verdict(): 1000}, 0.0) == {}
    assert book.reference() == decider().reference()


def test_calibration_there_and_back() -> None:
    content = json.loads(json.dumps(_CALIBRATION.to_json()))
    again = Calibration.from_json(content)
    np.testing.assert_allclose(again.raw, _CALIBRATION.raw, atol=1e-6)
    assert _CALIBRATION.raw.sum() == pytest.approx(1.0)


def test_a_calibration_of_nothing_is_no_error() -> None:
    assert Decider(Calibration.fit([]), 0.5).decide(verdict(), 0.0).score <= 1.0


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"raw": [0.0] * (RAW_BINS - 1)},
        {"raw": [[0.0]] * RAW_BINS},
        {"raw": ["x"] * RAW_BINS},
        {"raw": None},
        {"raw": [float("nan")] * RAW_BINS},
        {"raw": [-1.0] * RAW_BINS},
        [],
    ],
)
def test_what_is_no_calibration_is_refused_in_one_line(fields: dict[str, object]) -> None:
    with pytest.raises(ArtifactError) as caught:
        Calibration.from_json(fields)
    assert str(caught.value).startswith("manifest.json holds ") and "\n" not in str(caught.value)


@given(_RAW)
def test_bins_hold_every_value(raw: float) -> None:
    assert 0 <= raw_bin(raw) < RAW_BINS


def test_a_blurred_calibration_keeps_its_sum_and_its_place() -> None:
    one = Calibration.fit([verdict(raw=5.0)])
    blurred = one.smoothed(1.0)
    assert blurred.raw.sum() == pytest.approx(1.0)
    assert blurred.raw.argmax() == raw_bin(5.0)
    within = blurred.raw[raw_bin(5.0) - 10 : raw_bin(5.0) + 11].sum()
    assert within == pytest.approx(0.68, abs=0.03)  # one standard deviation
    edge = Calibration.fit([verdict(raw=0.0)]).smoothed(1.0)
    assert edge.raw.sum() == pytest.approx(1.0) and edge.raw.argmax() == 0


def test_a_real_artifact_brings_calibration_and_counts(model_folder: object) -> None:
    artifact = load(str(model_folder))
    book = Decider.of(artifact, 0.5, half_life=3600.0, counted_at=1000.0)
    key, count = next(iter(artifact.manifest.counts.items()))
    assert book.counts.get(int(key, 16), 1000.0) == count
    assert book.counts.get(int(key, 16), 1000.0 + 3600.0) == count / 2


@given(
    st.floats(0.001, 0.999),
    st.floats(0, 16),
    st.sampled_from(["[error] all new", "[info] all new", "all new", ""]),
    st.integers(0, 20),
    st.floats(0.0, 1.0),
    st.booleans(),
)
def test_what_is_called_harmless_is_no_anomaly(
    severity: float, raw: float, text: str, episodes: int, threshold: float, learning: bool
) -> None:
    judge = decider(threshold)
    known, other = verdict(text, raw, severity), verdict("[info] other text", 1.0, 0.1)
    for episode in range(episodes):
        judge.learn([known, other], 1000.0 * episode)
    now = 1000.0 * episodes
    if judge.harmless([known], now, learning=learning):
        assert not judge.decide(known, now, learning=learning).anomaly


@given(_SHARE, st.integers(0, 200), st.booleans())
def test_what_is_known_is_not_new(novelty: float, seen: int, some_words_known: bool) -> None:
    judge, asked = decider(), verdict("disk failed on host")
    judge.counts.add({asked.key: seen}, 0.0)
    if some_words_known:
        judge.pairs.add("disk failed")
    known = judge.is_known(asked, 0.0, novelty)
    assert known == (judge.decide(asked, 0.0).novelty <= novelty)
