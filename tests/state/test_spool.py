"""What is owed to a sink that is down is bounded, by a policy, in every committed state."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinylogbert_daemon.state import Effects, Store
from tinylogbert_daemon.state.spool import Spool


def owe(store: Store, sink: str, *numbers: int) -> dict[str, int]:
    return dict(store.commit(Effects(deliveries=[(sink, f"i{n}", str(n)) for n in numbers])))


def owed(store: Store, sink: str) -> list[int]:
    return [int(one.body) for one in store.pending(sink, 1000)]


@pytest.mark.parametrize(
    ("spool", "kept"),
    [(Spool(5, "oldest"), [3, 4, 5, 6, 7]), (Spool(5, "newest"), [0, 1, 2, 3, 4])],
    ids=["oldest", "newest"],
)
def test_the_oldest_or_the_newest_go(tmp_path: Path, spool: Spool, kept: list[int]) -> None:
    store = Store(tmp_path, spool=spool)
    assert owe(store, "jsonl", 0, 1, 2, 3) == {}
    assert owe(store, "jsonl", 4, 5) == {"jsonl": 1}
    assert owe(store, "jsonl", 6, 7) == {"jsonl": 2}
    assert owed(store, "jsonl") == kept
    store.close()
    store = Store(tmp_path, spool=Spool(5))
    assert owed(store, "jsonl") == kept
    store.close()


def test_each_sink_has_a_spool_of_its_own(tmp_path: Path) -> None:
    store = Store(tmp_path, spool=Spool(3))
    assert owe(store, "jsonl", *range(10)) == {"jsonl": 7}
    assert owe(store, "log", 1, 2, 3) == {}
    assert store.pending_counts() == {"jsonl": 3, "log": 3}
    # what is delivered makes room
    store.delivered([one.number for one in store.pending("jsonl", 2)])
    assert owe(store, "jsonl", 10, 11) == {}
    assert owed(store, "jsonl") == [9, 10, 11]
    store.close()


def test_a_smaller_limit_takes_hold_with_the_next_alert(tmp_path: Path) -> None:
    store = Store(tmp_path)
    owe(store, "jsonl", *range(10))
    store.close()
    store = Store(tmp_path, spool=Spool(4))
    assert owed(store, "jsonl") == list(range(10))
    assert owe(store, "jsonl", 10) == {"jsonl": 7}
    assert owed(store, "jsonl") == [7, 8, 9, 10]
    store.close()


def test_a_commit_that_drops_nothing_looks_at_no_spool(tmp_path: Path) -> None:
    store = Store(tmp_path, spool=Spool(1))
    asked: list[str] = []
    store._db.set_trace_callback(asked.append)
    assert store.commit(Effects()) == {}
    assert not any("deliveries" in statement for statement in asked)
    store.close()
