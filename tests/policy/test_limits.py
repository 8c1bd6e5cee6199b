"""What keys may use up: rates that grow back, budgets that begin anew, and what clients are told of them."""

from __future__ import annotations

import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.config.key_settings import KeySettings
from sluiceway.errors import BudgetExceeded, GatewayError, RateLimited
from sluiceway.policy.limits import (
    DAY_MS,
    SCALE,
    Limits,
    Meter,
    billionths,
    duration,
    limits_of,
    milliseconds,
    rate_headers,
    refusal,
)

NOON = 1_790_000_000_000  # some moment, in Unix milliseconds


def at(text: str) -> int:
    return round(datetime.datetime.fromisoformat(text).timestamp() * 1000)


def key(**settings: float) -> KeySettings:
    return msgspec.convert({"name": "alice", "sha256": "0" * 64, **settings}, KeySettings)


def grants(limits: Limits, meter: Meter, times: list[int]) -> list[int]:
    """The times at which a request was granted."""
    return [now for now in times if meter.take(limits, now)]


def moments(gaps: list[int]) -> list[int]:
    now, found = NOON, []
    for gap in gaps:
        now += gap
        found.append(now)
    return found


GAPS = st.lists(st.one_of(st.just(0), st.integers(0, 2000), st.integers(0, 200_000)), max_size=60)
RATES = st.one_of(st.integers(1, 20), st.integers(1, 10_000))


# ── rates ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_rate_may_be_used_up_at_once_and_then_grows_back_evenly() -> None:
    limits, meter = Limits(requests=3), Meter()
    assert grants(limits, meter, [NOON] * 5) == [NOON] * 3
    assert grants(limits, meter, [NOON + 19_999, NOON + 20_000, NOON + 20_001]) == [NOON + 20_000]
    assert grants(limits, meter, [NOON + 3_600_000] * 5) == [NOON + 3_600_000] * 3


@given(limit=RATES, gaps=GAPS)
def test_no_window_ever_sees_more_than_the_limit_and_what_grew_back_in_it(
    limit: int, gaps: list[int]
) -> None:
    granted = grants(Limits(requests=limit), Meter(), moments(gaps))
    for first in range(len(granted)):
        for last in range(first, len(granted)):
            window_ms = granted[last] - granted[first]
            assert (last - first + 1) * SCALE <= limit * (SCALE + window_ms)


@given(limit=RATES, gaps=GAPS, asks=st.integers(1, 3))
def test_asking_in_vain_uses_nothing_up(limit: int, gaps: list[int], asks: int) -> None:
    patient, eager, limits = Meter(), Meter(), Limits(requests=limit)
    for now in moments(gaps):
        if patient.take(limits, now):
            assert eager.take(limits, now)
        else:
            assert not any(eager.take(limits, now) for _ in range(asks))
        assert eager == patient


@given(
    limits=st.builds(
        Limits,
        requests=st.integers(0, 5),
        tokens=st.integers(0, 1000),
        day_tokens=st.integers(0, 2000),
        month_cost=st.integers(0, 2000),
    ),
    spent=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 3000)), max_size=5),
    asked=st.integers(1, 7),
)
def test_after_the_time_to_wait_a_request_succeeds_and_before_it_none_does(
    limits: Limits, spent: list[tuple[int, int]], asked: int
) -> None:
    meter = Meter()
    granted = [meter.take(limits, NOON) for _ in range(asked)][-1]
    for tokens, cost in spent:
        meter.charge(limits, tokens, cost, NOON)
        granted = meter.take(limits, NOON)
    if granted:
        return
    wait_s = refusal(limits, meter).retry_after_s
    assert wait_s is not None
    later = NOON + milliseconds(wait_s)
    assert not msgspec.structs.replace(meter).take(limits, later - 1)
    assert msgspec.structs.replace(meter).take(limits, later)


def test_tokens_are_known_afterwards_so_what_is_over_counts_against_the_next_requests() -> None:
    limits, meter = Limits(tokens=600), Meter()  # ten per second
    assert meter.take(limits, NOON)
    assert meter.take(limits, NOON)
    meter.charge(limits, 1000, 0, NOON + 5)
    assert not meter.take(limits, NOON + 40_000)
    assert refusal(limits, meter).retry_after_s == pytest.approx(0.006)
    assert meter.take(limits, NOON + 40_006)


def test_a_request_is_granted_as_long_as_a_single_token_is_left() -> None:
    limits, meter = Limits(tokens=100), Meter()
    meter.charge(limits, 99, 0, NOON)
    assert meter.take(limits, NOON)
    meter.charge(limits, 1, 0, NOON)
    assert not meter.take(limits, NOON)


def test_tokens_charged_to_a_full_bucket_are_all_missing_from_it() -> None:
    limits, meter = Limits(tokens=100), Meter()
    meter.take(limits, NOON)
    meter.charge(limits, 100, 0, NOON + 3_600_000)
    assert not meter.take(limits, NOON + 3_600_000)


