"""A byte that changes within a row is noticed at the start, whichever byte it is."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.state.effects import block_effects
from tinylogbert_daemon.decide.curve import Curve
from tinylogbert_daemon.decide.feedback import Feedback
from tinylogbert_daemon.decide.incident import Muted
from tinylogbert_daemon.decide.storms import Example, Storm
from tinylogbert_daemon.errors import DamagedStateError
from tinylogbert_daemon.privacy import Masker
from tinylogbert_daemon.source.block import FileKey, Position
from tinylogbert_daemon.state import Effects, Store, feedback
from tinylogbert_daemon.state.effects import FileRow
from tinylogbert_daemon.state.opening import open_state
from tinylogbert_daemon.state.owed import OwedText
from tinylogbert_daemon.state.schema import MIGRATIONS
from tinylogbert_daemon.state.sums import LARGE, SMALL, provide

HUGE_INODE = FileKey(1, (1 << 64) - 5, b"huge")
WORDS = {
    "texts": [b"a sample shape"],
    "files": [b"/var/log/app.log", b"tail0"],
    "sketch": [b"sketch cells"],
    "reference": [b"calibration"],
    "incidents": [b"the last line", b"storm line", b"who has muted", b"123456"],
    "deliveries": [b'{"block": 0}'],
    "owed": [b"shape that is owed"],
    "sources": [b"quiet source"],
    "feedback": [b"what was said", b"who said so"],
    "dead": [b"letter that is dead", b"why it died"],
    "budget": [b"source with tokens"],
    "suppressed": [b"reason to suppress"],
}


def _fill(store: Store) -> None:
    """Have every table hold something, some of it changed again."""
    effects = block_effects(0)
    (incident,) = effects.incidents.values()
    storm = Storm((1,), (Example("storm line", "storm text", 0.9),), 0, 1.0)
    muted, curve = Muted(1, "mute", "who has muted", None), Curve(2.0, (1, 123456))
    incident = replace(incident, storm=storm, muted=muted, curve=curve)
    effects.incidents[incident.id] = incident
    effects.counts[9] = (1, 2, b"a sample shape")
    effects.sketch = (b"sketch cells" * 1000, 5)
    effects.reference = ("model", b"calibration")
    effects.records["quiet source"] = 0
    effects.budget = [("source with tokens", 1, 2)]
    effects.suppressed = {("app", "reason to suppress"): ("app", "reason to suppress", 3, 2, 1.0)}
    owed = OwedText(incident.first, b"shape that is owed", 1.0, False, False, "text")
    effects.owed = {owed.place: owed}
    store.commit(effects)
    at = Position(HUGE_INODE, 10, 1, b"t", mid_line=True, cursor="s=1")
    more = Effects(
        files={HUGE_INODE: FileRow("app", "/caf\u00e9\udcff", at, 1.0)},
        lines=Counter({HUGE_INODE: 1}),
    )
    store.commit(more)
    store.commit(more)
    store.commit(Effects(deliveries=[("webhook", "id", '{"text": "letter that is dead"}')]))
    (owed_letter,) = store.pending("webhook", 1)
    store.give_up({owed_letter.number: "why it died"}, 5.0, 10)
    said = Feedback(0, "mute", 7, "a text", "what was said", None, 1.0, 9.0, "who said so", "")
    store.change(lambda db: feedback.add(db, [said, replace(said, key=8, expires=None, near=0.9)]))
    store.change(lambda db: feedback.undo(db, 2, "who undid it", 3.0))
    store.commit(
        Effects(
            counts={9: (2.0, 3.0, b"another shape")},
            evicted={7},
            sketch=(b"sketch cells" * 1000, 5.0),
            records=Counter({"quiet source": 2}),
        )
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The database file of a state in which every table holds something."""
    store = Store(tmp_path)
    _fill(store)
    store.check()
    store.close()
    return tmp_path / "state.db"


def _refused(path: Path) -> str:
    with pytest.raises(DamagedStateError) as caught:
        open_state(path.parent, "stop")
    return str(caught.value)


@pytest.mark.parametrize(
    ("table", "word"), [(table, word) for table, words in WORDS.items() for word in words]
)
@pytest.mark.parametrize("value", [None, 0, 0xFF], ids=["flipped", "nul", "no-text"])
def test_a_byte_changed_within_a_row_is_noticed(
    path: Path, table: str, word: bytes, value: int | None
) -> None:
    content = bytearray(path.read_bytes())
    at = content.index(word) + 3
    content[at] = content[at] ^ 1 if value is None else value
    path.write_bytes(content)
    said = _refused(path)
    # open incidents are read before their sums are looked at
    assert f"a row of {table} has another checksum" in said or (
        table == "incidents" and ("an incident cannot be read" in said or "no text" in said)
    )
    store, damage = open_state(path.parent, "aside")
    assert damage is not None and store.files() == []
    store.close()


