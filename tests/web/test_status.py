"""The status that is read from a state directory."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from tests.web.states import FILE, write_state
from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.state import Effects, Store
from tinylogbert_daemon.state.models import empty_ledger
from tinylogbert_daemon.state.store import DATABASE
from tinylogbert_daemon.web.status import Status, empty_status, read_status

HOUR = 3600.0


def _read(directory: Path, learning_seconds: float = 24 * HOUR) -> Status:
    store = Store(directory, read_only=True)
    try:
        return read_status(store, "9.9", learning_seconds)
    finally:
        store.close()


def test_it_holds_what_was_committed(tmp_path: Path) -> None:
    write_state(tmp_path)
    assert _read(tmp_path) == {
        "daemon": "not running",
        "version": "9.9",
        "model": None,
        "uptime_seconds": None,
        "state_dir": str(tmp_path),
        "files": {FILE: 120},
        "formats": {},
        "sources": {
            "system": {
                "records": 110,
                "log_time": 2 * HOUR,
                "learning_since": HOUR,
                "learning": True,
            }
        },
        "incidents_open": 1,
        "deliveries_pending": {"jsonl": 2, "log": 1},
        "alerts_suppressed": {"budget": 4, "storm": 7},
        "model_trained": None,
        "learning": empty_ledger(),
    }


def test_a_source_watches_once_its_log_time_is_past_the_learning(tmp_path: Path) -> None:
    write_state(tmp_path)
    assert _read(tmp_path, 1.5 * HOUR)["sources"]["system"]["learning"] is True
    assert _read(tmp_path, 1.0 * HOUR)["sources"]["system"]["learning"] is False


def test_a_source_without_a_dated_record_is_learning(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.commit(Effects(records=Counter({"app": 3})))
    store.close()
    source = _read(tmp_path)["sources"]["app"]
    assert source == {"records": 3, "log_time": None, "learning_since": None, "learning": True}


def test_an_empty_status_has_every_key() -> None:
    assert empty_status("9.9").keys() == Status.__annotations__.keys()


def test_reading_leaves_the_database_as_it_is(tmp_path: Path) -> None:
    write_state(tmp_path)
    before = (tmp_path / DATABASE).read_bytes()
    _read(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == before


def test_a_database_without_our_tables_is_one_clear_line(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / DATABASE).close()
    with pytest.raises(StateError, match="cannot read the state: no such table"):
        _read(tmp_path)
