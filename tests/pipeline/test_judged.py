"""Where the records of a verdict stand in a block."""

from __future__ import annotations

from tests.pipeline.parts import File, by_words
from tinylogbert_daemon.pipeline.judged import Judged, Places


def test_records_of_wanted_verdicts_are_found_in_order_of_the_first() -> None:
    fine, bad, worse, rare = by_words(["fine", "bad", "worse", "rare"])
    verdicts = [fine, worse, fine, bad, worse, bad, bad, rare]
    block = File().block(*(verdict.text for verdict in verdicts))
    judged = Judged(block, verdicts, dict.fromkeys(verdicts), 0.0, 0.0, learning=False)
    found = judged.places({bad: 1, worse: 2})
    assert list(found.items()) == [(worse, Places(1, 4, 2)), (bad, Places(3, 6, 3))]
    assert judged.places({}) == {}
    assert [judged.line(index) for index in (1, 7)] == [b"worse", b"rare"]
