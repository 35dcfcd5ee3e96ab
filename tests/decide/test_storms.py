"""Where many texts come at once; a storm's examples and members are bounded."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tinylogbert_daemon.decide.storms import EXAMPLES, MEMBERS, Example, Storm, gusts, joined

_TIMES = st.lists(st.integers(0, 500).map(float), max_size=40)


@given(times=_TIMES, recent=_TIMES, texts=st.integers(1, 8), seconds=st.integers(1, 100))
def test_gusts_hold_what_any_crowded_window_holds(
    times: list[float], recent: list[float], texts: int, seconds: int
) -> None:
    everything = times + recent
    crowded = {
        index
        for index, time in enumerate(times)
        for start in everything
        if start <= time <= start + seconds
        and sum(start <= other <= start + seconds for other in everything) > texts
    }
    found = gusts(times, recent, texts, seconds)
    flat = [index for gust in found for index in gust]
    assert sorted(flat) == sorted(crowded)
    assert all(gust == sorted(gust) for gust in found)
    # they are apart in time
    for earlier, later in pairwise(found):
        assert max(times[i] for i in earlier) <= min(times[i] for i in later)


def test_examples_are_the_most_severe_in_order_of_appearance() -> None:
    texts = [(n, Example(str(n), str(n), n % 20 / 100)) for n in range(40)]
    storm = joined(Storm((), (), 0, 0.0), texts, 5.0)
    assert [example.line for example in storm.examples] == [
        str(n) for n in (*range(15, 20), *range(35, 40))
    ]
    assert len(storm.examples) == EXAMPLES
    assert (storm.keys, storm.joined, storm.more) == (tuple(range(40)), 5.0, False)


def test_members_are_bounded() -> None:
    texts = [(n, Example("", "", 0.5)) for n in range(MEMBERS)]
    storm = joined(Storm((), (), 0, 0.0), texts, 1.0)
    assert (len(storm.keys), storm.more) == (MEMBERS, False)
    more = joined(storm, [(MEMBERS, Example("", "", 0.5))], 2.0)
    assert (more.keys, more.more) == (storm.keys, True)
