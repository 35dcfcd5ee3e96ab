"""A state that cannot be used is one clear line, whenever that is found out."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.state.effects import block_effects
from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.source.block import FileKey, Position
from tinylogbert_daemon.state import Effects, Store
from tinylogbert_daemon.state.effects import FileRow
from tinylogbert_daemon.state.schema import MIGRATIONS

Damage = Callable[[Path], None]


def refusal(directory: Path, *, read_only: bool = False) -> str:
    with pytest.raises(StateError) as caught:
        Store(directory, read_only=read_only)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def full_store(directory: Path) -> Path:
    store = Store(directory)
    for block in range(300):
        store.commit(block_effects(block))
    store.close()
    return directory / "state.db"


def test_migrations_from_nothing(tmp_path: Path) -> None:
    for _ in range(2):  # the second time there is nothing to do
        Store(tmp_path / "deep" / "state").close()
    with sqlite3.connect(tmp_path / "deep" / "state" / "state.db") as database:
        assert database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_a_later_migration_keeps_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_store(tmp_path)
    later = (*MIGRATIONS, "CREATE TABLE later (x);")
    monkeypatch.setattr("tinylogbert_daemon.state.database.MIGRATIONS", later)
    store = Store(tmp_path)
    assert sum(store.committed_lines().values()) == 3000
    assert store._version() == len(later)
    store.close()


def test_a_database_of_version_1_goes_on(tmp_path: Path) -> None:
    """As the first release left it: one closed incident, one open, and one that was not sent."""
    first = (
        '{"source": "app", "path": "/a", "origin": "68", "offset": 1, "line": 1, "records": 1, '
        '"first_line": "x", "last_line": "x", "text": "x", "key": 5, "time": 10.0, "score": 0.75, '
        '"raw": 3.0, "severity": 0.5, "novelty": 1.0, "reason": "new", "words": [["x", 0.5]]}'
    )
    with sqlite3.connect(tmp_path / "state.db") as database:
        database.executescript(f"{MIGRATIONS[0]};PRAGMA user_version=1;")
        database.executemany(
            "INSERT INTO incidents VALUES (?,'app',5,?,20.0,?,3,'y',?,?)",
            [("a", 10.0, None, 1, first), ("b", 9.0, 50.0, 1, first), ("c", 8.0, None, 0, first)],
        )
        database.execute("INSERT INTO sources VALUES ('app', 7, 1.0, 20.0)")
    database.close()
    view = Store(tmp_path, read_only=True)  # whoever only reads does not migrate
    before = view.incidents()
    assert (view.suppressed_totals(), view.open_incidents()) == ({}, 2)
    view.close()
    store = Store(tmp_path)
    found = {one.id: one for one in store.incidents()}
    assert list(found) == [one.id for one in before] == ["a", "b", "c"]
    assert [one.close_reason for one in found.values()] == ["", "quiet", ""]
    assert [one.withheld for one in found.values()] == ["", "", "budget"]
    assert {(one.peak, one.storm, one.first.nearest) for one in found.values()} == {
        (0.75, None, None)
    }
    assert found["a"].first.words == (("x", 0.5),)
    assert (store.budget(), store.suppressed()) == ([], [])
    assert store.sources() == {"app": (7, 1.0, 20.0)}
    store.commit(block_effects(0))
    assert len(store.incidents()) == 4
    store.close()


def test_a_database_of_version_2_goes_on_with_the_positions_of_its_files(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "state.db") as database:
        for number, migration in enumerate(MIGRATIONS[:2], 1):
            database.executescript(f"{migration};PRAGMA user_version={number};")
        database.execute(
            "INSERT INTO files VALUES (1, 2, x'68', 'app', '/a', 100, 10, 12, x'74', 1, 0, 5.0)"
        )
    database.close()
    view = Store(tmp_path, read_only=True)
    assert view.committed_lines() == {"/a": 12}
    view.close()
    store = Store(tmp_path)
    at = Position(FileKey(1, 2, b"h"), 100, 10, b"t", mid_line=True, skipping=False, cursor="")
    assert store.files() == [FileRow("app", "/a", at, 5.0)]
    assert store.committed_lines() == {"/a": 12}
    moved = replace(at, cursor="s=1;i=7")
    store.commit(
        Effects(files={at.key: FileRow("app", "/a", moved, 6.0)}, lines=Counter({at.key: 3}))
    )
    assert store.files() == [FileRow("app", "/a", moved, 6.0)]
    assert store.committed_lines() == {"/a": 15}
    store.close()


def test_a_migration_that_fails_leaves_the_version_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_store(tmp_path)
    later = (*MIGRATIONS, "CREATE TABLE later (x); CREATE TABLE files (x);")
    with monkeypatch.context() as patch:
        patch.setattr("tinylogbert_daemon.state.database.MIGRATIONS", later)
        assert "already exists" in refusal(tmp_path)
    store = Store(tmp_path)
    assert store._version() == len(MIGRATIONS)
    assert sum(store.committed_lines().values()) == 3000
    store.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_version_is_refused(tmp_path: Path, read_only: bool) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "state.db") as database:
        database.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    database.close()
    assert refusal(tmp_path, read_only=read_only) == (
        f"{tmp_path}/state.db: was written by a newer version (schema {len(MIGRATIONS) + 1}, this "
        f"one knows {len(MIGRATIONS)}); upgrade, or move the file away to start anew"
    )


def test_no_state_to_read(tmp_path: Path) -> None:
    assert refusal(tmp_path, read_only=True) == (
        f"{tmp_path}: holds no state of a daemon; check state_dir"
    )


def test_a_file_in_place_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for directory in (tmp_path / "file", tmp_path / "file" / "below"):
        assert refusal(directory).startswith(f"{directory}/state.db: cannot use the state: ")


def test_a_directory_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    assert "Is a directory" in refusal(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become someone else")
def test_a_directory_that_may_not_be_written() -> None:
    program = (
        "import os, sys; from pathlib import Path; from tinylogbert_daemon.state import Store\n"
        "from tinylogbert_daemon.errors import StateError\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: Store(Path(sys.argv[1]))\n"
        "except StateError as error: print(error)"
    )
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", program, directory], capture_output=True, text=True, check=True
        )
    assert done.stdout == f"{directory}/state.db: cannot use the state: Permission denied\n"


def _truncate(size: int) -> Damage:
    return lambda path: os.truncate(path, size)


def _nul_from(start: int) -> Damage:
    def damage(path: Path) -> None:
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(start)
            file.write(b"\0" * (size - start))

    return damage


DAMAGES: dict[str, Damage] = {
    "cut-50": _truncate(50),
    "cut-4096": _truncate(4096),
    "cut-10000": _truncate(10_000),
    "nul-0": _nul_from(0),
    "nul-100": _nul_from(100),
    "nul-4096": _nul_from(4096),
    "nul-20000": _nul_from(20_000),
}


def _use_all(store: Store) -> None:
    """Do all that a daemon does with a store."""
    store.prune()
    store.files()
    store.sources()
    store.counts()
    store.sketch()
    store.reference("model")
    store.incidents(only_open=True)
    store.incidents()
    store.open_incidents()
    store.committed_lines()
    store.pending_counts()
    store.pending("jsonl", 1000)
    store.commit(block_effects(0))
    store.delivered([1])
    store.postponed([2])


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("read_only", [False, True])
def test_a_damaged_database_is_a_state_error(
    tmp_path: Path, damage: Damage, read_only: bool
) -> None:
    path = full_store(tmp_path)
    assert path.stat().st_size > 30_000
    damage(path)
    with pytest.raises(StateError) as caught:
        store = Store(tmp_path, read_only=read_only)
        try:
            _use_all(store)
        finally:
            store.close()
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_damage_that_is_found_at_a_later_read(tmp_path: Path) -> None:
    path = full_store(tmp_path)
    store = Store(tmp_path)
    _nul_from(4096)(path)
    readers: list[Callable[[], object]] = [
        store.files,
        store.sources,
        store.counts,
        store.incidents,
        store.committed_lines,
        store.pending_counts,
        store.open_incidents,
        lambda: store.pending("jsonl", 10),
        lambda: store.reference("model"),
    ]
    for read in readers:
        with pytest.raises(StateError, match="cannot read the state"):
            read()
    store.close()


def test_an_empty_file_is_an_empty_state(tmp_path: Path) -> None:
    (tmp_path / "state.db").touch()
    store = Store(tmp_path)
    assert store.files() == []
    store.close()
