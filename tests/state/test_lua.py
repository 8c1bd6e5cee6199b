"""What happens inside a real Redis is what the pure model says, for any course of events."""

from __future__ import annotations

import asyncio
import datetime
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis_server import RedisServer, running_redis

from sluiceway.policy.limits import DAY_MS, Limits, Meter
from sluiceway.state import lua
from sluiceway.state.link import Call, Link

# The same bodies behind a clock that the test sets: its last argument.
TOLD = "local now = tonumber(ARGV[#ARGV])\n"
TAKE = lua.script(lua.TAKE_BODY, TOLD)
CHARGE = lua.script(lua.CHARGE_BODY, TOLD)
LEASE = lua.script(lua.LEASE_BODY, TOLD)
RELEASE = lua.script(lua.RELEASE_BODY, TOLD)
RENEW = lua.script(lua.RENEW_BODY, TOLD)

NOON = 1_790_000_000_000
LEASE_MS = 15_000

_names = itertools.count()


class Redis:
    """Runs calls, each example under names of its own."""

    def __init__(self, server: RedisServer, runner: asyncio.Runner) -> None:
        self.server = server
        self._runner = runner
        self._link = Link(server.url, 5.0)

    def run(self, *calls: Call) -> list[Any]:
        return self._runner.run(self._link.run(calls))

    def close(self) -> None:
        self._runner.run(self._link.close())


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with running_redis() as server, asyncio.Runner() as runner:
        redis = Redis(server, runner)
        yield redis
        redis.close()


def fresh(name: str) -> str:
    return f"{{test}}:{name}:{next(_names)}"


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────

LIMITS = st.builds(
    Limits,
    requests=st.one_of(st.just(0), st.integers(1, 5), st.integers(1, 10**9)),
    tokens=st.one_of(st.just(0), st.integers(1, 1000), st.integers(1, 10**9)),
    day_tokens=st.one_of(st.just(0), st.integers(1, 5000)),
    month_tokens=st.one_of(st.just(0), st.integers(1, 9000)),
    day_cost=st.one_of(st.just(0), st.integers(1, 10**12)),
    month_cost=st.one_of(st.just(0), st.integers(1, 10**12)),
)
GAPS = st.one_of(
    st.just(0), st.integers(0, 1000), st.integers(0, 90_000), st.integers(0, 40 * DAY_MS), st.integers(-5000, 0)
)  # fmt: skip
EVENTS = st.lists(
    st.tuples(GAPS, st.none() | st.tuples(st.integers(0, 3000), st.integers(0, 10**12))), min_size=1, max_size=20
)  # fmt: skip


def take_call(key: str, limits: Limits, now: int) -> Call:
    budgets = (limits.day_tokens, limits.month_tokens, limits.day_cost, limits.month_cost)
    return Call(TAKE, (key,), (limits.requests, limits.tokens, *budgets, now))


@settings(max_examples=150, deadline=None)
@given(limits=LIMITS, events=EVENTS, start=st.integers(0, 4_000_000_000_000))
def test_limits_in_redis_are_those_of_the_model(
    redis: Redis, limits: Limits, events: list[tuple[int, tuple[int, int] | None]], start: int
) -> None:
    key, now = fresh("used"), start
    meter = Meter()
    calls: list[Call] = []
    expected: list[list[int]] = []
    for gap, spent in events:
        now = max(0, now + gap)
        if spent is None:
            granted = meter.take(limits, now)
            calls.append(take_call(key, limits, now))
            expected.append([int(granted), *_fields(meter)])
        else:
            tokens, cost = spent
            meter.charge(limits, tokens, cost, now)
            calls.append(Call(CHARGE, (key,), (limits.requests, limits.tokens, tokens, cost, now)))
            expected.append([1])
    answers = redis.run(*calls)
    assert [answer if isinstance(answer, list) else [answer] for answer in answers] == expected


def _fields(meter: Meter) -> list[int]:
    return [getattr(meter, name) for name in Meter.__struct_fields__]


def test_months_in_redis_are_those_of_the_calendar(redis: Redis) -> None:
    key, limits = fresh("used"), Limits(day_tokens=1)
    for first in range(1, 50_000, 5000):  # until 2106, over a century that has no leap day
        days = range(first, first + 5000)
        answers = redis.run(*(take_call(key, limits, day * DAY_MS) for day in days))
        dates = [datetime.date(1970, 1, 1) + datetime.timedelta(days=day) for day in days]
        assert [Meter(*answer[1:]).month for answer in answers] == [
            date.year * 12 + date.month - 1 for date in dates
        ]


def test_a_clock_that_is_set_back_locks_nobody_out(redis: Redis) -> None:
    key, limits, earlier = fresh("used"), Limits(requests=1), NOON - 3_600_000
    answers = redis.run(
        *(take_call(key, limits, now) for now in (NOON, earlier, earlier + 59_999, earlier + 60_000))
    )
    assert [answer[0] for answer in answers] == [1, 0, 0, 1]


# ── places ──────────────────────────────────────────────────────────────────────────────────────────


def lease(process: str, places: dict[str, int], now: int = NOON, *, ms: int = LEASE_MS) -> Call:
    return Call(LEASE, tuple(places), (process, ms, *places.values(), now))


