"""Incidents open, grow and close in log time; many texts at once are one storm; all is bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.decide.anomalies import anomaly
from tinylogbert_daemon.decide import incidents as module
from tinylogbert_daemon.decide.budget import Budget, Withheld
from tinylogbert_daemon.decide.incident import Anomaly, Change, Incident
from tinylogbert_daemon.decide.incidents import IncidentBook


def book(quiet: float = 900.0, per_day: int = 20, burst: int = 10, **more: float) -> IncidentBook:
    return IncidentBook(quiet, Budget(per_day, burst), **more)  # type: ignore[arg-type]


def see(incidents: IncidentBook, one: Anomaly, until: float) -> tuple[Incident, bool]:
    """Observe one anomaly; return its incident and whether it is new."""
    (change,) = incidents.observe([one], until)
    return change.incident, change.kind == "opened"


def many(count: int, time: float = 1000.0, **changes: object) -> list[Anomaly]:
    """Return anomalies of so many texts, mild, at one time."""
    return [
        anomaly(
            f"text {time} {n}", offset=int(time) * 1000 + n, time=time, **{"score": 0.6} | changes
        )
        for n in range(count)
    ]


def test_the_first_anomaly_opens_and_alerts() -> None:
    incidents = book()
    incident, new = see(incidents, anomaly(time=1000.0), 1005.0)
    assert new and incident.alerted
    assert incident.id == incident.first.id
    assert (incident.opened, incident.last_seen) == (1000.0, 1005.0)
    assert (incident.records, incident.last_line, incident.closed) == (2, "disk 2 failed", None)
    assert (incident.peak, incident.suppressed, incident.withheld) == (0.9, 0, "")
    assert len(incidents) == 1


def test_more_of_the_same_text_on_the_same_source_grows_it() -> None:
    incidents = book()
    first, _ = see(incidents, anomaly(), 1000.0)
    grown, new = see(incidents, anomaly(offset=9, records=5, last_line="z", score=0.99), 1600.0)
    assert not new
    assert (grown.id, grown.first) == (first.id, first.first)
    assert (grown.records, grown.last_line, grown.last_seen) == (7, "z", 1600.0)
    assert (grown.peak, grown.suppressed) == (0.99, 1)
    assert len(incidents) == 1
    # log time may step back between files; what was seen was seen
    grown, _ = see(incidents, anomaly(), 1100.0)
    assert grown.last_seen == 1600.0


def test_another_text_or_source_is_another_incident() -> None:
    incidents = book()
    ids = {
        see(incidents, one, 1000.0)[0].id
        for one in (anomaly(), anomaly("another"), anomaly(source="b", origin=b"other"))
    }
    assert len(ids) == len(incidents) == 3


def test_two_anomalies_of_one_text_in_one_block_are_one() -> None:
    incidents = book()
    (change,) = incidents.observe([anomaly(), anomaly(offset=500, last_line="z")], 1000.0)
    assert (change.incident.records, change.incident.last_line) == (4, "z")
    assert len(incidents) == 1


def test_only_those_that_open_an_incident_are_explained() -> None:
    incidents, asked = book(), []

    def explain(one: Anomaly) -> Anomaly:
        asked.append(one.text)
        return replace(one, reason="because")

    texts = [anomaly("a"), anomaly("b"), anomaly("a", offset=3)]
    for one in texts:
        incidents.observe([one], 1000.0, explain)
    incidents.observe(many(20), 1000.0, explain)
    assert asked == ["a", "b", "text 1000.0 0"]


def test_it_closes_when_quiet_and_opens_anew() -> None:
    incidents = book(quiet=900.0)
    first, _ = see(incidents, anomaly(), 1000.0)
    assert incidents.close_quiet("app", 1899.9) == []
    assert incidents.close_quiet("other", 1e9) == []
    (closed,) = incidents.close_quiet("app", 1900.0)
    assert (closed.id, closed.closed, closed.close_reason) == (first.id, 1900.0, "quiet")
    assert len(incidents) == 0
    again, new = see(incidents, anomaly(offset=900, time=2000.0), 2000.0)
    assert new and again.id != first.id


def test_those_seen_longest_ago_close_first() -> None:
    incidents = book(quiet=900.0)
    for name, until in (("a", 0.0), ("b", 100.0), ("c", 200.0), ("a", 300.0)):
        see(incidents, anomaly(name, time=until), until)
    closed = [one.first.text for one in incidents.close_quiet("app", 1100.0)]
    assert closed == ["b", "c"]
    assert incidents.is_open("app", anomaly("a").key)
    assert not incidents.is_open("app", anomaly("b").key)


def test_open_incidents_go_on_after_a_restart() -> None:
    first, _ = see(book(), anomaly(), 1000.0)
    incidents = IncidentBook(900.0, Budget(20, 10), [first])
    grown, new = see(incidents, anomaly(), 1100.0)
    assert not new
    assert (grown.id, grown.records) == (first.id, 4)


def test_ids_are_the_same_on_a_replay_and_differ_otherwise() -> None:
    replayed = anomaly(time=5.0, score=0.6, records=9, path="/var/log/app.log.1", line=1)
    assert anomaly().id == replayed.id
    others = [anomaly(offset=101), anomaly(origin=b"x"), anomaly("another")]
    assert len({anomaly().id, *(other.id for other in others)}) == 4
    assert len(anomaly().id) == 20


# -- the budget -------------------------------------------------------------------------------


def test_the_budget_bounds_alerts_not_incidents() -> None:
    incidents = book(per_day=4, burst=2, storm_texts=100)
    opened = [see(incidents, anomaly(f"t{i}"), 0.0)[0] for i in range(5)]
    assert [one.alerted for one in opened] == [True, True, False, False, False]
    assert [one.withheld for one in opened] == ["", "", "budget", "budget", "budget"]
    assert len(incidents) == 5


def test_the_next_alert_of_the_source_says_what_was_withheld() -> None:
    incidents = book(per_day=24, burst=1, storm_texts=2)
    for text, time in (("a", 0.0), ("b", 10.0)):
        see(incidents, anomaly(text, time=time), time)
    incidents.observe(many(4, 20.0), 20.0)  # a storm, and no budget for it either
    see(incidents, anomaly("b", time=30.0), 30.0)
    see(incidents, anomaly("c", time=40.0, source="other"), 40.0)
    (change,) = incidents.observe([anomaly("d", time=9000.0)], 9000.0)
    assert change.incident.alerted
    assert change.earlier == Withheld((("budget", 2), ("storm", 3)), 10.0)
    (change,) = incidents.observe([anomaly("e", time=20000.0)], 20000.0)
    assert change.earlier is None


# -- storms -----------------------------------------------------------------------------------


def test_many_texts_in_one_block_are_one_incident_opened_by_the_most_severe() -> None:
    incidents = book()
    found = many(40)
    found[17] = replace(found[17], score=0.95, first_line="the worst")
    (change,) = incidents.observe(found, 1000.0)
    incident = change.incident
    assert (change.kind, change.joined, len(incidents)) == ("opened", 39, 1)
    assert (incident.first.first_line, incident.peak, incident.records) == ("the worst", 0.95, 80)
    assert incident.storm is not None
    assert len(incident.storm.keys) == 40
    assert len(incident.storm.examples) == 10
    assert incident.storm.examples[-1].line == "the worst"
    assert (incident.storm.alone, incident.storm.more) == (0, False)
    # each of its texts goes on in it
    (change,) = incidents.observe([replace(found[3], records=7)], 1500.0)
    assert (change.kind, change.joined, change.incident.records) == ("grown", 0, 87)
    assert change.incident.id == incident.id


def test_texts_that_trickle_in_become_a_storm_after_the_first_few() -> None:
    incidents = book(storm_texts=5)
    changes: list[Change] = []
    for second, one in enumerate(many(30)):
        changes += incidents.observe([replace(one, time=1000.0 + second)], 1000.0 + second)
    assert [change.kind for change in changes] == ["opened"] * 6 + ["grown"] * 24
    storm = changes[-1].incident.storm
    assert storm is not None
    assert (storm.alone, len(storm.keys), storm.joined) == (5, 25, 1029.0)
    assert changes[-1].incident.suppressed == 24
    assert len(incidents) == 6


def test_texts_that_come_one_by_one_are_no_storm() -> None:
    incidents = book(storm_texts=5, storm_seconds=60.0)
    kinds = [
        see(incidents, replace(one, time=1000.0 + 13 * n), 1000.0 + 13 * n)[1]
        for n, one in enumerate(many(20))
    ]
    assert all(kinds)
    # nor in one block that reaches over hours
    late = [replace(one, time=5000.0 + 600 * n) for n, one in enumerate(many(20, 5000.0))]
    assert len(book().observe(late, 20_000.0)) == 20


def test_two_storms_hours_apart_in_one_block_are_two() -> None:
    changes = book().observe(many(10, 1000.0) + many(10, 9000.0), 9000.0)
    opened = [change.incident for change in changes if change.kind == "opened"]
    assert [one.opened for one in opened] == [1000.0, 9000.0]


def test_a_storm_takes_in_new_texts_until_none_has_come_for_a_while() -> None:
    incidents = book(quiet=900.0)
    old = many(10)
    incidents.observe(old, 1000.0)
    assert not see(incidents, anomaly("x", time=1800.0, score=0.6), 1800.0)[1]
    # one of its texts goes on for ever, which keeps it open but does not let it swallow all
    for time in range(2000, 6000, 400):
        assert not see(incidents, replace(old[0], time=float(time)), float(time))[1]
    single, new = see(incidents, anomaly("y", time=6000.0, score=0.6), 6000.0)
    assert new and single.storm is None
    assert len(incidents.close_quiet("app", 6400.0)) == 0
    (again,) = incidents.observe(many(10, 6400.0), 6400.0)
    assert again.kind == "opened" and again.incident.storm is not None


def test_what_is_severe_breaks_out_of_a_mild_storm() -> None:
    incidents = book()
    incidents.observe(many(10), 1000.0)
    severe, new = see(incidents, anomaly("panic", time=1200.0, score=0.99), 1200.0)
    assert new and severe.alerted and severe.storm is None
    # in a burst of its own it leads a second storm, which takes what comes then
    panics = many(10, 1300.0, score=0.95)
    (change,) = incidents.observe(panics, 1300.0)
    assert change.kind == "opened"
    (joined,) = incidents.observe([anomaly("z", time=1310.0, score=0.97)], 1310.0)
    assert (joined.kind, joined.incident.id) == ("grown", change.incident.id)


def test_a_storm_in_one_source_is_none_in_another() -> None:
    incidents = book()
    incidents.observe(many(10), 1000.0)
    other, new = see(incidents, anomaly("x", source="b", time=1001.0), 1001.0)
    assert new and other.storm is None


def test_a_storm_goes_on_after_a_restart() -> None:
    before = book()
    (change,) = before.observe(many(10), 1000.0)
    incidents = IncidentBook(900.0, Budget(20, 10), [change.incident])
    assert not see(incidents, many(1)[0], 1100.0)[1]
    joined, new = see(incidents, anomaly("x", time=1100.0, score=0.6), 1100.0)
    assert not new and joined.storm is not None and len(joined.storm.keys) == 11
    # and so do the first few of one that had not begun
    before = book(storm_texts=5)
    few = [see(before, one, 1000.0)[0] for one in many(5)]
    incidents = IncidentBook(900.0, Budget(20, 10), few)
    assert see(incidents, anomaly("x", time=1001.0), 1001.0)[0].storm is not None


# -- bounds -----------------------------------------------------------------------------------


def test_a_storm_knows_so_many_texts_and_counts_the_rest() -> None:
    incidents = book()
    for start in range(0, 3000, 500):
        texts = [anomaly(f"t {start + n}", offset=start + n, score=0.6) for n in range(500)]
        (change,) = incidents.observe(texts, 1000.0)
    storm = change.incident.storm
    assert storm is not None
    assert (len(storm.keys), len(storm.examples), storm.more) == (1000, 10, True)
    assert change.incident.records == 6000
    assert len(incidents) == 1


def test_open_incidents_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_TEXTS", 50)
    incidents = book(storm_texts=5, storm_seconds=1.0)
    closed = []
    for number in range(200):
        time = 1000.0 + 2 * number
        one = anomaly(f"t {number}", source=f"s{number % 3}", offset=number, time=time)
        closed += [c for c in incidents.observe([one], time) if c.kind == "closed"]
    assert len(incidents) == 50
    assert [change.incident.first.offset for change in closed] == list(range(150))
    assert {change.incident.close_reason for change in closed} == {"too many open"}
    assert not incidents.is_open("s0", anomaly("t 0").key)
    # a storm counts with all its texts
    storm = [anomaly(f"u {n}", offset=1000 + n, time=2000.0) for n in range(30)]
    incidents.observe(storm, 2000.0)
    assert len(incidents) == 21
