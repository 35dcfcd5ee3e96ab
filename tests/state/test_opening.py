"""A state that lost power, or was damaged otherwise, is right again, set aside or refused."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.state.effects import PATH, SOURCE, block_effects
from tests.state.test_damage import DAMAGES, Damage, full_store
from tinylogbert_daemon.errors import DamagedStateError, StateError
from tinylogbert_daemon.state import Effects, Store, opening
from tinylogbert_daemon.state.opening import ASIDE_KEPT, open_state
from tinylogbert_daemon.state.schema import MIGRATIONS
from tinylogbert_daemon.state.sums import provide, seal_new

BLOCKS = 40
SECTOR = 512


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database of many commits."""
    return full_store(tmp_path_factory.mktemp("full")).read_bytes()


@pytest.fixture
def path(tmp_path: Path, content: bytes) -> Path:
    """That database in a state directory."""
    made = tmp_path / "state.db"
    made.write_bytes(content)
    return made


def whole_blocks(store: Store) -> int:
    """Check that every table speaks of the same number of blocks; return it."""
    rows = store.files()
    blocks = rows[0].position.offset // 100 if rows else 0
    if blocks:
        assert rows[0].position.tail == b"tail%d" % (blocks - 1)
        assert store.sources() == {SOURCE: (10 * blocks, 500.0, 999.0 + blocks)}
        assert store.reference("model") == b"%d" % (blocks - 1)
    assert store.committed_lines() == ({PATH: 10 * blocks} if blocks else {})
    assert len(store.incidents()) == blocks
    owed = store.pending("jsonl", 10_000)
    assert [one.body for one in owed] == [f'{{"block": {block}}}' for block in range(blocks)]
    return blocks


def after_a_kill(directory: Path) -> Path:
    """Leave a state as a kill does, with most of it in the write-ahead log; return the latter."""
    running = directory / "running"
    store = Store(running)
    for block in range(BLOCKS):
        store.commit(block_effects(block))
    killed = directory / "killed"
    killed.mkdir()
    for name in ("state.db", "state.db-wal"):
        shutil.copyfile(running / name, killed / name)
    store.close()
    return killed / "state.db-wal"


@pytest.mark.parametrize("fill", [b"", b"\0", b"\xa5"], ids=["cut", "nul", "garbage"])
def test_a_torn_log_is_an_earlier_commit_and_goes_on_from_there(
    tmp_path: Path, fill: bytes
) -> None:
    """As a disk leaves it that lost power, and had not written what it said it had."""
    log = after_a_kill(tmp_path)
    size = log.stat().st_size
    choose = random.Random(7)
    reached = set()
    for number in range(60):
        torn = tmp_path / f"torn{number}"
        shutil.copytree(log.parent, torn)
        at = choose.randrange(size)
        os.truncate(torn / log.name, at)
        with (torn / log.name).open("ab") as file:
            file.write(fill * (size - at))
        store, damage = open_state(torn, "stop")
        assert damage is None
        blocks = whole_blocks(store)
        assert blocks <= BLOCKS
        reached.add(blocks)
        # what comes again is committed once
        for block in range(blocks, BLOCKS):
            store.commit(block_effects(block))
        assert whole_blocks(store) == BLOCKS
        store.close()
    assert len(reached) > 10
    whole, _ = open_state(log.parent, "stop")
    assert whole_blocks(whole) == BLOCKS
    whole.close()


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_database_is_set_aside(tmp_path: Path, path: Path, damage: Damage) -> None:
    damage(path)
    damaged = path.read_bytes()
    store, why = open_state(tmp_path, "aside")
    (aside,) = tmp_path.glob("state.db.damaged-*")
    assert str(why).endswith(f"; set aside as {aside}")
    assert "\n" not in str(why)
    assert len(aside.read_bytes()) == len(damaged)
    assert whole_blocks(store) == 0
    store.commit(block_effects(0))
    store.close()
    store, why = open_state(tmp_path, "aside")
    assert (whole_blocks(store), why) == (1, None)
    store.close()


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_database_is_refused_again_and_again(
    tmp_path: Path, path: Path, damage: Damage
) -> None:
    damage(path)
    said = set()
    for _ in range(3):
        with pytest.raises(DamagedStateError) as caught:
            open_state(tmp_path, "stop")
        said.add(str(caught.value))
    (line,) = said
    assert line.startswith(f"{path}: ")
    assert line.endswith("; move the file away to start anew, or set state.on_damage to aside")
    assert sorted(one.name for one in tmp_path.glob("state.db*")) == ["state.db"]