def release(process: str, places: dict[str, int], now: int = NOON) -> Call:
    return Call(RELEASE, tuple(places), (process, LEASE_MS, *places.values(), now))


def renew(process: str, places: dict[str, int], now: int = NOON) -> Call:
    return Call(RENEW, (fresh("process"), *places), (process, LEASE_MS, *places.values(), now))


def test_a_place_is_taken_in_every_scope_or_in_none(redis: Redis) -> None:
    wide, narrow = fresh("gateway"), fresh("key")
    both = {wide: 3, narrow: 1}
    assert redis.run(lease("a", both), lease("a", both), lease("b", both)) == [0, 2, 2]
    assert redis.run(*[lease("b", {wide: 3})] * 3) == [0, 0, 1]
    assert redis.run(release("a", {wide: 1, narrow: 1}), lease("b", both)) == [1, 0]


def test_the_first_scope_that_is_full_is_named(redis: Redis) -> None:
    one, two = fresh("one"), fresh("two")
    assert redis.run(lease("a", {two: 1}), lease("b", {one: 1, two: 1}), lease("b", {two: 1, one: 1})) == [
        0,
        2,
        1,
    ]


def test_places_of_a_process_that_no_longer_renews_them_become_free(redis: Redis) -> None:
    scope = fresh("gateway")
    redis.run(lease("dead", {scope: 2}), lease("alive", {scope: 2}))
    late = NOON + LEASE_MS
    assert redis.run(lease("b", {scope: 2}, late - 1)) == [1]
    assert redis.run(renew("alive", {scope: 1}, late - 1), lease("b", {scope: 2}, late)) == [1, 0]
    assert redis.run(lease("b", {scope: 2}, late)) == [1]


def test_a_renewal_says_how_many_places_there_are_in_truth(redis: Redis) -> None:
    scope = fresh("gateway")
    redis.run(*[lease("a", {scope: 4})] * 4)  # of which it knows of one: three answers were lost
    assert redis.run(renew("a", {scope: 1}), *[lease("b", {scope: 4})] * 4) == [1, 0, 0, 0, 1]
    assert redis.run(renew("a", {scope: 0}), lease("b", {scope: 4}), lease("b", {scope: 4})) == [1, 0, 1]


def test_what_was_given_back_twice_does_not_become_less_than_nothing(redis: Redis) -> None:
    scope = fresh("gateway")
    redis.run(lease("a", {scope: 1}), release("a", {scope: 1}), release("a", {scope: 1}))
    assert redis.run(lease("a", {scope: 1}), lease("b", {scope: 1})) == [0, 1]


def test_processes_with_a_short_lease_do_not_shorten_that_of_others(redis: Redis) -> None:
    scope = fresh("gateway")
    redis.run(lease("slow", {scope: 9}, ms=100_000), lease("quick", {scope: 9}, ms=1000))
    assert int(redis.server.command("PTTL", scope)[1:]) > 50_000


@settings(max_examples=60, deadline=None)
@given(
    limit=st.integers(1, 4),
    events=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["lease", "release", "renew"]), st.integers(0, 9000)),
        max_size=30,
    ),
)  # fmt: skip
def test_processes_together_never_hold_more_than_the_limit(
    redis: Redis, limit: int, events: list[tuple[str, str, int]]
) -> None:
    scope, now = fresh("gateway"), NOON
    held = dict.fromkeys("abc", 0)
    ends = dict.fromkeys("abc", 0)
    calls: list[Call] = []
    expected: list[int] = []
    for process, verb, gap in events:
        now += gap
        for name in held:
            if ends[name] <= now:
                held[name] = 0
        answer = 1
        if verb == "lease":
            calls.append(lease(process, {scope: limit}, now))
            answer = 0 if sum(held.values()) < limit else 1
            if answer == 0:
                held[process] += 1
                ends[process] = now + LEASE_MS
        elif verb == "release":
            calls.append(release(process, {scope: 1}, now))
            held[process] = max(0, held[process] - 1)
            ends[process] = now + LEASE_MS
        else:
            calls.append(renew(process, {scope: held[process]}, now))
            ends[process] = now + LEASE_MS
        assert sum(held.values()) <= limit
        expected.append(answer)
    assert (redis.run(*calls) if calls else []) == expected


def test_everything_expires(redis: Redis) -> None:
    used, scope, process = fresh("used"), fresh("gateway"), fresh("process")
    redis.run(
        take_call(used, Limits(requests=1), NOON),
        lease("a", {scope: 1}),
        Call(RENEW, (process, scope), ("a", LEASE_MS, 1, NOON)),
    )
    for key, most in ((used, lua.KEEP_S * 1000), (scope, LEASE_MS), (process, LEASE_MS)):
        assert 0 < int(redis.server.command("PTTL", key)[1:]) <= most
    charged = fresh("used")
    redis.run(Call(CHARGE, (charged,), (0, 0, 5, 5, NOON)))
    assert int(redis.server.command("PTTL", charged)[1:]) > 31 * DAY_MS


def test_the_clock_of_the_real_scripts_is_that_of_redis(redis: Redis) -> None:
    key = fresh("used")
    (answer,) = redis.run(Call(lua.TAKE, (key,), (1, 0, 0, 0, 0, 0)))
    seconds = int(redis.server.command("TIME").split(b"\r\n")[2])
    assert abs(answer[1] - seconds * 1000) < 60_000
