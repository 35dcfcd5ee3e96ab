"""The curve of an incident: every record once, few spans, whatever order and however long."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.decide.anomalies import anomaly
from tests.decide.test_incidents import book, many, see
from tinylogbert_daemon.decide.budget import Budget
from tinylogbert_daemon.decide.curve import SPANS, Curve
from tinylogbert_daemon.decide.incidents import IncidentBook

STEPS = st.lists(
    st.tuples(st.floats(-1e6, 1e9), st.integers(0, 10_000)), min_size=1, max_size=40
).flatmap(lambda steps: st.tuples(st.just(steps), st.permutations(steps)))


@given(STEPS)
def test_every_record_is_counted_once_in_its_span(
    both: tuple[list[tuple[float, int]], list[tuple[float, int]]],
) -> None:
    steps, others = both
    curve = Curve().later(steps)
    one_by_one = Curve()
    for step in others:
        one_by_one = one_by_one.later([step])
    assert one_by_one == curve  # whichever blocks were committed together
    assert len(curve.counts) <= SPANS
    for place, count in enumerate(curve.counts):
        begin, end = place * curve.seconds, (place + 1) * curve.seconds
        here = [many for after, many in steps if begin <= max(0.0, after) < end]
        assert count == sum(here)
    assert sum(curve.counts) == sum(many for _, many in steps)


def test_it_is_as_fine_as_its_length_allows() -> None:
    assert Curve().later([(23.9, 1)]).seconds == 1
    assert Curve().later([(24.0, 1)]).seconds == 2
    assert Curve().later([(3600.0, 1)]).seconds == 256


def test_an_incident_that_grows_and_a_storm_have_one() -> None:
    incidents = book()
    see(incidents, anomaly(time=1000.0, records=3), 1002.0)
    grown, _ = see(incidents, anomaly(records=5), 1004.5)
    assert grown.curve == Curve(1.0, (1, 0, 2, 0, 5))
    assert grown.curve is not None and sum(grown.curve.counts) == grown.records

    storm = book()
    storm.observe(many(10), 1000.0)
    (change,) = storm.observe([anomaly("z", time=1010.0, records=4, score=0.6)], 1010.0)
    assert change.incident.storm is not None and change.incident.curve is not None
    assert sum(change.incident.curve.counts) == change.incident.records
    assert change.incident.curve.counts[10] == 4


def test_of_one_that_a_version_before_has_opened_nothing_is_made_up() -> None:
    incidents = book()
    opened, _ = see(incidents, anomaly(), 1000.0)
    resumed = IncidentBook(900.0, Budget(20, 10), [replace(opened, curve=None)])
    grown, _ = see(resumed, anomaly(records=5), 1100.0)
    assert (grown.records, grown.curve) == (7, None)
