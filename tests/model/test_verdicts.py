"""The cache: a hit equals a computation, both levels are bounded, our own lines are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import log_lines
from tinylogbert_daemon.model import verdicts
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import Scorer, Verdict, blank_verdict
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.model.verdicts import KEY_BYTES, MISSED, OWN, VerdictCache, fill, missing

TOLERANCE = 1e-4
BLOCKS = st.lists(
    st.lists(
        st.one_of(
            st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")),
            st.sampled_from([line.encode() for line in log_lines(40)]),
        ),
        max_size=8,
    ).map(lambda lines: b"".join(line + b"\n" for line in lines)),
    max_size=4,
)


@pytest.fixture(scope="module")
def scorer(model_folder: Path) -> Scorer:
    return Scorer(load(str(model_folder)))


class CountingScore:
    """Scores nothing, but says what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        self.asked += texts
        return [blank_verdict(text) for text in texts]


@given(blocks=BLOCKS, small=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_verdict_through_the_caches_equals_one_without(
    scorer: Scorer, blocks: list[bytes], small: bool
) -> None:
    # a cache of two entries evicts all the time
    cache = VerdictCache(shapes=2, texts=2) if small else VerdictCache()
    for block in [*blocks, *blocks]:
        found = shapes(block)
        cached = cache.verdicts(found, scorer.score)
        for shape, verdict in zip(found, cached, strict=True):
            if verdict is OWN:
                continue
            (computed,) = scorer.score([normalize(shape)])
            assert verdict.text == computed.text
            assert abs(verdict.raw - computed.raw) < TOLERANCE
            assert abs(verdict.severity - computed.severity) < TOLERANCE


def test_a_shape_and_a_text_are_each_scored_once() -> None:
    cache, score = VerdictCache(), CountingScore()
    block = b"took 5 ms\ntook 7 ms\ntook 1234 ms\nother\n"
    first = cache.verdicts(shapes(block), score)
    again = cache.verdicts(shapes(block), score)

    assert score.asked == ["took [num] ms", "other"]
    assert all(one is other for one, other in zip(first, again, strict=True))
    assert first[0] is first[2], "two shapes of one text share their verdict"


def test_both_levels_are_bounded() -> None:
    cache, score = VerdictCache(shapes=10, texts=6), CountingScore()
    words = ["a" * length for length in range(1, 60)]
    for word in words:
        cache.verdicts([word.encode()], score)
        assert len(cache._of_shape) <= 10
        assert len(cache._of_text) <= 6
    assert score.asked == words
    cache.verdicts([words[-1].encode()], score)
    assert score.asked == words, "what was seen last is still there"


def test_a_block_of_more_texts_than_the_cache_holds_is_whole() -> None:
    cache, score = VerdictCache(shapes=3, texts=3), CountingScore()
    found = [b"x" * length for length in range(1, 20)]
    assert [verdict.text for verdict in cache.verdicts(found, score)] == [
        shape.decode() for shape in found
    ]


def test_long_shapes_are_not_kept() -> None:
    cache, score = VerdictCache(), CountingScore()
    long = b"word " * KEY_BYTES
    for _ in range(2):
        cache.verdicts([long, long], score)
    assert len(score.asked) == 1, "its text is kept all the same"
    assert not cache._of_shape


def test_what_the_shapes_hold_together_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "SHAPE_BYTES", 1000)
    cache, score = VerdictCache(), CountingScore()
    for length in range(1, 300):
        cache.verdicts([b"x" * length], score)
        kept = [shape for entries in cache._of_shape.values() for shape in entries]
        assert sum(map(len, kept)) == cache._bytes <= 1000
        assert b"x" * length in kept


@pytest.mark.parametrize(
    "line",
    [
        b"Jun 12 10:00:01 web1 tinylogbert[123]: anything",
        b"Jun  2 10:00:01 web1 tinylogbert: anything",
        b"<13>Jun 12 10:00:01 web1 tinylogbert[1]: anything",
        b"2026-06-12T10:00:01.123456+02:00 web1 tinylogbert[77]: anything",
        b'{"logger": "tinylogbert", "event": "error"}',
    ],
)
def test_our_own_lines_are_never_scored(line: bytes) -> None:
    cache, score = VerdictCache(), CountingScore()
    assert cache.verdicts(shapes(line + b"\n"), score) == [OWN]
    assert not score.asked


@pytest.mark.parametrize(
    "line",
    [
        b"Jun 12 10:00:01 web1 sshd[123]: tinylogbert: anything",
        b"tinylogbert failed",
        b"Jun 12 10:00:01 web1 tinylogbert-other[1]: anything",
    ],
)
def test_lines_that_only_mention_us_are_scored(line: bytes) -> None:
    cache, score = VerdictCache(), CountingScore()
    cache.verdicts(shapes(line + b"\n"), score)
    assert score.asked


def test_shapes_that_wait_for_their_verdict_are_normalised_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    normalised: list[bytes] = []

    def counted(shape: bytes) -> str:
        normalised.append(shape)
        return normalize(shape)

    monkeypatch.setattr(verdicts, "normalize", counted)
    monkeypatch.setattr(verdicts, "_AWAITED_SHAPES", 40)
    cache = VerdictCache()
    waiting = shapes(b"started worker one\nstarted worker two\n")
    for _ in range(3):  # three blocks of a storm
        assert set(cache.resolve(waiting).wanted) == set(map(normalize, waiting))
    assert normalised == waiting
    for text in map(normalize, waiting):
        cache.put(blank_verdict(text))
    assert not cache.resolve(waiting).wanted
    assert normalised == waiting
    assert MISSED not in cache.look_up(waiting).distinct
    many = [b"word%s and more" % (b"x" * n) for n in range(1, 200)]
    cache.resolve(many)
    assert len(cache._awaited) <= 40
    cache.resolve([b"long " * 200])
    assert b"long " * 200 not in cache._awaited
    misses = cache.resolve([b"scored at once"])
    cache.add(misses, [blank_verdict(text) for text in misses.wanted])
    assert b"scored at once" not in cache._awaited


def test_what_is_missing_is_asked_for_once_and_filled_in() -> None:
    cache = VerdictCache()
    misses = cache.resolve([b"b", b"took 00 ms"])
    cache.add(misses, map(blank_verdict, list(misses.wanted)))
    found = [b"a", b"b", b"a", b"took 00 ms", b"took 000 ms"]
    known = cache.look_up(found)
    assert missing(found, known) == [b"a", b"took 000 ms"]
    misses = cache.resolve([b"a", b"took 000 ms"])
    cache.add(misses, [blank_verdict("a")])
    filled = fill(found, known, misses)
    assert [verdict.text for verdict in filled.decoded()] == [
        "a",
        "b",
        "a",
        "took [num] ms",
        "took [num] ms",
    ]
    assert sorted(map(filled.count, filled.distinct)) == [1, 2, 2]
    assert not misses.wanted


def test_what_was_looked_up_stays_when_the_cache_lets_it_go() -> None:
    cache = VerdictCache(shapes=4, texts=4)
    words = [b"x" * length for length in range(1, 30)]
    cache.add(cache.resolve(words[:3]), (blank_verdict(word.decode()) for word in words[:3]))
    before = cache.look_up(words[:3])
    for word in words[3:]:
        cache.verdicts([word], CountingScore())
    assert [verdict.text.encode() for verdict in before.decoded()] == words[:3]
    after = cache.look_up(words)
    assert set(after.decoded()[:-4]) == {MISSED}
    assert after.decoded()[-1].text.encode() == words[-1]
    assert len(after.dictionary) < 10