def test_lost_sectors_anywhere_are_found_or_do_no_harm(tmp_path: Path, content: bytes) -> None:
    """Never another error than that of a damaged state, which would end every start."""
    choose = random.Random(3)
    found = 0
    for number in range(120):
        lost = tmp_path / str(number)
        lost.mkdir()
        torn = bytearray(content)
        for _ in range(choose.randrange(1, 4)):
            at = choose.randrange(len(torn) // SECTOR) * SECTOR
            torn[at : at + SECTOR] = bytes(SECTOR)
        (lost / "state.db").write_bytes(torn)
        try:
            store, _ = open_state(lost, "stop")
        except DamagedStateError:
            found += 1
            continue
        store.resume_incidents()
        store.prune()
        store.commit(block_effects(300))
        store.close()
    assert found > 100


def test_rows_of_another_form_are_damage(tmp_path: Path, path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute(
            "UPDATE incidents SET first = '{\"source\"', sum = NULL WHERE opened = 1000.0"
        )
        provide(database)
        seal_new(database, "incidents")
    database.close()
    with pytest.raises(DamagedStateError, match=r"state\.db: is damaged: an incident cannot be"):
        open_state(tmp_path, "stop")


@pytest.mark.parametrize("on_damage", ["aside", "stop"])
def test_a_newer_version_is_never_set_aside(tmp_path: Path, path: Path, on_damage: str) -> None:
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    database.close()
    with pytest.raises(StateError, match="was written by a newer version"):
        open_state(tmp_path, on_damage)  # type: ignore[arg-type]  # one of the two
    assert sorted(one.name for one in tmp_path.glob("state.db*")) == ["state.db"]


def test_a_state_in_use_is_never_set_aside(tmp_path: Path) -> None:
    running = Store(tmp_path)
    with pytest.raises(StateError, match="another daemon uses this state"):
        open_state(tmp_path, "aside")
    running.commit(block_effects(0))
    assert whole_blocks(running) == 1
    running.close()


def test_only_so_many_damaged_databases_are_kept(tmp_path: Path) -> None:
    names = []
    for number in range(ASIDE_KEPT + 3):
        (tmp_path / "state.db").write_bytes(b"damage %d" % number * 1000)
        store, why = open_state(tmp_path, "aside")
        store.close()
        names.append(str(why).rpartition("/")[2])
    kept = sorted(one.name for one in tmp_path.glob("state.db.damaged-*"))
    assert len(set(names)) == len(names)
    assert kept == sorted(names[-ASIDE_KEPT:])


def test_after_a_clean_end_the_look_for_damage_takes_only_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = after_a_kill(tmp_path)
    assert log.stat().st_size > 0
    monkeypatch.setattr(opening, "CHECK_SECONDS", 0.0)
    for clean in (False, True):  # the second start finds it as the first has left it
        store, damage = open_state(log.parent, "stop")
        assert damage is None
        assert store.checked is not clean
        assert whole_blocks(store) == BLOCKS
        store.commit(Effects())  # what broke off the look breaks off nothing else
        store.close()
    assert not log.exists()
    monkeypatch.setattr(opening, "CHECK_SECONDS", 60.0)
    store, _ = open_state(log.parent, "stop")
    assert store.checked
    store.close()
