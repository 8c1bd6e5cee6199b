"""The budget of attempts, time and pauses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.config.server_settings import FailoverSettings
from sluiceway.policy.failover import Budget


def test_attempts_are_counted_the_first_included() -> None:
    budget = Budget(FailoverSettings(max_attempts=2), 100.0)
    assert not budget.spent(100.0)
    budget.attempts += 1
    assert not budget.spent(100.0)
    budget.attempts += 1
    assert budget.spent(100.0)


@pytest.mark.parametrize(("max_s", "now", "spent"), [(10, 109.9, False), (10, 110.0, True), (0, 1e9, False)])
def test_past_its_time_no_attempt_begins(max_s: float, now: float, spent: bool) -> None:
    assert Budget(FailoverSettings(max_s=max_s), 100.0).spent(now) is spent


def test_pauses_double_up_to_their_limit() -> None:
    budget = Budget(FailoverSettings(backoff_s=1, max_backoff_s=5), 0.0)
    assert [budget.pause_s(lambda: 1.0) for _ in range(5)] == [1, 2, 4, 5, 5]


def test_with_no_limit_on_pauses_they_do_not_grow_and_with_none_at_all_nobody_waits() -> None:
    steady = Budget(FailoverSettings(backoff_s=1, max_backoff_s=0), 0.0)
    assert [steady.pause_s(lambda: 1.0) for _ in range(3)] == [1, 1, 1]
    assert Budget(FailoverSettings(backoff_s=0), 0.0).pause_s(lambda: 1.0) == 0


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 30))
def test_a_pause_is_any_part_of_what_it_may_be(part: float, before: int) -> None:
    budget = Budget(FailoverSettings(backoff_s=0.25, max_backoff_s=4), 0.0)
    for _ in range(before):
        budget.pause_s(lambda: 0.0)
    assert budget.pause_s(lambda: part) == part * min(0.25 * 2**before, 4)
