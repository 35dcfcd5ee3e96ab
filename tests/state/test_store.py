"""What is committed comes back; commits are all or nothing; deliveries are owed until done."""

from __future__ import annotations

import sqlite3
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.decide.anomalies import anomaly
from tests.state.effects import PATH, SOURCE, block_effects, dump, file_key, incident
from tinylogbert_daemon.decide.counts import TextCounts
from tinylogbert_daemon.decide.difference import Nearest
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.decide.storms import Example, Storm
from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.pipeline.positions import Positions
from tinylogbert_daemon.source.block import FileKey, Position
from tinylogbert_daemon.source.identity import ANY_CONTENT
from tinylogbert_daemon.state import Effects, Store
from tinylogbert_daemon.state import store as module
from tinylogbert_daemon.state.database import LOG_BYTES
from tinylogbert_daemon.state.effects import FileRow


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "state")
    yield made
    made.close()


def test_what_is_committed_comes_back_in_another_process(store: Store) -> None:
    for block in range(3):
        store.commit(block_effects(block))
    store.close()
    again = Store(store.path.parent)
    (row,) = again.files()
    assert row == FileRow(SOURCE, PATH, Position(file_key(), 300, 30, b"tail2"), 2.0)
    assert again.committed_lines() == {PATH: 30}
    # the start of learning stays, log time moves
    assert again.sources() == {SOURCE: (30, 500.0, 1002.0)}
    assert again.counts() == [
        (100, 1.0, 1.0),
        (101, 1.0, 1.0),
        (102, 1.0, 1.0),
        (7, 3.0, 1002.0),
    ]
    assert again.reference("model") == b"2"
    assert again.reference("another model") is None
    assert sorted(again.incidents(), key=lambda found: found.first.offset) == [
        incident(0),
        incident(1),
        incident(2),
    ]
    assert [owed.body for owed in again.pending("jsonl", 10)] == [
        '{"block": 0}',
        '{"block": 1}',
        '{"block": 2}',
    ]
    again.close()


def test_committed_lines_add_up_over_the_files_that_a_path_has_named(store: Store) -> None:
    for file in (2, 3):
        for block in range(4):
            store.commit(block_effects(block, lines=25, file=file))
    assert store.committed_lines() == {PATH: 200}
    assert len(store.files()) == 2


def test_a_file_that_was_seen_before_it_had_a_line_is_told_by_its_first_line_then(
    store: Store,
) -> None:
    empty = FileKey(1, 1 << 63, ANY_CONTENT)
    other = FileKey(1, 7, ANY_CONTENT)
    begun = FileKey(1, 1 << 63, b"head")
    rows = {
        key: FileRow(SOURCE, PATH, Position(key, 0, 0, b""), 1.0) for key in (empty, other, begun)
    }
    store.commit(Effects(files={key: rows[key] for key in (empty, other)}))
    assert {row.position.key for row in store.files()} == {empty, other}
    store.commit(Effects(files={begun: rows[begun]}))
    assert {row.position.key for row in store.files()} == {begun, other}
    store.commit(Effects(files={empty: rows[empty]}))  # truncated, or another file by now
    assert {row.position.key for row in store.files()} == {begun, empty, other}
    assert store.committed_lines() == {PATH: 0}
    known = Positions([rows[empty], rows[begun]])
    assert known.look_up(1, 1 << 63) == [rows[begun].position]
    assert known.read_as(begun) == PATH
    assert known.read_as(empty) is None


def test_several_blocks_in_one_commit(store: Store) -> None:
    effects, other = block_effects(0), block_effects(1, file=3)
    effects.files |= other.files
    effects.lines += other.lines
    effects.records += other.records
    store.commit(effects)
    assert store.committed_lines() == {PATH: 20}
    assert store.sources()[SOURCE][0] == 20


def test_no_effects_are_no_error(store: Store) -> None:
    before = dump(store.path.parent)
    store.commit(Effects())
    assert dump(store.path.parent) == before


def test_a_source_without_records_is_known(store: Store) -> None:
    store.commit(Effects(records=Counter({"quiet": 0})))
    assert store.sources() == {"quiet": (0, None, None)}
    store.commit(Effects(records=Counter({"quiet": 2}), learning={"quiet": 5.0}))
    assert store.sources() == {"quiet": (2, 5.0, None)}