def test_every_table_has_sums_but_that_of_rules(path: Path) -> None:
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for table in (*SMALL, *LARGE):
            (count,) = database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
            assert count > 0
    database.close()
    assert {name for (name,) in rows} == {
        *SMALL,
        *LARGE,
        "privacy",
        "sqlite_sequence",
    }


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE texts SET count = count + 1 WHERE key = 9",
        "UPDATE texts SET updated = 'x' WHERE key = 9",
        "UPDATE files SET offset = offset + 64",
        "UPDATE files SET committed = committed + 1",
        "UPDATE files SET mid_line = 1 - mid_line",
        "UPDATE sources SET log_time = NULL WHERE log_time IS NOT NULL",
        "UPDATE sources SET records = records + 1",
        "UPDATE sketch SET time = 6",
        "UPDATE incidents SET closed = 5",
        "UPDATE incidents SET peak = peak / 2",
        "UPDATE incidents SET muted = NULL",
        "UPDATE budget SET tokens = 100",
        "UPDATE suppressed SET total = 4",
        "UPDATE feedback SET key = key + 1",
        "UPDATE feedback SET expires = NULL WHERE number = 1",
        "UPDATE feedback SET undone = NULL WHERE number = 2",
        "UPDATE dead SET died = 6",
    ],
)
def test_a_number_changed_within_a_row_is_noticed(path: Path, change: str) -> None:
    with sqlite3.connect(path) as database:
        assert database.execute(change).rowcount > 0
    database.close()
    assert f"a row of {change.split()[1]} has another checksum" in _refused(path)


def test_whatever_changes_rows_writes_their_sums(path: Path) -> None:
    store = Store(path.parent)
    store.scrub(Masker(own={"storm": r"storm|sample|block|last|was said|is dead"}))
    store.check()
    assert {one.sample for one in store.ask(feedback.entries)} == {"what [masked:storm]"}
    with closing(sqlite3.connect(path)) as database:
        for table in (*SMALL, *LARGE):
            unsealed = f"SELECT COUNT(*) FROM {table} WHERE sum IS NULL"
            assert database.execute(unsealed).fetchone() == (0,)
    assert store.sample_shapes(4096, 9)[0][0] == b"a masked0x0 shape"
    store.postponed([1])
    store.resume_incidents(0)
    store.check()
    store.prune(retention=1.0, now=1e6)
    store.check()
    assert (store.incidents(), store.sample_shapes(4096, 9)) == ([], [])
    for block in range(1, 5):
        store.commit(block_effects(block))
    store.delivered([2])
    store.prune()
    store.check()
    store.close()


def test_an_older_database_is_given_its_sums(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "state.db") as database:
        for number, migration in enumerate(MIGRATIONS[:4], 1):
            database.executescript(f"{migration};PRAGMA user_version={number};")
        database.execute(
            "INSERT INTO files VALUES (1, 2, x'68', 'app', '/a', 100, 10, 12, x'74', 1, 0, 5.0, '')"
        )
        database.execute("INSERT INTO texts VALUES (5, 2, 3.5, x'6869')")
        database.execute("INSERT INTO sketch VALUES (1, x'736b65746368', 3)")
        database.execute("INSERT INTO deliveries VALUES (7, 'jsonl', 'a', '{}', 3)")
    database.close()
    store, damage = open_state(tmp_path, "stop")
    assert damage is None
    assert store.counts() == [(5, 2.0, 3.5)]
    store.close()
    with sqlite3.connect(tmp_path / "state.db") as database:
        database.execute("UPDATE sketch SET cells = x'736b65746369'")
    database.close()
    assert "a row of sketch has another checksum" in _refused(tmp_path / "state.db")


_OLD_SUM = """row_sum(
    CAST(id AS BLOB), CAST(source AS BLOB), key, opened, last_seen, closed, records,
    CAST(last_line AS BLOB), alerted, CAST(first AS BLOB), CAST(close_reason AS BLOB),
    CAST(withheld AS BLOB), suppressed, peak, CAST(storm AS BLOB))"""


def _back(database: sqlite3.Connection) -> None:
    """Make the tables those of the schema before incidents had curves."""
    provide(database)
    database.execute(f"UPDATE incidents SET sum = {_OLD_SUM}")
    database.execute("ALTER TABLE incidents DROP COLUMN curve")
    for table in ("feedback", "dead"):
        database.execute(f"ALTER TABLE {table} DROP COLUMN sum")
    database.execute("PRAGMA user_version = 8")


@pytest.mark.parametrize("damaged", [False, True], ids=["sound", "damaged"])
def test_the_migration_of_sums_does_not_hide_damage(path: Path, *, damaged: bool) -> None:
    with sqlite3.connect(path) as database:
        _back(database)
        if damaged:
            database.execute("UPDATE incidents SET records = records + 1")
    database.close()
    if damaged:
        assert "a row of incidents has another checksum" in _refused(path)
        return
    store, damage = open_state(path.parent, "stop")
    (found,) = store.incidents()
    assert damage is None and found.curve is None and found.muted is not None
    store.close()


def test_what_is_not_summed_may_change(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE deliveries SET attempts = attempts + 5")
    database.close()
    store, damage = open_state(path.parent, "stop")
    assert damage is None
    store.close()
