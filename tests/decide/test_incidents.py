"""Incidents open, grow and close in log time; the budget bounds how many alert."""

from __future__ import annotations

from tests.decide.anomalies import anomaly
from tinylogbert_daemon.decide.incidents import Budget, IncidentBook

_DAY = 86_400.0


def book(quiet: float = 900.0, per_day: int = 20, burst: int = 10) -> IncidentBook:
    return IncidentBook(quiet, Budget(per_day, burst))


def test_the_first_anomaly_opens_and_alerts() -> None:
    incidents = book()
    incident, new = incidents.observe(anomaly(time=1000.0), 1005.0)
    assert new and incident.alerted
    assert incident.id == incident.first.id
    assert (incident.opened, incident.last_seen) == (1000.0, 1005.0)
    assert (incident.records, incident.last_line, incident.closed) == (2, "disk 2 failed", None)
    assert len(incidents) == 1


def test_more_of_the_same_text_on_the_same_source_grows_it() -> None:
    incidents = book()
    first, _ = incidents.observe(anomaly(), 1000.0)
    grown, new = incidents.observe(anomaly(offset=900, records=5, last_line="z"), 1600.0)
    assert not new
    assert (grown.id, grown.first) == (first.id, first.first)
    assert (grown.records, grown.last_line, grown.last_seen) == (7, "z", 1600.0)
    assert len(incidents) == 1
    # log time may step back between files; what was seen was seen
    grown, _ = incidents.observe(anomaly(), 1100.0)
    assert grown.last_seen == 1600.0


def test_another_text_or_source_is_another_incident() -> None:
    incidents = book()
    ids = {
        incidents.observe(one, 1000.0)[0].id
        for one in (anomaly(), anomaly("another"), anomaly(source="b", origin=b"other"))
    }
    assert len(ids) == len(incidents) == 3


def test_it_closes_when_quiet_and_opens_anew() -> None:
    incidents = book(quiet=900.0)
    first, _ = incidents.observe(anomaly(), 1000.0)
    assert incidents.close_quiet("app", 1899.9) == []
    assert incidents.close_quiet("other", 1e9) == []
    (closed,) = incidents.close_quiet("app", 1900.0)
    assert (closed.id, closed.closed) == (first.id, 1900.0)
    assert len(incidents) == 0
    again, new = incidents.observe(anomaly(offset=900, time=2000.0), 2000.0)
    assert new and again.id != first.id


def test_open_incidents_go_on_after_a_restart() -> None:
    first, _ = book().observe(anomaly(), 1000.0)
    incidents = IncidentBook(900.0, Budget(20, 10), [first])
    grown, new = incidents.observe(anomaly(), 1100.0)
    assert not new
    assert (grown.id, grown.records) == (first.id, 4)


def test_ids_are_the_same_on_a_replay_and_differ_otherwise() -> None:
    replayed = anomaly(time=5.0, score=0.6, records=9, path="/var/log/app.log.1", line=1)
    assert anomaly().id == replayed.id
    others = [anomaly(offset=101), anomaly(origin=b"x"), anomaly("another")]
    assert len({anomaly().id, *(other.id for other in others)}) == 4
    assert len(anomaly().id) == 20


def test_the_budget_bounds_alerts_not_incidents() -> None:
    incidents = book(per_day=4, burst=2)
    alerted = [incidents.observe(anomaly(f"t{i}"), 0.0)[0].alerted for i in range(5)]
    assert alerted == [True, True, False, False, False]
    assert len(incidents) == 5


def test_the_budget_refills_over_log_time() -> None:
    budget = Budget(per_day=4, burst=2)
    assert [budget.spend(0.0) for _ in range(3)] == [True, True, False]
    assert not budget.spend(_DAY / 4 - 1)
    assert budget.spend(_DAY / 4 + 1)
    assert not budget.spend(_DAY / 4 + 1)
    # never more than the burst at once, however long it was quiet
    assert [budget.spend(30 * _DAY) for _ in range(3)] == [True, True, False]


def test_the_budget_is_not_refilled_by_time_that_steps_back_and_forth() -> None:
    budget = Budget(per_day=24, burst=1)
    assert budget.spend(_DAY)
    for _ in range(100):
        assert not budget.spend(_DAY - 1800)
        assert not budget.spend(_DAY + 1800)
    assert budget.spend(_DAY + 3601)


def test_over_a_long_time_the_budget_is_kept() -> None:
    budget = Budget(per_day=20, burst=10)
    days = 30
    sent = sum(budget.spend(minute * 60.0) for minute in range(days * 24 * 60))
    assert 20 * days - 1 <= sent <= 20 * days + 10