@pytest.mark.parametrize("inode", [0, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
def test_numbers_and_bytes_at_their_limits(store: Store, inode: int) -> None:
    key = FileKey(5, inode, bytes(range(16)))
    at = Position(
        key, (1 << 63) - 1, 3, b"\x00\xff", mid_line=True, skipping=True, cursor="s=1;i=2"
    )
    store.commit(Effects(files={key: FileRow("s", "/p", at, 1.5)}, lines=Counter({key: 3})))
    assert [row.position for row in store.files()] == [at]


def test_hostile_text_is_stored(store: Store) -> None:
    key = file_key()
    path = "/tmp/\udcff\x1b[31m\n"
    at = Position(key, 1, 1, b"")
    store.commit(Effects(files={key: FileRow("s", path, at, 1.0)}, lines=Counter({key: 1})))
    ((shown, lines),) = store.committed_lines().items()
    assert shown.isprintable() and lines == 1


# -- all or nothing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (Effects(deliveries=[("jsonl", "a", None)]), "NOT NULL"),  # type: ignore[list-item]
        (Effects(sketch=(b"x", None)), "NOT NULL"),  # type: ignore[arg-type]
        (Effects(counts={1: (None, 1.0, b"")}), "NOT NULL"),  # type: ignore[dict-item]
    ],
)
def test_a_commit_that_fails_in_the_middle_leaves_nothing(
    store: Store, broken: Effects, why: str
) -> None:
    store.commit(block_effects(0))
    before = dump(store.path.parent)
    effects = block_effects(1)
    effects.deliveries += broken.deliveries
    effects.counts |= broken.counts
    effects.sketch = broken.sketch
    with pytest.raises(StateError, match=why) as caught:
        store.commit(effects)
    assert "\n" not in str(caught.value)
    assert dump(store.path.parent) == before
    store.commit(block_effects(1))  # and the store still works
    assert store.committed_lines() == {PATH: 20}


def test_a_failure_that_is_not_sqlites_leaves_nothing_either(store: Store) -> None:
    before = dump(store.path.parent)
    effects = block_effects(0)
    effects.counts[1 << 70] = (1.0, 1.0, b"")  # no integer of SQLite's
    with pytest.raises(OverflowError):
        store.commit(effects)
    assert dump(store.path.parent) == before
    store.commit(block_effects(0))


def test_a_locked_database_is_a_state_error_and_nothing_is_lost(store: Store) -> None:
    store._db.execute("PRAGMA busy_timeout=1")
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match="locked"):
        store.commit(block_effects(0))
    with pytest.raises(StateError, match="locked"):
        store.delivered([1])
    other.execute("ROLLBACK")
    other.close()
    store.commit(block_effects(0))
    assert store.committed_lines() == {PATH: 10}


# -- texts and their sketch -------------------------------------------------------------------


def test_evicted_texts_leave_with_the_sketch_that_took_them(store: Store) -> None:
    counts = TextCounts(1e9, exact=2)
    rows = counts.add({1: 5, 2: 1}, 10.0) | counts.add({3: 1}, 11.0)
    taken = counts.take_evicted()
    assert taken is not None
    store.commit(
        Effects(
            counts={key: (*row, b"") for key, row in rows.items() if key != 1},
            evicted=set(taken[0]),
            sketch=taken[1],
        )
    )
    again = TextCounts(1e9, exact=2)
    again.load(store.counts(), store.sketch())
    assert [row[0] for row in store.counts()] == [2, 3]
    assert [again.get(key, 11.0) for key in (1, 2, 3, 4)] == pytest.approx([5, 1, 1, 0])


# -- deliveries -------------------------------------------------------------------------------


def test_deliveries_are_owed_in_order_until_struck_off(store: Store) -> None:
    store.commit(Effects(deliveries=[("a", "1", "x"), ("b", "1", "x"), ("a", "2", "y")]))
    owed = store.pending("a", 10)
    assert [(found.incident, found.body, found.attempts) for found in owed] == [
        ("1", "x", 0),
        ("2", "y", 0),
    ]
    assert store.pending("a", 1) == owed[:1]
    assert store.pending_counts() == {"a": 2, "b": 1}
    store.postponed([owed[0].number])
    assert [found.attempts for found in store.pending("a", 10)] == [1, 0]
    store.delivered([owed[0].number])
    store.delivered([owed[0].number])  # twice is no error
    assert [found.body for found in store.pending("a", 10)] == ["y"]
    # numbers are not used again, so that one that is struck off late hits no other
    store.delivered([owed[1].number])
    store.commit(Effects(deliveries=[("a", "3", "z")]))
    assert store.pending("a", 1)[0].number > owed[1].number


# -- incidents and the budget -----------------------------------------------------------------


def test_an_incident_comes_back_whole(store: Store) -> None:
    nearest = Nearest("disk ready", "app", 0.93, (("same", "disk"), ("gone", "ready")))
    first = anomaly("disk failed", nearest=nearest, model="tinylogbert-0123456789ab")
    storm = Storm((1, 2, (1 << 63) - 1), (Example("\x1b[31m\udcff", "a", 0.7),), 5, 1003.5, True)
    whole = Incident(
        first.id,
        first,
        opened=1000.0,
        last_seen=1005.0,
        records=9,
        last_line="x",
        alerted=False,
        closed=2000.0,
        close_reason="too many open",
        withheld="source-budget",
        suppressed=8,
        peak=0.97,
        storm=storm,
    )
    store.commit(Effects(incidents={whole.id: whole}))
    assert store.incidents() == [whole]


