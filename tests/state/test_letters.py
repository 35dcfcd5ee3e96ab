"""Dead letters: kept with their reason, masked, deleted when old, and put back beside a daemon."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.sinks.server import alert_body
from tests.state.effects import block_effects
from tinylogbert_daemon.errors import DamagedStateError, StateError
from tinylogbert_daemon.privacy import Masker
from tinylogbert_daemon.state import Effects, Store
from tinylogbert_daemon.state.letters import revive_beside
from tinylogbert_daemon.state.schema import MIGRATIONS
from tinylogbert_daemon.state.store import DATABASE


def owe(store: Store, *bodies: str, sink: str = "webhook") -> list[int]:
    store.commit(Effects(deliveries=[(sink, f"id-{body}", body) for body in bodies]))
    return [one.number for one in store.pending(sink, 100)]


def give_up(store: Store, *bodies: str, sink: str = "webhook", limit: int = 100) -> None:
    numbers = owe(store, *bodies, sink=sink)
    store.give_up(dict.fromkeys(numbers, "HTTP 400\x1b"), 50.0, limit)


def test_what_is_given_up_is_owed_no_more_but_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    give_up(store, "a", "b")
    assert store.pending_counts() == {}
    assert store.dead_counts() == {"webhook": 2}
    first, _ = store.dead_letters()
    assert (first.sink, first.incident, first.body) == ("webhook", "id-a", "a")
    assert (first.attempts, first.died, first.reason) == (1, 50.0, "HTTP 400\\x1b")
    store.close()
    # also after a restart, and for whoever only reads
    view = Store(tmp_path, read_only=True)
    assert [one.body for one in view.dead_letters()] == ["a", "b"]
    view.close()


def test_each_sink_keeps_so_many(tmp_path: Path) -> None:
    store = Store(tmp_path)
    give_up(store, "a", sink="email")
    numbers = owe(store, *"bcdef")
    assert store.give_up(dict.fromkeys(numbers, "r"), 1.0, 2) == {"webhook": 3}
    assert [one.body for one in store.dead_letters()] == ["a", "e", "f"]
    store.close()


def test_all_some_or_those_of_a_sink_are_put_back_as_new(tmp_path: Path) -> None:
    store = Store(tmp_path)
    numbers = owe(store, "a")
    store.postponed(numbers, 10.0, refused=True, due=1e12)
    store.give_up(dict.fromkeys(numbers, "r"), 50.0, 10)
    give_up(store, "b", "c")
    give_up(store, "d", sink="email")
    # the daemon has it open meanwhile
    assert revive_beside(tmp_path / DATABASE, "webhook", ["id-a", "id-d"]) == 1
    (again,) = store.pending("webhook", 10, now=0.0)
    assert (again.body, again.attempts, again.refusals, again.since) == ("a", 0, 0, 0.0)
    assert revive_beside(tmp_path / DATABASE, "email", []) == 1
    assert revive_beside(tmp_path / DATABASE, None, []) == 2
    assert revive_beside(tmp_path / DATABASE, None, []) == 0
    assert store.pending_counts() == {"webhook": 3, "email": 1}
    store.close()


def test_what_is_put_back_has_a_sum_and_what_is_damaged_is_not(tmp_path: Path) -> None:
    store = Store(tmp_path)
    give_up(store, "a", "b")
    assert revive_beside(tmp_path / DATABASE, None, ["id-a"]) == 1
    unsealed = "SELECT COUNT(*) FROM deliveries WHERE sum IS NULL"
    assert store.ask(lambda db: db.execute(unsealed).fetchone()) == (0,)
    store.change(lambda db: db.execute("UPDATE dead SET body = 'c'"))
    with pytest.raises(DamagedStateError, match="a row of dead has another checksum"):
        revive_beside(tmp_path / DATABASE, None, [])
    store.close()


def test_a_state_that_is_not_there_or_of_another_version_is_said(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="holds no state"):
        revive_beside(tmp_path / DATABASE, None, [])
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.execute(f"PRAGMA user_version={len(MIGRATIONS) - 1}")
    with pytest.raises(StateError, match="another version"):
        revive_beside(tmp_path / DATABASE, None, [])


def test_an_older_state_has_none_for_readers_and_is_migrated_with_what_is_owed(
    tmp_path: Path,
) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        for statement in MIGRATIONS[:4]:
            db.executescript(statement)
        db.execute("PRAGMA user_version=4")
        db.execute("INSERT INTO deliveries (sink, incident, body, attempts) VALUES ('a','i','b',3)")
        db.commit()
    view = Store(tmp_path, read_only=True)
    assert (view.dead_letters(), view.dead_counts()) == ([], {})
    view.close()
    store = Store(tmp_path)
    (owed,) = store.pending("a", 10, now=1.0)
    assert (owed.body, owed.attempts, owed.refusals, owed.since) == ("b", 3, 0, 0.0)
    assert store.dead_letters() == []
    store.close()


def test_dead_letters_are_masked_and_expire_as_what_is_owed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    body = alert_body("login with password=hunter2", reason="r", words=(), nearest=None)
    effects = block_effects(1)
    (id_,) = effects.incidents
    effects.incidents[id_] = closed = effects.incidents[id_]
    effects.deliveries = [("webhook", id_, body)]
    store.commit(effects)
    (owed,) = store.pending("webhook", 1)
    store.give_up({owed.number: "r"}, 50.0, 10)
    store.scrub(Masker())
    (letter,) = store.dead_letters()
    assert "hunter2" not in letter.body
    assert json.loads(letter.body)["log_text"] == "login with password=[masked:password]"
    # its incident is open still
    store.prune(retention=1.0, now=1e9)
    assert len(store.dead_letters()) == 1
    with store._transaction("test"):
        store._db.execute("UPDATE incidents SET closed = ? WHERE id = ?", (closed.opened, id_))
    store.prune(retention=1.0, now=1e9)
    assert store.dead_letters() == []
    store.close()
    assert b"hunter2" not in (tmp_path / DATABASE).read_bytes()
