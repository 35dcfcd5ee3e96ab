"""The lines of a block, found one by one."""

from __future__ import annotations

import random

import pytest

from tinylogbert_daemon import newlines
from tinylogbert_daemon.newlines import Lines, count_lines


@pytest.mark.parametrize("part_bytes", [1, 7, 64, 1 << 15])
def test_each_line_is_found(monkeypatch: pytest.MonkeyPatch, part_bytes: int) -> None:
    monkeypatch.setattr(newlines, "_PART_BYTES", part_bytes)
    chance = random.Random(part_bytes)
    lines = [bytes(chance.choices(b"abc \r", k=chance.choice((0, 1, 9, 300)))) for _ in range(200)]
    data = b"".join(line + b"\n" for line in lines)
    order = list(range(len(lines)))
    chance.shuffle(order)
    of_all = Lines(data)
    assert [of_all.line(index) for index in order] == [lines[index] for index in order]
    assert [Lines(data).line(index) for index in order[:20]] == [lines[i] for i in order[:20]]


@pytest.mark.parametrize("chunk", [1, 7, 1 << 18])
@pytest.mark.parametrize("data", [b"", b"no end", b"\n", b"one\n\ntwo\nthree", b"line\n" * 100])
def test_newlines_are_counted(monkeypatch: pytest.MonkeyPatch, chunk: int, data: bytes) -> None:
    monkeypatch.setattr(newlines, "_CHUNK", chunk)
    assert count_lines(data) == data.count(b"\n")
