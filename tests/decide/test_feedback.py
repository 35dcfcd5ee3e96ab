"""What feedback does to incidents and scores."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.decide.anomalies import anomaly
from tinylogbert_daemon.clock import ManualClock
from tinylogbert_daemon.decide.budget import Budget, Suppressed
from tinylogbert_daemon.decide.calibration import Calibration
from tinylogbert_daemon.decide.counts import TextCounts
from tinylogbert_daemon.decide.feedback import Feedback, FeedbackBook, Kind
from tinylogbert_daemon.decide.incident import Anomaly, Muted
from tinylogbert_daemon.decide.incidents import IncidentBook
from tinylogbert_daemon.decide.score import Decider
from tinylogbert_daemon.model.scorer import Verdict, text_key

MUTED = Muted(1, "normal", "anna", None)


def _verdict(text: str, *embedding: float) -> Verdict:
    unit = np.array(embedding or (1.0, 0.0)) / np.linalg.norm(embedding or (1.0, 0.0))
    return Verdict(
        text, text_key(text), 4.0, 0.9, np.full(2, 4.0, np.float32), unit.astype(np.float16)
    )


def _feedback(
    number: int,
    text: str,
    kind: Kind = "normal",
    near: float | None = None,
    expires: float | None = None,
) -> Feedback:
    return Feedback(number, kind, text_key(text), text, text, near, 0.0, expires, "anna", "")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1000.0)


@pytest.fixture
def book(clock: ManualClock) -> FeedbackBook:
    return FeedbackBook(clock.now)


def test_feedback_is_found_by_its_text(book: FeedbackBook) -> None:
    book.put([_feedback(1, "disk failed")], {})
    assert book.muting(_verdict("disk failed")) == Muted(1, "normal", "anna", None)
    assert book.muting(_verdict("disk full")) is None


def test_near_texts_are_those_above_the_cosine_that_was_given(book: FeedbackBook) -> None:
    embedding = _verdict("disk failed", 1.0, 0.0).embedding
    book.put([_feedback(1, "disk failed", near=0.9)], {"disk failed": embedding})
    assert book.muting(_verdict("disk has failed", 1.0, 0.4)) is not None  # 0.93
    assert book.muting(_verdict("user logged in", 1.0, 0.6)) is None  # 0.86


def test_an_embedding_of_another_width_is_near_to_nothing(book: FeedbackBook) -> None:
    book.put([_feedback(1, "a", near=0.9)], {"a": _verdict("a", 1.0, 0.0).embedding})
    assert book.of(_verdict("b", 1.0, 0.0, 0.0)) is None


def test_it_holds_until_it_expires(book: FeedbackBook, clock: ManualClock) -> None:
    book.put([_feedback(1, "disk failed", "mute", expires=1060.0)], {})
    assert book.of(_verdict("disk failed")) is not None
    clock.advance(60.0)
    assert book.of(_verdict("disk failed")) is None
    assert len(book) == 0


def test_what_has_expired_or_is_dropped_holds_no_more(book: FeedbackBook) -> None:
    book.put([_feedback(1, "a", "mute", expires=999.0), _feedback(2, "b")], {})
    book.drop(2)
    assert book.of(_verdict("a")) is None
    assert book.of(_verdict("b")) is None


def test_the_very_text_goes_before_a_near_one_and_later_before_earlier(book: FeedbackBook) -> None:
    embedding = _verdict("x").embedding
    book.put([_feedback(1, "a", "real"), _feedback(2, "x", near=0.9)], {"x": embedding})
    assert book.is_real(_verdict("a"))  # although it is near to x as well
    assert book.muting(_verdict("y")) is not None
    book.put([_feedback(3, "a")], {})
    assert not book.is_real(_verdict("a"))
    assert book.muting(_verdict("a")) is not None
    book.drop(3)
    assert book.is_real(_verdict("a"))  # what was said before holds again


# -- incidents ---------------------------------------------------------------------------------


def _muted(*texts: str):  # type: ignore[no-untyped-def]
    return lambda one: MUTED if one.text in texts else None


def _same(one: Anomaly) -> Anomaly:
    return one


def test_a_muted_text_opens_an_incident_that_costs_and_sends_nothing() -> None:
    suppressed = Suppressed()
    book = IncidentBook(900.0, Budget(1, 1), suppressed=suppressed)
    (change,) = book.observe([anomaly("a")], 1000.0, _same, _muted("a"))
    assert change.kind == "opened"
    assert (change.incident.alerted, change.incident.withheld) == (False, "muted")
    assert change.incident.muted == MUTED
    assert suppressed.take_changed()[0][:3] == ("app", "muted", 1)
    (other,) = book.observe([anomaly("b")], 1001.0, _same, _muted("a"))
    assert other.incident.alerted  # the one alert of the day is still there
    assert other.earlier is None  # what was muted on purpose is no news


def test_muted_texts_are_part_of_no_storm_and_make_none() -> None:
    book = IncidentBook(900.0, Budget(99, 99), storm_texts=3)
    found = [anomaly(f"text {number}", offset=number) for number in range(8)]
    quiet = _muted(*(f"text {number}" for number in range(6)))
    changes = book.observe(found, 1000.0, _same, quiet)
    assert [change.incident.storm for change in changes] == [None] * 8
    assert [change.incident.alerted for change in changes] == [False] * 6 + [True] * 2


def test_to_mute_closes_what_is_open_of_the_text_on_every_source() -> None:
    book = IncidentBook(900.0, Budget(99, 99))
    for source in ("app", "db"):
        book.observe([anomaly("a", source=source), anomaly("b", source=source)], 1000.0)
    closed = book.mute(anomaly("a").key, MUTED)
    assert sorted(one.first.source for one in closed) == ["app", "db"]
    assert {(one.close_reason, one.muted) for one in closed} == {("muted", MUTED)}
    assert len(book) == 2
    assert not book.is_open("app", anomaly("a").key)


def test_to_mute_leaves_a_storm_of_other_texts_open() -> None:
    book = IncidentBook(900.0, Budget(99, 99), storm_texts=1)
    book.observe([anomaly("a"), anomaly("b", offset=5)], 1000.0)
    assert book.mute(anomaly("a").key, MUTED) == []
    assert len(book) == 1


def test_to_undo_closes_what_was_muted_by_it_alone() -> None:
    book = IncidentBook(900.0, Budget(99, 99))
    book.observe([anomaly("a"), anomaly("b", offset=5)], 1000.0, _same, _muted("a"))
    assert book.unmute(2) == []
    (closed,) = book.unmute(1)
    assert (closed.first.text, closed.close_reason) == ("a", "unmuted")
    (change,) = book.observe([anomaly("a", offset=9)], 1010.0)
    assert change.incident.alerted


# -- a real problem ----------------------------------------------------------------------------


def test_a_real_problem_is_not_damped_by_repetition(clock: ManualClock) -> None:
    """Judged as at its first sight, whatever the host has counted and taken into its reference."""
    raw = np.zeros(160)
    raw[10:30] = 1.0
    decider = Decider(Calibration(raw / raw.sum()), 0.5, TextCounts(math.inf))
    found, plain = _verdict("[error] disk failed"), _verdict("[error] link down")
    decider.learn([_verdict("session opened")], 0.0)
    first = decider.decide(found, 1000.0)
    for number in range(200):
        decider.learn([found, plain], 1000.0 + 1000.0 * number)
    now = 300_000.0
    assert decider.decide(found, now).score < first.score / 2

    decider.feedback = FeedbackBook(clock.now)
    decider.feedback.put([_feedback(1, found.text, "real")], {})
    again = decider.decide(found, now)
    assert again.score == pytest.approx(first.score, rel=0.02)
    assert again.novelty == 1.0
    # others are judged as before, and undone it is damped as before
    assert decider.decide(plain, now).novelty < 0.01
    decider.feedback.drop(1)
    assert decider.decide(found, now).score < first.score / 2