def test_incidents_that_grow_stay_where_they_are(store: Store) -> None:
    """Rows that move leave holes: of the same incidents the state would take more and more."""
    ids = [incident(number).id for number in range(20)]
    for records in range(1, 6):
        grown = [replace(incident(number), records=records) for number in range(20)]
        store.commit(Effects(incidents={one.id: one for one in grown}))
    assert {one.records for one in store.incidents()} == {5}
    with closing(sqlite3.connect(store.path)) as db:
        places = db.execute("SELECT rowid, id FROM incidents ORDER BY rowid").fetchall()
    assert places == list(enumerate(ids, 1))


def test_those_open_at_a_restart_are_bounded_and_in_order(store: Store) -> None:
    for number in range(6):
        found = incident(number, opened=1000.0 + number)
        # the first one opened was seen last
        found = replace(found, last_seen=9000.0) if number == 0 else found
        store.commit(Effects(incidents={found.id: found}))
    kept = store.resume_incidents(limit=3)
    assert [one.first.offset for one in kept] == [4, 5, 0]
    assert store.open_incidents() == 3
    closed = [one for one in store.incidents() if one.closed is not None]
    assert {one.close_reason for one in closed} == {"too many open"}
    assert [one.closed for one in closed] == [one.last_seen for one in closed]
    assert store.resume_incidents(limit=3) == kept


def test_budget_and_suppressed_come_back(store: Store) -> None:
    rows = [("", 2.5, 900.0), ("app", 0.25, 1000.0)]
    store.commit(Effects(budget=[("gone", 1.0, 1.0)]))
    store.commit(Effects(budget=rows))
    assert store.budget() == rows
    store.commit(Effects())  # no change
    assert store.budget() == rows
    for row in (
        ("app", "budget", 3, 2, 10.0),
        ("app", "open", 4, 0, 9.0),
        ("b", "budget", 1, 1, 5.0),
    ):
        store.commit(Effects(suppressed={row[:2]: row}))
    again = ("app", "budget", 5, 0, 10.0)
    store.commit(Effects(suppressed={again[:2]: again}))
    assert sorted(store.suppressed()) == [
        again,
        ("app", "open", 4, 0, 9.0),
        ("b", "budget", 1, 1, 5.0),
    ]
    assert store.suppressed_totals() == {"budget": 6, "open": 4}


# -- pruning ----------------------------------------------------------------------------------


def test_the_oldest_files_and_closed_incidents_go(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FILES_KEPT", 3)
    monkeypatch.setattr(module, "INCIDENTS_KEPT", 2)
    for number in range(5):
        effects = block_effects(number, file=number)
        found = incident(number, closed=None if number == 0 else 9.0, opened=float(number))
        effects.incidents = {found.id: found}
        store.commit(effects)
    store.prune()
    assert [row.position.key.inode for row in store.files()] == [2, 3, 4]
    assert [found.first.offset for found in store.incidents()] == [4, 3, 0]  # 0 is still open
    assert store.open_incidents() == 1
    assert [found.first.offset for found in store.incidents(only_open=True)] == [0]
    store.prune()
    assert len(store.files()) == 3


def test_many_closed_incidents_do_not_wait_for_the_next_pruning(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that is never restarted prunes once an hour; many incidents may close in an hour."""
    monkeypatch.setattr(module, "INCIDENTS_KEPT", 5)
    monkeypatch.setattr(module, "_MORE_CLOSED", 4)
    most = 0
    for number in range(30):
        effects = block_effects(number)
        found = incident(number, closed=9.0, opened=float(number))
        effects.incidents = {found.id: found}
        store.commit(effects)
        most = max(most, len(store.incidents()))
    assert most == 5 + 4 - 1
    assert store.incidents()[0].first.offset == 29, "the youngest stay"


def test_the_log_is_cut_back_that_a_reader_has_kept_from_starting_anew(store: Store) -> None:
    log = store.path.with_name("state.db-wal")
    with closing(sqlite3.connect(store.path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM files").fetchone()
        times = 0
        while log.stat().st_size < LOG_BYTES * 3 // 2:
            times += 1
            store.commit(
                Effects(counts={key: (float(times), 1.0, b"s" * 2000) for key in range(1000)})
            )
    # the first commit copies the log into the database, the second one begins it anew
    for number in range(3):
        store.commit(block_effects(number))
    assert log.stat().st_size <= LOG_BYTES


# -- who may read it --------------------------------------------------------------------------


def test_directory_and_files_are_for_their_owner_alone(store: Store) -> None:
    store.commit(block_effects(0))
    directory = store.path.parent
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    names = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert names.keys() == {"lock", "state.db", "state.db-wal", "state.db-shm"}
    assert set(names.values()) == {0o600}


def test_one_daemon_at_a_time(store: Store) -> None:
    with pytest.raises(StateError, match="another daemon uses this state"):
        Store(store.path.parent)
    Store(store.path.parent, read_only=True).close()
    store.close()
    Store(store.path.parent).close()


def test_a_reader_beside_the_writer_sees_each_commit(store: Store) -> None:
    view = Store(store.path.parent, read_only=True)
    assert view.committed_lines() == {}
    for block in range(3):
        store.commit(block_effects(block))
        assert view.committed_lines() == {PATH: 10 * (block + 1)}
    with pytest.raises(StateError, match="readonly"):
        view.commit(block_effects(9))
    view.close()
