"""Before its tables change, a state is copied for the way back; the copy is whole, private, one."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from tests.state.effects import block_effects
from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.state import Store
from tinylogbert_daemon.state.backup import KEPT_SECONDS, copies, drop_old
from tinylogbert_daemon.state.schema import MIGRATIONS

NOW = len(MIGRATIONS)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state of this version with 3,000 committed lines."""
    store = Store(tmp_path)
    for block in range(300):
        store.commit(block_effects(block))
    store.close()
    return tmp_path


def migrate(directory: Path, monkeypatch: pytest.MonkeyPatch, further: int = 1) -> None:
    later = (*MIGRATIONS, *(f"CREATE TABLE later{number} (x);" for number in range(further)))
    monkeypatch.setattr("tinylogbert_daemon.state.database.MIGRATIONS", later)
    Store(directory).close()


def version(path: Path) -> int:
    database = sqlite3.connect(path)
    (found,) = database.execute("PRAGMA user_version").fetchone()
    database.close()
    return int(found)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("state.db*"))


def test_neither_a_new_state_nor_one_of_this_version_is_copied(state: Path) -> None:
    Store(state).close()
    assert names(state) == ["state.db"]


def test_the_copy_is_whole_and_private_and_goes_on_under_the_old_version(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    previous = os.umask(0)
    try:
        with monkeypatch.context() as patch:
            migrate(state, patch)
    finally:
        os.umask(previous)
    copy = state / f"state.db.v{NOW}"
    assert names(state) == ["state.db", copy.name]
    assert (version(state / "state.db"), version(copy)) == (NOW + 1, NOW)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with pytest.raises(StateError, match=rf"put its copy state\.db\.v{NOW} in its place"):
        Store(state)
    copy.replace(state / "state.db")
    store = Store(state)
    assert sum(store.committed_lines().values()) == 3000
    store.check()
    store.close()


def test_what_is_in_the_log_alone_is_in_the_copy(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as a kill leaves it: the last commits are in the write-ahead log
    reader = sqlite3.connect(state / "state.db")
    reader.execute("BEGIN").execute("SELECT * FROM files").fetchall()
    store = Store(state)
    store.commit(block_effects(300))
    store.close()
    assert (state / "state.db-wal").stat().st_size > 0
    migrate(state, monkeypatch)
    reader.close()
    copy = sqlite3.connect(state / f"state.db.v{NOW}")
    assert copy.execute("SELECT SUM(committed) FROM files").fetchone() == (3010,)
    copy.close()


def test_there_is_one_copy_at_most(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        migrate(state, patch, 1)
    with monkeypatch.context() as patch:
        migrate(state, patch, 3)
    assert [path.name for path in copies(state / "state.db")] == [f"state.db.v{NOW + 1}"]


def test_a_state_that_cannot_be_copied_is_not_changed(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (state / f"state.db.v{NOW}" / "in the way").mkdir(parents=True)
    with monkeypatch.context() as patch, pytest.raises(StateError, match="cannot use the state"):
        migrate(state, patch)
    assert version(state / "state.db") == NOW
    assert names(state) == ["state.db", f"state.db.v{NOW}"]  # nothing half done either
    Store(state).close()


def test_a_copy_goes_after_a_week(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        migrate(state, patch)
        copy = state / f"state.db.v{NOW}"
        made = copy.stat().st_mtime
        drop_old(state / "state.db")
        assert copy.exists()
        os.utime(copy, (made, made - KEPT_SECONDS - 60))
        store = Store(state)
        store.prune()
        store.close()
    assert names(state) == ["state.db"]
