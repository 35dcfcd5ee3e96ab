"""The bar follows the budget in log time: up on a noisy host, never below where it began."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylogbert_daemon.decide.operating import OPERATING_STATE, OperatingPoint

DAY = 86_400.0


def point(per_day: float = 5.0) -> OperatingPoint:
    return OperatingPoint(per_day, 7 * DAY)


def test_within_the_budget_the_bar_stays_down() -> None:
    operating = point()
    for i in range(5):
        operating.observe(3.0, i * 60.0)
    assert operating.bar == 0.0
    operating.observe(3.0, 600.0)
    assert operating.bar == pytest.approx(3.1, abs=0.11)


def test_what_is_below_the_operating_point_costs_nothing() -> None:
    operating = point()
    for i in range(1000):
        operating.observe(-0.1, i * 60.0)
    assert operating.bar == 0.0


def test_the_strongest_are_let_through() -> None:
    operating = point()
    for i in range(100):
        operating.observe(i / 10, float(i))
    above = sum(i / 10 >= operating.bar for i in range(100))
    assert 4 <= above <= 5


def test_the_bar_comes_down_when_the_noise_is_over() -> None:
    operating = point()
    for i in range(50):
        operating.observe(2.0, float(i))
    assert operating.bar > 2.0
    operating.observe(-1.0, 30 * DAY)
    assert operating.bar == 0.0


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, 3600)), min_size=50, max_size=300))
def test_in_the_long_run_no_more_pass_than_twice_the_budget(
    episodes: list[tuple[float, float]],
) -> None:
    operating, now, passed = point(), 0.0, 0
    for evidence, wait in episodes:
        now += wait
        passed += evidence >= operating.bar
        operating.observe(evidence, now)
    days = max(1.0, now / DAY)
    distinct = len({round(evidence, 1) for evidence, _ in episodes})
    # a new maximum always passes, and there are only so many steps of it
    assert passed <= 2 * 5.0 * days + distinct


def test_its_state_there_and_back() -> None:
    operating = point()
    for i in range(100):
        operating.observe(i / 10, i * 100.0)
    again = point()
    again.restore(operating.state())
    assert len(operating.state()) == OPERATING_STATE
    assert again.bar == operating.bar
    np.testing.assert_array_equal(again.state(), operating.state())


def test_time_that_runs_backwards_changes_nothing() -> None:
    operating = point()
    operating.observe(1.0, 1000.0)
    operating.observe(1.0, 10.0)
    assert operating.state()[-1] == 1000.0
