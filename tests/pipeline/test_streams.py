"""How far behind a journal is."""

from __future__ import annotations

from dataclasses import replace

from tinylogbert_daemon.clock import ManualClock
from tinylogbert_daemon.pipeline.streams import Lag
from tinylogbert_daemon.source.block import Block, FileKey, Position

_NOW = 1_781_258_400.0  # 2026-06-12, 10:00 UTC
_BLOCK = Block(
    "host",
    "journal",
    b"<13>2026-06-12T09:59:40.000000+00:00 db1 app: one\n"
    b"<13>2026-06-12T09:59:50.500000+00:00 db1 app: two\n",
    0,
    2,
    Position(FileKey(0, 0, b"head"), 0, 2, b""),
)


def test_a_journal_is_as_far_behind_as_its_newest_entry_is_old() -> None:
    clock = ManualClock(_NOW)
    lag = Lag(clock)
    assert lag.seconds() is None
    lag.begin(replace(_BLOCK, readback=True))
    lag.end()
    lag.begin(replace(_BLOCK, data=b""))
    lag.end()
    assert lag.seconds() is None
    lag.begin(_BLOCK)
    assert lag.seconds() == 9.5
    clock.advance(30)  # it is still being scored
    assert lag.seconds() == 39.5
    lag.end()
    clock.advance(3600)  # nothing new since, so nothing is owed
    assert lag.seconds() == 39.5
    ahead = ManualClock(_NOW - 60)
    other = Lag(ahead)
    other.begin(_BLOCK)  # of a host whose clock is ahead
    assert other.seconds() == 0.0
