"""The breaker of an upstream, told as transcripts with a clock of its own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.config.upstream_settings import HealthSettings
from sluiceway.policy.health import BUCKETS, JITTER, Breaker


def no_jitter() -> float:
    return 0.0


def breaker(**settings: Any) -> Breaker:
    return Breaker(HealthSettings(**settings), no_jitter)


def state(of: Breaker) -> str:
    """A call, and so read anew each time, which a type checker does not expect of an attribute."""
    return of.state


def opened(now: float = 0.0, **settings: Any) -> Breaker:
    """One that a single failure opened."""
    found = breaker(max_failures=1, **settings)
    found.failed(now)
    assert state(found) == "open"
    return found


# ── opening ─────────────────────────────────────────────────────────────────────────────────────────


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not_let_them_add_up() -> None:
    tested = breaker(max_failures=3, max_error_rate=0)
    for _ in range(10):
        tested.failed(1.0)
        tested.failed(1.0)
        tested.succeeded(1.0)
    assert state(tested) == "closed"
    for _ in range(3):
        assert tested.available(2.0)
        tested.failed(2.0)
    assert state(tested) == "open"
    assert not tested.available(2.0)
    assert tested.open_until == 12.0


def test_an_error_rate_over_its_limit_opens_it_once_there_are_requests_enough() -> None:
    tested = breaker(max_failures=0, max_error_rate=0.5, min_requests=20)
    for _ in range(9):
        tested.succeeded(1.0)
        tested.failed(1.0)
    tested.failed(1.0)
    assert tested.closed  # 10 of 19: over the rate, but of too few
    tested.succeeded(1.0)
    tested.succeeded(1.0)
    tested.failed(1.0)
    assert tested.closed  # 11 of 22: not over the rate
    tested.failed(1.0)
    assert state(tested) == "open"


def test_what_lies_behind_the_window_is_forgotten() -> None:
    tested = breaker(max_failures=0, max_error_rate=0.5, min_requests=4, window_s=30)
    for _ in range(100):
        tested.succeeded(0.0)
    for at in range(3):
        tested.failed(20.0 + at)
    assert tested.closed  # 3 of 103
    tested.failed(34.0)
    assert state(tested) == "open"  # 4 of 4


def test_the_window_keeps_no_more_than_its_buckets_however_long_it_runs() -> None:
    tested = breaker(max_failures=0, window_s=10)
    for at in range(10_000):
        tested.succeeded(at * 0.5)
    assert len(tested._past) == BUCKETS


@pytest.mark.parametrize("settings", [{"open_s": 0}, {"max_failures": 0, "max_error_rate": 0}])
def test_it_never_opens_where_the_settings_say_so(settings: dict[str, Any]) -> None:
    tested = breaker(**settings)
    for at in range(1000):
        tested.failed(at / 100)
    assert state(tested) == "closed"


def test_a_rate_of_one_is_never_exceeded() -> None:
    tested = breaker(max_failures=0, max_error_rate=1, min_requests=1)
    for _ in range(100):
        tested.failed(1.0)
    assert tested.closed


# ── half open ───────────────────────────────────────────────────────────────────────────────────────


def test_after_its_time_one_request_tries_and_a_success_closes_it() -> None:
    tested = opened(open_s=10)
    assert not tested.available(9.9)
    assert tested.available(10.0)
    trial = tested.trial()
    assert trial
    assert state(tested) == "half_open"
    assert not tested.available(11.0)
    assert tested.trial() == 0
    tested.succeeded(12.0, trial)
    assert state(tested) == "closed"
    assert tested.available(12.0)


def test_each_failed_trial_doubles_the_time_up_to_its_limit_and_a_success_begins_anew() -> None:
    tested = opened(open_s=10, max_open_s=35)
    lengths = []
    for _ in range(4):
        now = tested.open_until
        tested.failed(now, tested.trial())
        lengths.append(tested.open_until - now)
    assert lengths == [20.0, 35.0, 35.0, 35.0]
    now = tested.open_until
    tested.succeeded(now, tested.trial())
    tested.failed(now)
    assert tested.open_until - now == 10.0


def test_without_a_limit_to_grow_to_the_time_does_not_grow() -> None:
    tested = opened(open_s=10, max_open_s=0)
    tested.failed(10.0, tested.trial())
    assert tested.open_until == 20.0


def test_a_trial_that_is_given_back_can_be_claimed_by_the_next_request() -> None:
    tested = opened()
    trial = tested.trial()
    tested.give_back(trial)
    assert state(tested) == "open"
    assert tested.available(10.0)
    tested.succeeded(10.0, trial)  # it has no say any more
    assert state(tested) == "open"
    assert tested.trial()


def test_requests_from_before_it_opened_change_nothing_any_more() -> None:
    tested = opened(open_s=10)
    tested.succeeded(1.0)
    tested.failed(1.0)
    assert (state(tested), tested.open_until) == ("open", 10.0)
    trial = tested.trial()
    tested.failed(10.0)
    tested.succeeded(10.0)
    tested.give_back(0)
    assert state(tested) == "half_open"
    tested.succeeded(10.0, trial)
    assert tested.closed


def test_while_it_is_closed_there_is_no_trial() -> None:
    assert breaker().trial() == 0


def test_chance_takes_up_to_a_tenth_off_so_that_several_do_not_come_back_together() -> None:
    ends = []
    for chance in (0.0, 0.5, 0.999):
        tested = Breaker(HealthSettings(max_failures=1, open_s=100), lambda chance=chance: chance)  # type: ignore[misc]
        tested.failed(0.0)
        ends.append(tested.open_until)
    assert ends == pytest.approx([100, 95, 90], abs=0.2)
    assert JITTER == 0.1


# ── checks ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_failed_check_opens_it_and_a_good_one_closes_what_a_check_opened() -> None:
    tested = breaker()
    tested.set_checked(True, 0.0)
    assert tested.closed
    tested.set_checked(False, 1.0)
    assert state(tested) == "open"
    tested.set_checked(True, 2.0)
    assert state(tested) == "closed"


def test_a_good_check_does_not_close_what_requests_opened() -> None:
    tested = opened(open_s=10)
    tested.set_checked(True, 1.0)
    assert (state(tested), tested.open_until) == ("open", 10.0)


def test_a_failed_trial_outweighs_good_checks() -> None:
    tested = breaker(open_s=10)
    tested.set_checked(False, 0.0)
    tested.failed(10.0, tested.trial())
    tested.set_checked(True, 11.0)
    assert tested.open_until == 30.0


def test_failed_checks_keep_it_open_without_making_its_time_grow() -> None:
    tested = opened(open_s=10)
    tested.set_checked(False, 8.0)
    assert tested.open_until == 18.0
    tested.failed(18.0, tested.trial())
    tested.set_checked(False, 19.0)
    assert tested.open_until == 38.0  # the trial's 20 s are the longer ones


def test_a_running_trial_is_not_disturbed_by_checks() -> None:
    tested = breaker()
    tested.set_checked(False, 0.0)
    trial = tested.trial()
    tested.set_checked(True, 1.0)
    tested.set_checked(False, 1.0)
    assert state(tested) == "half_open"
    tested.succeeded(2.0, trial)
    assert tested.closed


def test_checks_open_nothing_that_may_never_be_open() -> None:
    tested = breaker(open_s=0)
    tested.set_checked(False, 0.0)
    assert tested.closed


# ── reload ──────────────────────────────────────────────────────────────────────────────────────────


def test_new_settings_count_from_the_next_report_and_leave_an_open_one_open() -> None:
    tested = breaker(max_failures=3)
    tested.failed(0.0)
    tested.reconfigure(HealthSettings(max_failures=2))
    tested.failed(0.0)
    assert state(tested) == "open"
    tested.reconfigure(HealthSettings(max_failures=5, window_s=60))
    assert state(tested) == "open"
    tested.reconfigure(HealthSettings(open_s=0))
    assert tested.closed


# ── properties ──────────────────────────────────────────────────────────────────────────────────────

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "succeed", "fail", "abandon", "check", "bad check"]),
        st.floats(0, 20),
        st.integers(0, 9),
    ),
    max_size=80,
)


@given(steps=STEPS)
def test_there_are_never_two_trials_at_once_and_it_can_always_be_asked_again(
    steps: list[tuple[str, float, int]],
) -> None:
    tested = breaker(max_failures=2, open_s=5, max_open_s=40)
    now, running = 0.0, list[int]()
    for step, passes_s, which in steps:
        now += passes_s
        if step == "ask":
            if tested.available(now):
                running.append(tested.trial())
        elif step == "check":
            tested.set_checked(True, now)
        elif step == "bad check":
            tested.set_checked(False, now)
        elif running:
            trial = running.pop(which % len(running))
            if step == "succeed":
                tested.succeeded(now, trial)
            elif step == "fail":
                tested.failed(now, trial)
            else:
                tested.give_back(trial)
        trials = [trial for trial in running if trial]
        assert len(trials) <= 1
        assert (state(tested) == "half_open") == bool(trials)
        assert tested.open_until <= now + 40
    for trial in running:
        tested.give_back(trial)
    assert tested.available(now + 40)
