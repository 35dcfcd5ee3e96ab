"""Counts decay, are bounded, and never make a text look newer than it is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinylogbert_daemon.decide.counts import TextCounts


def test_counts_add_up_and_halve() -> None:
    counts = TextCounts(half_life=100.0)
    assert counts.get(1, 0.0) == 0.0
    assert counts.add({1: 4, 2: 1}, 0.0) == {1: (4.0, 0.0), 2: (1.0, 0.0)}
    assert counts.get(1, 100.0) == 2.0
    assert counts.add({1: 4}, 100.0) == {1: (6.0, 100.0)}
    assert counts.get(1, 300.0) == 1.5


def test_time_that_runs_backwards_neither_adds_nor_takes() -> None:
    counts = TextCounts(half_life=100.0)
    counts.add({1: 4}, 1000.0)
    assert counts.get(1, 0.0) == 4.0
    assert counts.add({1: 1}, 0.0) == {1: (5.0, 1000.0)}


def test_without_an_end_to_their_life_counts_stay() -> None:
    counts = TextCounts(half_life=math.inf)
    counts.add({1: 4}, 0.0)
    assert counts.get(1, 1e12) == 4.0


def test_the_exact_counts_are_bounded_and_the_oldest_go() -> None:
    counts = TextCounts(half_life=100.0, exact=10)
    for key in range(25):
        counts.add({key: 1}, float(key))
        assert len(counts) <= 10
    taken = counts.take_evicted()
    assert taken is not None
    assert sorted(taken[0]) == list(range(15))
    assert counts.take_evicted() is None


def test_a_text_counted_again_is_not_the_oldest_any_more() -> None:
    counts = TextCounts(half_life=100.0, exact=3)
    counts.add({1: 1, 2: 1, 3: 1}, 0.0)
    counts.add({1: 1}, 1.0)
    counts.add({4: 1}, 2.0)
    taken = counts.take_evicted()
    assert taken is not None and taken[0] == [2]


def test_a_key_that_was_evicted_and_is_exact_again_is_not_taken_out() -> None:
    counts = TextCounts(half_life=100.0, exact=2)
    counts.add({1: 5}, 0.0)
    counts.add({2: 1}, 0.0)
    counts.add({3: 1}, 0.0)  # evicts 1
    assert counts.add({1: 1}, 0.0) == {1: (6.0, 0.0)}  # evicts 2
    taken = counts.take_evicted()
    assert taken is not None and taken[0] == [2]


def test_moving_in_and_out_of_the_sketch_does_not_multiply_a_count() -> None:
    counts = TextCounts(half_life=math.inf, exact=1)
    for _ in range(20):
        counts.add({1: 1}, 0.0)
        counts.add({2: 1}, 0.0)
    assert counts.get(1, 0.0) == counts.get(2, 0.0) == 20.0


_STEPS = st.lists(
    st.tuples(
        st.dictionaries(st.integers(0, (1 << 63) - 1) | st.integers(0, 12), st.integers(1, 1000)),
        st.floats(0, 500),
    ),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(_STEPS, st.integers(1, 6))
def test_a_bounded_book_never_counts_less_than_an_unbounded_one(
    steps: list[tuple[dict[int, int], float]], exact: int
) -> None:
    small, large = TextCounts(200.0, exact), TextCounts(200.0)
    now = 0.0
    keys: set[int] = set()
    for seen, seconds in steps:
        now += seconds
        small.add(seen, now)
        large.add(seen, now)
        keys |= seen.keys()
        assert len(small) <= exact
    for key in keys:
        assert small.get(key, now) >= large.get(key, now) * (1 - 1e-9)


@settings(max_examples=60, deadline=None)
@given(_STEPS, st.integers(1, 6))
def test_saved_and_loaded_counts_are_the_same(
    steps: list[tuple[dict[int, int], float]], exact: int
) -> None:
    before = TextCounts(200.0, exact)
    rows: dict[int, tuple[float, float]] = {}
    sketch, now = None, 0.0
    for seen, seconds in steps:
        now += seconds
        rows |= before.add(seen, now)
        taken = before.take_evicted()
        if taken is not None:
            sketch = taken[1]
            for key in taken[0]:
                rows.pop(key, None)
    after = TextCounts(200.0, exact)
    in_order = sorted(((key, *row) for key, row in rows.items()), key=lambda row: row[2])
    after.load(in_order, sketch)
    assert len(after) == len(before)
    for key in {key for seen, _ in steps for key in seen}:
        assert after.get(key, now) == pytest.approx(before.get(key, now), rel=1e-6)


def test_what_was_evicted_before_a_restart_is_not_forgotten_for_the_models_own_counts() -> None:
    # the model's training saw text 1 twice, this host a million times, then evicted it
    host = TextCounts(half_life=1000.0, exact=1)
    host.load([(1, 2.0, 0.0)])
    host.add({1: 1_000_000}, 100.0)
    host.add({2: 1}, 200.0)
    taken = host.take_evicted()
    assert taken is not None and taken[0] == [1]

    again = TextCounts(half_life=1000.0)
    again.load([(1, 2.0, 0.0), (3, 7.0, 0.0)])
    again.load([(2, 1.0, 200.0)], taken[1])
    assert again.get(1, 200.0) == pytest.approx(host.get(1, 200.0), rel=1e-6)
    assert again.get(3, 0.0) == 7.0


def test_a_damaged_sketch_is_passed_over() -> None:
    counts = TextCounts(half_life=1000.0)
    counts.load([(1, 2.0, 0.0)], (b"short", 5.0))
    assert counts.get(1, 0.0) == 2.0
