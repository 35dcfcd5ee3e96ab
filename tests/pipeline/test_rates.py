"""The counts by minute: which minute, how many are kept, and what is forgotten."""

from __future__ import annotations

from tinylogbert_daemon.clock import ManualClock
from tinylogbert_daemon.pipeline.rates import BUCKETS, Rates
from tinylogbert_daemon.pipeline.tally import Tally


def _tally(source: str, lines: int, anomalies: int = 0) -> Tally:
    return Tally(source, "/a", lines=lines, records=2 * lines, anomalies=anomalies)


def test_what_comes_in_one_minute_is_counted_together() -> None:
    clock = ManualClock(1e9)
    rates = Rates(clock)
    rates.add([_tally("app", 1), _tally("app", 2, anomalies=1), _tally("web", 5)])
    assert rates.of("app").lines == [3]
    clock.advance(59)
    rates.add([_tally("app", 4)])
    assert (rates.of("app").lines, rates.running_seconds()) == ([7], 59)
    clock.advance(121)
    rates.add([_tally("new", 1)])
    app = rates.of("app")
    assert (app.lines, app.records, app.anomalies) == ([7, 0, 0, 0], [14, 0, 0, 0], [1, 0, 0, 0])
    assert rates.of("new").lines == [0, 0, 0, 1]
    assert rates.of("never").anomalies == [0, 0, 0, 0]
    assert rates.running_seconds() == 0


def test_so_many_minutes_are_kept_and_a_silent_source_is_forgotten() -> None:
    clock = ManualClock()
    rates = Rates(clock)
    rates.add([_tally("once", 1)])
    for minute in range(2 * BUCKETS):
        rates.add([_tally("app", minute)])
        clock.advance(60)
    assert rates.of("app").lines == [*range(BUCKETS + 1, 2 * BUCKETS), 0]
    assert rates._of.keys() == {"app"}
    clock.advance(1e9)  # asleep for years: no more work than the minutes that are kept
    assert rates.of("app").lines == [0] * BUCKETS
    assert not rates._of
