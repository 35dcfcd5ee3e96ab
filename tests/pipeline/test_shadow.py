"""The shadow comparison: what makes a new model worse."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.decide.verdicts import verdict
from tests.web.states import write_state
from tinylogbert_daemon.decide.incident import Anomaly
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.pipeline.shadow import Comparison, compare, strong_texts
from tinylogbert_daemon.state import Store

RECENT = {f"text {number}": number + 1 for number in range(200)}


@pytest.fixture
def incident(tmp_path_factory: pytest.TempPathFactory) -> Anomaly:
    directory = tmp_path_factory.mktemp("state")
    write_state(directory)
    store = Store(directory, read_only=True)
    first = store.incidents()[0].first
    store.close()
    return first


def _compare(
    old: int, new: range, incidents: list[Anomaly] | None = None, budget: int = 20
) -> Comparison:
    """Compare a model that alerts on the first ``old`` texts with one that does on ``new``."""
    return compare(
        {f"text {number}" for number in range(old)},
        {f"text {number}" for number in new},
        recent=RECENT,
        incidents=incidents or [],
        verdicts=[],
        budget=budget,
    )


def test_the_same_alerts_are_no_worse() -> None:
    found = _compare(5, range(5))
    assert (found.reason, found.agreement, found.texts) == (None, 1.0, 200)
    assert not found.new_alerts and not found.gone_alerts


def test_what_would_alert_now_and_what_not_any_more_is_told() -> None:
    found = _compare(5, range(4, 8))
    assert found.reason is None
    assert found.new_alerts == ["text 5", "text 6", "text 7"]
    assert found.gone_alerts == ["text 0", "text 1", "text 2", "text 3"]
    assert found.agreement == pytest.approx(193 / 200)


def test_more_alerts_than_the_slack_are_worse() -> None:
    assert _compare(5, range(8)).reason is None
    reason = "it would alert on 9 of 200 recent texts, the model in use on 5"
    assert _compare(5, range(9)).reason == reason
    # a tenth of many, but never more than a day's budget
    assert _compare(100, range(110)).reason is None
    assert _compare(100, range(110), budget=9).reason is not None


def test_strong_incidents_must_be_found_again(incident: Anomaly) -> None:
    strong = [replace(incident, text=f"text {number}", score=0.95) for number in range(20)]
    weak = [
        replace(incident, text=f"text {number}", score=0.6, severity=0.2)
        for number in range(20, 40)
    ]
    assert len(strong_texts([*strong, *weak])) == 20
    found = _compare(40, range(2, 20), [*strong, *weak])
    assert (found.reason, found.incidents, found.incidents_kept) == (None, 20, 18)
    found = _compare(40, range(3, 40), [*strong, *weak])
    assert found.reason == "it would miss 3 of 20 recent strong incidents"
    # one that the model in use does not find either is not asked for
    assert _compare(0, range(0), strong).reason is None


def test_of_few_strong_incidents_none_may_be_missed(incident: Anomaly) -> None:
    strong = [replace(incident, text=f"text {number}", score=0.95) for number in range(3)]
    reason = "it would miss 1 of 3 recent strong incidents"
    assert _compare(3, range(1, 3), strong).reason == reason


@pytest.mark.parametrize("raw", [math.nan, math.inf])
def test_scores_that_are_no_numbers_are_worse(raw: float) -> None:
    odd: Verdict = verdict("text 0", raw=raw)
    found = compare(set(), set(), recent=RECENT, incidents=[], verdicts=[odd], budget=20)
    assert found.reason == "it gives scores that are no numbers"