def test_a_changed_limit_counts_at_once() -> None:
    meter = Meter()
    assert grants(Limits(requests=2), meter, [NOON] * 3) == [NOON] * 2
    assert grants(Limits(requests=5), meter, [NOON] * 5) == [NOON] * 3
    assert grants(Limits(requests=1), meter, [NOON + 60_000] * 2) == []
    assert grants(Limits(tokens=7), meter, [NOON + 60_000] * 9) == [NOON + 60_000] * 9
    assert meter.requests == 0


def test_a_clock_that_is_set_back_gives_nothing_away_and_locks_nobody_out() -> None:
    limits, meter = Limits(requests=1), Meter()
    assert meter.take(limits, NOON)
    assert not meter.take(limits, NOON - 3_600_000)
    assert meter.take(limits, NOON - 3_600_000 + 60_000)


# ── budgets ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("now", "limits", "next_one"),
    [
        ("2026-07-09T23:59:59.999+00:00", Limits(day_tokens=10), "2026-07-10T00:00:00+00:00"),
        ("2026-07-09T00:00:00+00:00", Limits(day_cost=10), "2026-07-10T00:00:00+00:00"),
        ("2026-12-31T12:00:00+00:00", Limits(day_cost=10), "2027-01-01T00:00:00+00:00"),
        ("2026-12-01T00:00:00+00:00", Limits(month_tokens=10), "2027-01-01T00:00:00+00:00"),
        ("2028-02-28T12:00:00+00:00", Limits(month_tokens=10), "2028-03-01T00:00:00+00:00"),
        ("2027-02-28T12:00:00+00:00", Limits(month_cost=10), "2027-03-01T00:00:00+00:00"),
        ("2026-07-31T23:59:59+00:00", Limits(month_cost=10), "2026-08-01T00:00:00+00:00"),
        ("2026-07-31T23:30:00-01:00", Limits(month_cost=10), "2026-09-01T00:00:00+00:00"),
    ],
)
def test_a_budget_that_is_spent_begins_anew_with_the_next_day_or_month(
    now: str, limits: Limits, next_one: str
) -> None:
    meter = Meter()
    assert meter.take(limits, at(now))
    meter.charge(limits, 9, 9, at(now))
    assert meter.take(limits, at(now))
    meter.charge(limits, 9, 9, at(now))
    assert not meter.take(limits, at(now))
    error = refusal(limits, meter)
    assert type(error) is BudgetExceeded
    assert milliseconds(error.retry_after_s or 0) == at(next_one) - at(now)
    assert not meter.take(limits, at(next_one) - 1)
    assert meter.take(limits, at(next_one))


def test_a_month_goes_on_when_a_day_ends() -> None:
    limits, meter = Limits(day_tokens=10, month_tokens=25), Meter()
    for day in range(3):
        now = at("2026-07-09T00:00:00+00:00") + day * DAY_MS
        assert meter.take(limits, now)
        meter.charge(limits, 10, 0, now)
        assert not meter.take(limits, now)
    assert meter.month_tokens == 30
    assert not meter.take(limits, at("2026-07-31T23:59:59+00:00"))
    assert meter.take(limits, at("2026-08-01T00:00:00+00:00"))


def test_cheap_tokens_add_up_to_money() -> None:
    limits, meter = limits_of(key(cost_per_day=0.01)), Meter()
    assert limits is not None
    for _ in range(10_000):
        assert meter.take(limits, NOON)
        meter.charge(limits, 20, billionths(20 * 0.05 / 1_000_000), NOON)
    assert not meter.take(limits, NOON)


# ── what limits a key has ───────────────────────────────────────────────────────────────────────────


def test_a_key_without_limits_has_none() -> None:
    assert limits_of(key(max_in_flight=3, priority=2)) is None


def test_the_limits_of_a_key_are_its_settings() -> None:
    settings = key(
        requests_per_minute=1,
        tokens_per_minute=2,
        tokens_per_day=3,
        tokens_per_month=4,
        cost_per_day=5.5,
        cost_per_month=6.25,
    )
    assert limits_of(settings) == Limits(
        requests=1,
        tokens=2,
        day_tokens=3,
        month_tokens=4,
        day_cost=5_500_000_000,
        month_cost=6_250_000_000,
    )


@given(limit=st.integers(1, 10_000), parts=st.integers(1, 256))
def test_divided_limits_stay_within_the_whole_unless_there_is_less_than_one_for_each(
    limit: int, parts: int
) -> None:
    divided = limits_of(key(requests_per_minute=limit, cost_per_day=limit / 100), parts=parts)
    assert divided is not None
    assert divided.requests >= 1
    assert divided.day_cost >= 1
    assert divided.requests * parts <= max(limit, parts)
    assert divided.tokens == 0


