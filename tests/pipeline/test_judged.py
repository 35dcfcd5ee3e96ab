"""Where the records of a verdict stand in a block."""

from __future__ import annotations

import numpy as np

from tests.pipeline.parts import File, by_words
from tinylogbert_daemon.model.encoded import Dictionary, Encoded
from tinylogbert_daemon.pipeline.judged import Judged


def test_records_of_wanted_verdicts_are_found_in_order_of_the_first() -> None:
    fine, bad, worse, rare = by_words(["fine", "bad", "worse", "rare"])
    numbered = Dictionary([rare, bad, fine, worse])
    verdicts = Encoded(numbered, np.array([2, 3, 2, 1, 3, 1, 1, 0]))
    block = File().block(*(verdict.text for verdict in verdicts.decoded()))
    judged = Judged(block, verdicts, {rare}, 0.0, 0.0, learning=False)
    assert judged.seen == [bad, fine, worse]
    found = judged.records({bad: 1, worse: 2})
    assert list(found.items()) == [(worse, 2), (bad, 3)]
    assert judged.records({}) == {}
    assert [judged.first(verdict) for verdict in (worse, bad, fine)] == [1, 3, 0]
    assert [judged.last_line(verdict) for verdict in (worse, fine)] == [b"worse", b"fine"]
    assert [judged.line(index) for index in (1, 7)] == [b"worse", b"rare"]
