"""What is older than it may be is deleted, and is in no file of the state any more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.decide.anomalies import anomaly
from tests.state.effects import PATH, SOURCE, file_key
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.source.block import Position
from tinylogbert_daemon.state import Effects, Store
from tinylogbert_daemon.state.effects import FileRow

DAY = 86_400.0
NOW = 1_000 * DAY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "state")
    yield made
    made.close()


def _incident(name: str, closed: float | None, source: str = SOURCE) -> Incident:
    first = replace(
        anomaly(f"zebra {name}", offset=hash(name) % 10**9, source=source),
        first_line=f"first zebra {name}",
        last_line=f"last zebra {name}",
    )
    return Incident(first.id, first, 1.0, closed or 1.0, 2, f"last zebra {name}", True, closed)


def _reach(store: Store, log_time: float, seen: float, source: str = SOURCE) -> None:
    """Have a source come to a log time, in a file that was read last at ``seen`` (the clock's)."""
    key = file_key(abs(hash(source)) % 10**6)
    row = FileRow(source, PATH, Position(key, 1, 1, b""), seen)
    effects = Effects(files={key: row}, log_times={source: log_time})
    effects.lines[key] += 1
    effects.records[source] += 1
    store.commit(effects)


def _keep(store: Store, *incidents: Incident) -> None:
    store.commit(
        Effects(
            incidents={one.id: one for one in incidents},
            deliveries=[("webhook", one.id, one.first.first_line) for one in incidents],
        )
    )


def _names(store: Store) -> set[str]:
    return {one.first.text.split()[1] for one in store.incidents()}


def _content(store: Store) -> bytes:
    """Return all bytes of the database and its write-ahead log."""
    return b"".join(
        path.read_bytes() for path in sorted(store.path.parent.glob("state.db*")) if path.is_file()
    )


def test_closed_incidents_and_what_is_owed_of_them_go_when_they_are_old(store: Store) -> None:
    _reach(store, NOW, NOW)
    old, new = _incident("old", NOW - 31 * DAY), _incident("new", NOW - 29 * DAY)
    _keep(store, old, new, _incident("open", None))
    store.prune(30 * DAY, NOW)
    assert _names(store) == {"new", "open"}
    assert [one.body for one in store.pending("webhook", 9)] == [
        "first zebra new",
        "first zebra open",
    ]


def test_without_a_retention_nothing_goes(store: Store) -> None:
    _reach(store, NOW, NOW)
    _keep(store, _incident("old", 1.0))
    store.prune(0.0, NOW)
    store.prune()
    assert _names(store) == {"old"}


def test_age_is_in_log_time_and_goes_on_by_the_clock_while_a_source_is_silent(store: Store) -> None:
    # a log of long ago, read just now
    _reach(store, 100 * DAY, NOW)
    _keep(store, _incident("then", 90 * DAY))
    store.prune(30 * DAY, NOW)
    assert _names(store) == {"then"}
    store.prune(30 * DAY, NOW + 19 * DAY)
    assert _names(store) == {"then"}
    store.prune(30 * DAY, NOW + 21 * DAY)
    assert _names(store) == set()


def test_each_source_has_its_own_time(store: Store) -> None:
    _reach(store, 100 * DAY, NOW, "archive")
    _reach(store, NOW, NOW, "live")
    _keep(store, _incident("a", 95 * DAY, "archive"), _incident("b", 95 * DAY, "live"))
    _keep(store, _incident("c", 95 * DAY, "not there any more"))
    store.prune(30 * DAY, NOW)
    assert _names(store) == {"a"}


def test_old_samples_go_and_their_counts_stay_and_come_back_with_the_text(store: Store) -> None:
    _reach(store, NOW, NOW)
    store.commit(Effects(counts={1: (5.0, NOW - 31 * DAY, b"zebra"), 2: (3.0, NOW, b"new")}))
    store.prune(30 * DAY, NOW)
    assert [(key, count) for key, count, _ in store.counts()] == [(1, 5.0), (2, 3.0)]
    assert store.sample_shapes(4096, 10) == [(b"new", 3.0)]
    store.commit(Effects(counts={1: (6.0, NOW, b"zebra"), 2: (4.0, NOW, b"other")}))
    assert sorted(store.sample_shapes(4096, 10)) == [(b"new", 4.0), (b"zebra", 6.0)]


def test_deleted_text_is_in_no_file_after_a_checkpoint(store: Store) -> None:
    random = Random(3)
    _reach(store, NOW, NOW)
    for number in range(300):
        grown = _incident(f"{number}", None)
        for _ in range(3):  # rows grow and are written anew, pages split
            line = f"last zebra {number} " + "x" * random.randrange(1500)
            grown = replace(grown, last_line=line, records=grown.records + 1)
            kept = _incident(f"k{number}", NOW)
            first = replace(kept.first, text="kept", first_line="kept", last_line="kept")
            kept = replace(kept, first=first, last_line="kept")
            store.commit(Effects(incidents={grown.id: grown, kept.id: kept}))
        closed = replace(grown, closed=NOW - 31 * DAY, last_seen=NOW - 31 * DAY)
        _keep(store, closed)
        store.commit(Effects(counts={number: (1.0, NOW - 31 * DAY, b"zebra %d" % number)}))
    store.delivered([one.number for one in store.pending("webhook", 100)])
    assert b"zebra" in _content(store)
    store.prune(30 * DAY, NOW)
    assert b"zebra" not in _content(store)
    assert len(store.incidents()) == 300


def test_while_another_reads_the_log_is_emptied_the_next_time(store: Store) -> None:
    _reach(store, NOW, NOW)
    _keep(store, _incident("old", NOW - 31 * DAY))
    reader = sqlite3.connect(store.path, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT COUNT(*) FROM incidents").fetchone() == (1,)
    store.prune(30 * DAY, NOW)
    assert _names(store) == set()
    reader.execute("COMMIT")
    reader.close()
    store.prune(30 * DAY, NOW)
    assert b"zebra" not in _content(store)


@pytest.mark.parametrize("retention", [0.0, 30 * DAY])
def test_a_file_that_is_mostly_empty_becomes_smaller(store: Store, retention: float) -> None:
    def pages() -> int:
        return int(store.ask(lambda db: db.execute("PRAGMA page_count").fetchone()[0]))

    def owe(count: int) -> None:
        alerts = [("webhook", str(i), "zebra" * 100) for i in range(count)]
        store.commit(Effects(deliveries=alerts))
        store.delivered([one.number for one in store.pending("webhook", count, NOW)])
        store.prune(retention, NOW)

    owe(1_000)  # too little to bother
    before = pages()
    owe(500)
    assert pages() == before
    owe(9_000)  # a sink was away, and is back
    assert pages() < before
    assert store.path.stat().st_size == pages() * 4096