def test_the_smallest_budget_is_not_rounded_to_unlimited() -> None:
    assert limits_of(key(cost_per_month=1e-15)) == Limits(month_cost=1)


# ── what clients are told ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, b"0s"),
        (1, b"1ms"),
        (120, b"120ms"),
        (999, b"999ms"),
        (1000, b"1s"),
        (8640, b"8.64s"),
        (59_999, b"59.999s"),
        (60_000, b"1m0s"),
        (86_400, b"1m26.4s"),
        (360_000, b"6m0s"),
        (432_000, b"7m12s"),
        (3_600_000, b"1h0m0s"),
        (6_000_050, b"1h40m0.05s"),
    ],
)
def test_durations_are_written_as_openai_writes_them(ms: int, text: bytes) -> None:
    assert duration(ms) == text


def test_headers_tell_of_the_rates_that_are_set_and_of_no_others() -> None:
    meter = Meter()
    requests, tokens = Limits(requests=60), Limits(tokens=1000, day_tokens=5)
    assert meter.take(requests, NOON)
    assert rate_headers(requests, meter) == [
        (b"x-ratelimit-limit-requests", b"60"),
        (b"x-ratelimit-remaining-requests", b"59"),
        (b"x-ratelimit-reset-requests", b"1s"),
    ]
    meter = Meter()
    meter.charge(tokens, 2, 0, NOON)
    assert rate_headers(tokens, meter) == [
        (b"x-ratelimit-limit-tokens", b"1000"),
        (b"x-ratelimit-remaining-tokens", b"998"),
        (b"x-ratelimit-reset-tokens", b"120ms"),
    ]
    assert rate_headers(Limits(month_cost=5), meter) == []


def test_nothing_is_left_of_a_bucket_that_is_overdrawn() -> None:
    limits, meter = Limits(tokens=100), Meter()
    meter.charge(limits, 700, 0, NOON)
    headers = dict(rate_headers(limits, meter))
    assert headers[b"x-ratelimit-remaining-tokens"] == b"0"
    assert headers[b"x-ratelimit-reset-tokens"] == b"7m0s"


def test_what_has_partly_grown_back_is_not_left_yet() -> None:
    limits, meter = Limits(requests=2), Meter()
    meter.take(limits, NOON)
    meter.take(limits, NOON)
    meter.take(limits, NOON + 29_999)
    headers = dict(rate_headers(limits, meter))
    assert headers[b"x-ratelimit-remaining-requests"] == b"0"
    assert headers[b"x-ratelimit-reset-requests"] == b"30.001s"


@pytest.mark.parametrize(
    ("limits", "tokens", "kind", "message"),
    [
        (Limits(requests=1), 0, RateLimited, "requests_per_minute of this key is used up (1); it grows back evenly"),
        (Limits(tokens=5), 5, RateLimited, "tokens_per_minute of this key is used up (5); it grows back evenly"),
        (
            Limits(day_tokens=5),
            5,
            BudgetExceeded,
            "tokens_per_day of this key is used up (5); it begins anew with the next one, UTC",
        ),
        (
            Limits(month_cost=2_500_000_000),
            10**9,
            BudgetExceeded,
            "cost_per_month of this key is used up (2.5); it begins anew with the next one, UTC",
        ),
    ],
)  # fmt: skip
def test_a_refusal_names_its_limit(
    limits: Limits, tokens: int, kind: type[GatewayError], message: str
) -> None:
    meter = Meter()
    meter.take(limits, NOON)
    meter.charge(limits, tokens, tokens * 3, NOON)
    assert not meter.take(limits, NOON)
    error = refusal(limits, meter)
    assert (type(error), error.message, error.status) == (kind, message, 429)


def test_of_several_limits_the_one_that_lasts_longest_is_named() -> None:
    limits, meter = Limits(requests=1, tokens=1, day_tokens=5, month_cost=5), Meter()
    meter.take(limits, NOON)
    assert "requests_per_minute" in refusal(limits, meter).message
    meter.charge(limits, 3, 0, NOON)
    assert "tokens_per_minute" in refusal(limits, meter).message
    meter.charge(limits, 3, 0, NOON)
    assert "tokens_per_day" in refusal(limits, meter).message
    meter.charge(limits, 0, 5, NOON)
    assert "cost_per_month" in refusal(limits, meter).message


def test_a_refusal_carries_retry_after_and_the_headers_of_the_rates() -> None:
    limits, meter = Limits(requests=7), Meter()
    grants(limits, meter, [NOON] * 8)
    error = refusal(limits, meter)
    assert error.headers == [
        (b"retry-after", b"9"),  # 60 / 7, rounded up: before that there is no use in asking
        (b"x-ratelimit-limit-requests", b"7"),
        (b"x-ratelimit-remaining-requests", b"0"),
        (b"x-ratelimit-reset-requests", b"1m0s"),
    ]
