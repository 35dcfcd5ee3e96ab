"""The alert budget: so many a day, shared fairly, kept over a restart; what it withholds counts."""

from __future__ import annotations

import pytest

from tinylogbert_daemon.decide.budget import SEVERE, Budget, Suppressed, Withheld

DAY = 86_400.0
MILD = 0.6


def spend(budget: Budget, source: str, now: float, times: int, score: float = 1.0) -> int:
    """Return how many of so many alerts were allowed."""
    return sum(budget.spend(source, now, score) is None for _ in range(times))


def test_it_refills_over_log_time() -> None:
    budget = Budget(per_day=4, burst=2)
    assert spend(budget, "a", 0.0, 3) == 2
    assert spend(budget, "a", DAY / 4 - 1, 1) == 0
    assert spend(budget, "a", DAY / 4 + 1, 2) == 1
    # never more than the burst at once, however long it was quiet
    assert spend(budget, "a", 30 * DAY, 3) == 2


def test_time_that_steps_back_and_forth_does_not_refill_it() -> None:
    budget = Budget(per_day=24, burst=1)
    assert spend(budget, "a", DAY, 1) == 1
    for _ in range(100):
        assert spend(budget, "a", DAY - 1800, 1) == 0
        assert spend(budget, "a", DAY + 1800, 1) == 0
    assert spend(budget, "a", DAY + 3601, 1) == 1


@pytest.mark.parametrize("sources", [1, 2, 3, 7, 20])
def test_over_a_long_time_the_host_gets_what_was_configured(sources: int) -> None:
    names = [f"s{number}" for number in range(sources)]
    budget, days = Budget(20, 10, names), 30
    sent = sum(spend(budget, name, hour * 3600.0, 2) for hour in range(days * 24) for name in names)
    assert 20 * days - sources <= sent <= 20 * days + max(10, sources + 1)


@pytest.mark.parametrize("sources", [2, 3, 5, 10, 30])
def test_a_storm_in_one_source_leaves_the_others_theirs(sources: int) -> None:
    names = [f"s{number}" for number in range(sources)]
    budget = Budget(20, 10, names)
    for name in names:
        budget.see(name, 0.0)
    for minute in range(0, 3 * 24 * 60, 10):
        budget.spend("s0", minute * 60.0)
        for name in names[1:]:
            budget.see(name, minute * 60.0)
    spend(budget, "s0", 3 * DAY, 1)  # one may just have come
    assert budget.spend("s0", 3 * DAY) == "source-budget"
    assert all(budget.spend(name, 3 * DAY) is None for name in names[1:])


def test_what_quiet_sources_do_not_use_a_busy_one_may_borrow() -> None:
    budget, days = Budget(20, 10, ["busy", "quiet", "calm"]), 10
    sent = 0
    for minute in range(0, days * 24 * 60, 10):
        for name in ("quiet", "calm"):
            budget.see(name, minute * 60.0)
        sent += budget.spend("busy", minute * 60.0) is None
    assert 20 * days - 10 <= sent <= 20 * days + 10
    # and still both have theirs at once
    assert spend(budget, "quiet", days * DAY, 9) >= 1
    assert spend(budget, "calm", days * DAY, 9) >= 1


def test_two_storms_get_equal_parts() -> None:
    budget, days = Budget(20, 10, ["a", "b"]), 20
    sent = {"a": 0, "b": 0}
    for minute in range(0, days * 24 * 60, 10):
        for name in sent:
            sent[name] += budget.spend(name, minute * 60.0) is None
    # the one that asks first draws the pool, once
    assert abs(sent["a"] - sent["b"]) <= 6
    assert sum(sent.values()) >= 20 * days - 2


def test_a_source_that_was_not_seen_for_a_day_has_no_share() -> None:
    budget = Budget(20, 10, ["a", "b"])
    budget.see("b", 0.0)
    assert 1 <= spend(budget, "a", 0.0, 20) <= 8
    assert spend(budget, "a", 3 * DAY, 20) == 10
    # what comes back has one again
    assert budget.spend("b", 4 * DAY) is None


def test_an_old_log_that_is_read_beside_a_new_one_keeps_its_share() -> None:
    budget = Budget(20, 10, ["new", "old"])
    budget.see("new", 1000 * DAY)
    budget.see("old", 5 * DAY)
    spend(budget, "new", 1000 * DAY, 50)
    budget.see("old", 6 * DAY)
    spend(budget, "new", 1000.9 * DAY, 50)
    assert budget.spend("old", 6 * DAY) is None


def test_the_last_third_is_kept_for_what_is_severe() -> None:
    budget = Budget(20, 9)
    assert spend(budget, "a", 0.0, 20, MILD) == 6
    assert budget.spend("a", 0.0, MILD) == "budget"
    assert spend(budget, "a", 0.0, 20, SEVERE) == 3
    assert budget.spend("a", 0.0, SEVERE) == "budget"
    # where there is only one at once, anybody may have it
    assert spend(Budget(20, 1), "a", 0.0, 5, MILD) == 1


def test_a_restart_does_not_refill_it() -> None:
    budget = Budget(20, 10, ["a", "b"])
    budget.see("b", 100.0)
    spent = spend(budget, "a", 100.0, 20)
    again = Budget(20, 10, ["a", "b"])
    again.load(budget.rows())
    assert again.spend("a", 101.0) == "source-budget"
    assert spend(again, "b", 101.0, 20) == 10 - spent
    assert again.spend("b", 101.0) == "budget"
    # days later it is full, also of what was away for as long
    later = Budget(20, 10, ["a", "b"])
    later.load(again.rows())
    assert later.spend("a", 9 * DAY) is None
    assert later.spend("b", 9 * DAY) is None


def test_a_restart_with_a_smaller_budget_keeps_to_the_smaller_one() -> None:
    again = Budget(2, 2, ["a"])
    again.load(Budget(100, 100, ["a"]).rows())
    assert spend(again, "a", 5.0, 50) == 2


def test_what_was_withheld_is_told_once_and_counted_for_ever() -> None:
    suppressed = Suppressed()
    assert suppressed.take("a", 1.0) is None
    suppressed.add("a", "budget", 10.0)
    suppressed.add("a", "storm", 12.0, 5)
    suppressed.add("a", "budget", 14.0)
    suppressed.add("a", "open", 15.0)
    suppressed.add("b", "budget", 3.0)
    assert suppressed.take_changed() == [
        ("a", "budget", 2, 2, 10.0),
        ("a", "open", 1, 0, 15.0),
        ("a", "storm", 5, 5, 12.0),
        ("b", "budget", 1, 1, 3.0),
    ]
    withheld = suppressed.take("a", 20.0)
    assert withheld == Withheld((("budget", 2), ("storm", 5)), 10.0)
    assert withheld.count == 7
    assert suppressed.take("a", 21.0) is None
    suppressed.add("a", "storm", 30.0)
    again = Suppressed(suppressed.take_changed())
    assert again.take("a", 40.0) == Withheld((("storm", 1),), 30.0)
    assert ("a", "storm", 6, 0, 40.0) in again.take_changed()
