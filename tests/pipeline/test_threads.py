"""A pool has all its threads from the beginning, and they work."""

from __future__ import annotations

import threading

import pytest

from tinylogbert_daemon.pipeline.threads import filled_pool


def named(name: str) -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith(name)}


def test_all_threads_are_there_at_once_and_none_comes_later() -> None:
    with filled_pool(4, "filled") as pool:
        began = named("filled")
        assert len(began) == 4
        assert list(pool.map(abs, range(-100, 0))) == list(range(100, 0, -1))
        assert named("filled") == began
    assert not any(thread.is_alive() for thread in began)


def test_where_the_system_allows_no_more_threads_none_is_left_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, allowed = threading.Thread.start, iter(range(2))

    def limited(self: threading.Thread) -> None:
        if next(allowed, None) is None:
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", limited)
    with pytest.raises(RuntimeError, match="can't start"):
        filled_pool(4, "refused")
    monkeypatch.undo()
    for thread in named("refused"):
        thread.join(5)
        assert not thread.is_alive()
