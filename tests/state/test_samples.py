"""What is read of a state to learn from."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.decide.verdicts import verdict
from tinylogbert_daemon.decide.calibration import Calibration
from tinylogbert_daemon.decide.score import Decider
from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.state import Effects, Store
from tinylogbert_daemon.state import samples as module
from tinylogbert_daemon.state.samples import RECENT_SECONDS, SHAPE_BYTES, remember, seen

DAY = 86_400.0
NOW = 100 * DAY


def _write(directory: Path, *rows: tuple[float, float, bytes]) -> None:
    """Commit texts as count, time and shape; the log has come to ``NOW``."""
    store = Store(directory)
    counts = dict(enumerate(rows))
    store.commit(
        Effects(counts=counts, records=Counter({"app": 9}), log_times={"app": NOW}, blocks=1)
    )
    store.close()


def test_the_heaviest_come_first_with_decayed_counts(tmp_path: Path) -> None:
    _write(
        tmp_path,
        (8.0, NOW - 7 * DAY, b"a week ago"),
        (100.0, NOW, b"often today"),
        (0.2, NOW, b"nearly forgotten"),
        (5.0, NOW, b""),
        (5.0, NOW, b"x" * (SHAPE_BYTES + 1)),
    )
    found = seen(tmp_path, 10, 7 * DAY)
    assert list(found.counts.items()) == [
        (normalize(b"often today"), 100),
        (normalize(b"a week ago"), 4),
        (normalize(b"nearly forgotten"), 1),
    ]
    assert found.newest == NOW
    assert list(seen(tmp_path, 1, 7 * DAY).counts) == [normalize(b"often today")]


def test_only_what_came_lately(tmp_path: Path) -> None:
    old = NOW - RECENT_SECONDS - 1
    _write(tmp_path, (8.0, old, b"some time ago"), (1.0, NOW - DAY, b"yesterday"))
    found = seen(tmp_path, 10, 7 * DAY, recent_only=True)
    assert list(found.counts) == [normalize(b"yesterday")]


def test_a_text_dated_later_than_the_log_does_not_make_all_else_old(tmp_path: Path) -> None:
    _write(tmp_path, (3.0, NOW + 400 * DAY, b"counted in training"), (2.0, NOW, b"of today"))
    assert list(seen(tmp_path, 10, DAY, recent_only=True).counts.values()) == [3, 2]


def test_it_is_read_beside_a_daemon_and_where_nothing_may_be_written(tmp_path: Path) -> None:
    state = tmp_path / "state"
    _write(state, (1.0, NOW, b"a line"))
    before = {path.name: path.read_bytes() for path in state.iterdir()}
    assert "state.db-wal" not in before
    assert len(seen(state, 10, DAY).counts) == 1
    assert {path.name: path.read_bytes() for path in state.iterdir()} == before
    daemon = Store(state)
    daemon.commit(Effects(counts={7: (1.0, NOW, b"another line")}, blocks=1))
    assert len(seen(state, 10, DAY).counts) == 2
    daemon.close()


def test_no_state_and_a_damaged_one_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="holds no state of a daemon"):
        seen(tmp_path, 10, DAY)
    _write(tmp_path, (1.0, NOW, b"a line"))
    shutil.copy(__file__, tmp_path / "state.db")
    with pytest.raises(StateError, match="cannot read the state"):
        seen(tmp_path, 10, DAY)


def _remembered(directory: Path) -> Decider:
    store = Store(directory)
    decider = Decider(Calibration.fit([]), 0.5)
    remember(decider, store)
    store.close()
    return decider


def test_the_wording_of_what_was_seen_is_remembered(tmp_path: Path) -> None:
    _write(
        tmp_path,
        (1.0, NOW, b"session of alice closed"),
        (300.0, NOW, b"queue mail is empty"),
        (5.0, NOW, b""),
        (5.0, NOW, b"\xff" * 10),
        (5.0, NOW, b"far too long " * SHAPE_BYTES),
    )
    pairs = _remembered(tmp_path).pairs
    assert pairs.unfamiliarity(normalize(b"session of alice closed")) == 1 / 2
    assert pairs.unfamiliarity(normalize(b"queue mail is empty")) == 1 / 256
    assert pairs.unfamiliarity("far too long") == pairs.unfamiliarity("never seen") == 1.0


def test_it_is_what_the_decider_knew_before_the_restart(tmp_path: Path) -> None:
    before = Decider(Calibration.fit([]), 0.5)
    lines = [b"session 7 of alice closed", b"disk sda is ready", b"queue mail is empty"]
    rows = before.learn([verdict(normalize(line)) for line in lines], NOW)
    samples = {verdict(normalize(line)).key: line for line in lines}
    store = Store(tmp_path)
    store.commit(Effects(counts={key: (*row, samples[key]) for key, row in rows.items()}, blocks=1))
    store.close()
    after = _remembered(tmp_path)
    assert after.pairs.packed() == before.pairs.packed()


def test_only_so_many_texts_are_read_back_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WORDED_TEXTS", 2)
    _write(tmp_path, (9.0, NOW - DAY, b"old"), (1.0, NOW, b"new"), (1.0, NOW - 1, b"newer"))
    pairs = _remembered(tmp_path).pairs
    assert [pairs.unfamiliarity(text) for text in ("old", "new", "newer")] == [1.0, 0.5, 0.5]


def test_sample_shapes_are_short_there_and_the_newest(tmp_path: Path) -> None:
    _write(
        tmp_path,
        (1.0, NOW - 2, b"12345678"),
        (2.0, NOW - 3, b"123456789"),
        (3.0, NOW, b""),
        (4.0, NOW - 1, b"a"),
    )
    store = Store(tmp_path)
    assert store.sample_shapes(8, 10) == [(b"a", 4.0), (b"12345678", 1.0)]
    assert store.sample_shapes(9, 2) == [(b"a", 4.0), (b"12345678", 1.0)]
    assert store.sample_shapes(9, 3)[-1] == (b"123456789", 2.0)
    store.close()
