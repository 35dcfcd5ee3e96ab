"""Whole lines out of pieces, whatever their borders, and lines without an end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tinylogbert_daemon.source.cutter import Cutter


@given(st.lists(st.binary(max_size=8).map(lambda x: x.replace(b"\r", b"\n"))))
def test_lines_come_out_whole_however_the_stream_is_cut(pieces: list[bytes]) -> None:
    cutter = Cutter(1000)
    out = [cutter.feed(piece) for piece in pieces]
    assert all(cut == 0 and (not lines or lines.endswith(b"\n")) for lines, cut in out)
    content = b"".join(pieces)
    whole = b"".join(lines for lines, _ in out)
    assert whole == content[: content.rfind(b"\n") + 1]
    rest = content[len(whole) :]
    assert cutter.finish() == (rest + b"\n" if rest else b"")
    assert cutter.finish() == b""


def test_a_line_without_an_end_is_cut_once_and_its_rest_passed_over() -> None:
    cutter = Cutter(10, keep=4)
    assert cutter.feed(b"a\n12345678") == (b"a\n", 0)
    assert cutter.feed(b"90") == (b"", 0)
    assert cutter.feed(b"1") == (b"1234\n", 1)
    assert cutter.feed(b"x" * 1000) == (b"", 0)
    assert cutter.feed(b"the end\nb\nc") == (b"b\n", 0)
    assert cutter.finish() == b"c\n"


def test_of_a_line_too_long_nothing_is_kept_where_a_part_is_of_no_use() -> None:
    cutter = Cutter(10)
    assert cutter.feed(b"a\n12345678901") == (b"a\n", 1)
    assert cutter.feed(b"2\nb\n") == (b"b\n", 0)
