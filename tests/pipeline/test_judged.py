"""The records of a block, cut out of it one by one."""

from __future__ import annotations

import random

import pytest

from tinylogbert_daemon.pipeline import judged as module
from tinylogbert_daemon.pipeline.judged import Judged
from tinylogbert_daemon.source.block import Block, FileKey, Position


@pytest.mark.parametrize("part_bytes", [1, 7, 64, 1 << 15])
def test_each_record_is_found(monkeypatch: pytest.MonkeyPatch, part_bytes: int) -> None:
    monkeypatch.setattr(module, "_PART_BYTES", part_bytes)
    chance = random.Random(part_bytes)
    lines = [bytes(chance.choices(b"abc \r", k=chance.choice((0, 1, 9, 300)))) for _ in range(200)]
    data = b"".join(line + b"\n" for line in lines)
    after = Position(FileKey(1, 1, b""), len(data), len(lines), b"")
    block = Block("app", "app.log", data, 0, len(lines), after)
    order = list(range(len(lines)))
    chance.shuffle(order)
    judged = Judged(block, [], {}, 0.0, 0.0, learning=False)
    assert [judged.line(index) for index in order] == [lines[index] for index in order]
    alone = [Judged(block, [], {}, 0.0, 0.0, learning=False).line(index) for index in order[:20]]
    assert alone == [lines[index] for index in order[:20]]
