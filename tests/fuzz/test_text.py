"""From any bytes to shape, text and log time: nothing raises, escapes or takes long."""

from __future__ import annotations

import math
import time

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzz.hostile import long_records, records
from tinylogbert_daemon.model.normalize import (
    LEVEL_SET,
    SHAPE_LIMIT,
    TYPED_TOKENS,
    WORD_LIMIT,
    level_of,
    normalize,
)
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.source.logtime import block_times, parse, pieces

RECORD_BYTES = 64 * 1024
SECONDS = 0.5
"""Of processor time for a record as long as one may be; such a one takes some milliseconds."""

NOW = 1_750_000_000.0


@settings(max_examples=400, deadline=None)
@given(lines=st.lists(records(), max_size=8))
def test_shapes_are_one_a_record_and_know_no_neighbour(lines: list[bytes]) -> None:
    found = shapes(b"".join(line + b"\n" for line in lines))
    assert found == [shapes(line + b"\n")[0] for line in lines]
    assert not set(b"123456789") & set(b"".join(found))


@settings(max_examples=600, deadline=None)
@given(line=records())
@example(line=b"\xff" * 300)
def test_a_text_holds_words_and_typed_tokens_alone(line: bytes) -> None:
    (shape,) = shapes(line + b"\n")
    text = normalize(shape)
    assert normalize(shape) == text
    words = text.split(" ") if text else []
    assert len(words) <= WORD_LIMIT
    for word in words:
        assert word in TYPED_TOKENS or (word and not set(word) & set("[]\n\x00\x1b"))
        assert word == word.strip()
    assert level_of(text) in {None, *LEVEL_SET}
    # what stands behind the limit changes nothing
    assert normalize(shape[:SHAPE_LIMIT]) == text


@settings(max_examples=600, deadline=None)
@given(line=records(), now=st.floats(0, 4e9))
@example(line=b"0001-01-01T00:00:00+23:59", now=0.0)
@example(line=b"Feb 29 12:00:00", now=0.0)
def test_a_log_time_is_none_or_a_number(line: bytes, now: float) -> None:
    found = parse(line, now)
    assert found is None or math.isfinite(found)
    for bound in block_times(line + b"\n" + line, now):
        assert bound is None or math.isfinite(bound)
    times = [moment for _, moment in pieces([line] * 250, now, now)]
    assert times == sorted(times) and times[0] >= now


@settings(max_examples=150, deadline=None)
@given(line=long_records(RECORD_BYTES))
def test_no_long_record_takes_long(line: bytes) -> None:
    before = time.process_time()
    (shape,) = shapes(line + b"\n")
    normalize(shape)
    parse(line, NOW)
    block_times(line + b"\n", NOW)
    assert time.process_time() - before < SECONDS
