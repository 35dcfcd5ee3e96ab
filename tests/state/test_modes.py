"""State, models and alerts are their owner's alone, whatever the umask, and stay so."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.state.effects import block_effects
from tinylogbert_daemon.sinks.jsonl import JsonlSink
from tinylogbert_daemon.state import Store
from tinylogbert_daemon.state.models import Models
from tinylogbert_daemon.state.modes import Tightened, make_private, open_private, tighten


@pytest.fixture(params=[0o000, 0o022, 0o277, 0o777], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): mode(path) for path in folder.rglob("*")}


@pytest.mark.usefixtures("_umask")
def test_everything_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    store = Store(state)
    store.commit(block_effects(0))
    asyncio.run(JsonlSink(state / "alerts.jsonl").deliver(["{}"]))
    models = Models(state)
    models.retrained({"at": 0.0, "seconds": 1.0, "reason": None})
    with models.locked():
        found = _modes(state)
    store.close()
    assert mode(state) == 0o700
    assert found == {
        "state.db": 0o600,
        "state.db-wal": 0o600,
        "state.db-shm": 0o600,
        "lock": 0o600,
        "alerts.jsonl": 0o600,
        "models": 0o700,
        "models/ledger.json": 0o600,
        "models/.lock": 0o600,
    }
    assert tighten(state, [state / "alerts.jsonl"]) == Tightened()


def _loose(tmp_path: Path) -> Path:
    """Return a state directory in which everything can be read by others."""
    state = tmp_path / "state"
    Store(state).close()
    model = state / "models" / "tinylogbert-0123456789ab"
    model.mkdir(parents=True)
    (model / "model.pt").touch()
    (state / "alerts.jsonl").touch()
    for path in state.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    state.chmod(0o755)
    return state


def test_what_was_opened_to_others_is_closed_and_said_once(tmp_path: Path) -> None:
    state = _loose(tmp_path)
    elsewhere = tmp_path / "elsewhere.jsonl"
    elsewhere.touch(0o644)
    others = [state / "alerts.jsonl", elsewhere]
    found = tighten(state, others)
    loose = [state, *state.rglob("*"), elsewhere]
    assert sorted(found.changed) == sorted(map(str, loose))
    assert {mode(path) for path in loose} == {0o700, 0o600}
    assert tighten(state, others) == Tightened()


def test_a_model_that_others_could_write_does_not_become_trusted(tmp_path: Path) -> None:
    state = _loose(tmp_path)
    (file,) = state.glob("models/*/model.pt")
    file.chmod(0o666)
    assert str(file) not in tighten(state).changed
    assert mode(file) == 0o666


@pytest.mark.parametrize("shared", ["sticky", "folder"])
def test_a_folder_that_others_use_is_left_and_said(tmp_path: Path, shared: str) -> None:
    state = _loose(tmp_path)
    if shared == "sticky":
        state.chmod(0o1777)
    else:
        (state / "of-another-program").mkdir(mode=0o755)
    before = mode(state)
    found = tighten(state)
    assert found.left == [str(state)]
    assert mode(state) == before
    assert mode(state / "state.db") == 0o600


def test_symlinks_and_what_is_no_file_are_left(tmp_path: Path) -> None:
    state = _loose(tmp_path)
    outside = tmp_path / "outside"
    outside.touch(0o644)
    (state / "lock").unlink()
    (state / "lock").symlink_to(outside)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    found = tighten(state, [pipe, Path("/dev/null"), tmp_path / "none"])
    assert not {str(outside), str(pipe), "/dev/null", str(state / "lock")} & set(found.changed)
    assert (mode(outside), mode(pipe)) == (0o644, 0o644)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to own files as someone else")
def test_what_belongs_to_another_user_is_left_and_said(tmp_path: Path) -> None:
    state = _loose(tmp_path)
    os.chown(state / "lock", 65534, 65534)
    found = tighten(state)
    assert found.left == [str(state / "lock")]
    assert mode(state / "lock") == 0o644


def test_a_symlink_may_name_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.close(open_private(tmp_path / "link", os.O_WRONLY))
    assert (tmp_path / "target").exists()


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(FileExistsError):
        make_private(tmp_path / "state")


_LOCK = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
"""


def test_what_is_tightened_while_it_is_open_keeps_its_locks(tmp_path: Path) -> None:
    """Who closes a file ends all locks of the process on it: the next one to open the database
    would take it for nobody's, and empty what the daemon has mapped (SIGBUS).
    """
    store = Store(tmp_path / "state")
    store.commit(block_effects(0))
    shared = store.path.with_name("state.db-shm")
    shared.chmod(0o644)
    assert tighten(store.path.parent).changed == [str(shared)]
    command = [sys.executable, "-c", _LOCK, str(shared)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "BlockingIOError" in done.stderr
    store.close()
