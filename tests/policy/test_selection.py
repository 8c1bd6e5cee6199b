"""Which upstream and key a request goes to: by preference, by what it met before, and by who can take it."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.config.kinds import Secret
from sluiceway.config.upstream_settings import FailureName, HealthSettings, SelectName, UpstreamSettings
from sluiceway.policy.selection import TRIAL_RETRY_S, Blocked, Candidate, Pick, choose
from sluiceway.policy.upstream_state import FADE_S, FAILED_AS_S, UpstreamState

MODEL = "m"
HOWS: tuple[SelectName, ...] = ("order", "weighted", "least_in_flight", "fastest")


def no_chance() -> float:
    return 0.5


def settings(name: str, keys: int = 0, **more: Any) -> UpstreamSettings:
    more.setdefault("health", HealthSettings(max_failures=1, open_s=10))
    return UpstreamSettings(
        name=name, base_url="http://x", api_keys=tuple(Secret(f"{name}{key}") for key in range(keys)), **more
    )


def candidate(
    name: str, keys: int = 0, *, native: bool = True, weight: float = 1.0, **more: Any
) -> Candidate:
    found = settings(name, keys, **more)
    return Candidate(found, UpstreamState(found, lambda: 0.0), weight, native)


def ask(candidates: Sequence[Candidate], **more: Any) -> Pick | Blocked:
    given: dict[str, Any] = {"how": "order", "now": 0.0, "random": no_chance, "model": MODEL} | more
    return choose(candidates, **given)


def picked(candidates: Sequence[Candidate], **more: Any) -> Pick:
    pick = ask(candidates, **more)
    assert isinstance(pick, Pick), pick
    return pick


def blocked(candidates: Sequence[Candidate], **more: Any) -> Blocked:
    found = ask(candidates, **more)
    assert isinstance(found, Blocked), found
    return found


def who(candidates: Sequence[Candidate], **more: Any) -> tuple[str, int | None]:
    pick = picked(candidates, **more)
    return pick.settings.name, pick.key_index


def name(candidates: Sequence[Candidate], **more: Any) -> str:
    return who(candidates, **more)[0]


def break_down(one: Candidate, now: float = 0.0) -> None:
    """Let its breaker open."""
    one.state.breaker.failed(now)
    assert not one.state.breaker.closed


def health(of: UpstreamState) -> str:
    return of.breaker.state


def fill(one: Candidate) -> None:
    one.state.in_flight = int(one.state.limit)


def rest(one: Candidate, key: int, status: int, seconds: float | None = None, now: float = 0.0) -> None:
    assert one.state.ring is not None
    one.state.ring.cool(key, status, seconds, MODEL, now, HealthSettings())


# ── preference ──────────────────────────────────────────────────────────────────────────────────────


def test_in_order_the_first_that_can_take_it_does() -> None:
    a, b, c = candidate("a"), candidate("b", max_in_flight=1), candidate("c")
    assert who([a, b, c]) == ("a", None)
    break_down(a)
    assert name([a, b, c]) == "b"
    fill(b)
    assert name([a, b, c]) == "c"
    c.state.drained = True
    b.state.in_flight = 0
    assert name([a, b, c]) == "b"


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("affinity", [None, 7])
def test_upstreams_that_speak_the_dialect_come_before_those_it_is_translated_for(
    how: SelectName, affinity: int | None
) -> None:
    other, native = candidate("a", native=False, weight=1000), candidate("b")
    native.state.in_flight = 50
    native.state.measured(30.0, 0.0)
    chances = iter([0.01, 0.99] * 10)
    for _ in range(10):
        assert name([other, native], how=how, affinity=affinity, random=lambda: next(chances)) == "b"
    break_down(native)
    assert name([other, native], how=how, affinity=affinity) == "a"


@given(weights=st.lists(st.floats(0.05, 20), min_size=2, max_size=5), seed=st.integers(0, 1000))
def test_by_weight_each_gets_its_part(weights: list[float], seed: int) -> None:
    them = [candidate(str(number), weight=weight) for number, weight in enumerate(weights)]
    chance = random.Random(seed)
    count = 1500
    shares = Counter(name(them, how="weighted", random=chance.random) for _ in range(count))
    for number, weight in enumerate(weights):
        part = weight / sum(weights)
        assert abs(shares[str(number)] / count - part) < 5 * math.sqrt(part * (1 - part) / count) + 0.001


def test_by_weight_chance_at_its_ends_still_finds_one() -> None:
    them = [candidate("a", weight=0.1), candidate("b", weight=0.2), candidate("c", weight=0.3)]
    assert name(them, how="weighted", random=lambda: 0.0) == "a"
    assert name(them, how="weighted", random=lambda: 1 - 2**-53) == "c"
    assert name(them, how="weighted", random=lambda: 1.0) == "c"


def test_the_one_with_the_fewest_requests_for_its_weight_is_next() -> None:
    small, large = candidate("small"), candidate("large", weight=3)
    taken = Counter[str]()
    for _ in range(40):
        pick = picked([small, large], how="least_in_flight", random=lambda: 0.0)
        pick.take()
        taken[pick.settings.name] += 1
    assert taken == {"small": 10, "large": 30}


def test_among_those_with_equally_few_requests_chance_decides() -> None:
    them = [candidate("a"), candidate("b")]
    chance = random.Random(3)
    found = Counter(name(them, how="least_in_flight", random=chance.random) for _ in range(200))
    assert min(found.values()) > 50


def test_the_fastest_lately_is_next() -> None:
    slow, quick = candidate("slow"), candidate("quick")
    slow.state.measured(2.0, 0.0)
    quick.state.measured(0.5, 0.0)
    assert name([slow, quick], how="fastest") == "quick"
    for _ in range(3):
        quick.state.measured(9.0, 1.0)
    assert name([slow, quick], how="fastest") == "slow"


def test_one_that_was_never_measured_is_measured_by_one_request_at_a_time() -> None:
    known, new, newer = candidate("known"), candidate("new"), candidate("newer")
    known.state.measured(1.0, 0.0)
    found = []
    for _ in range(3):
        pick = picked([known, new, newer], how="fastest")
        pick.take()
        found.append(pick.settings.name)
    assert found == ["new", "newer", "known"]


def test_where_nothing_is_measured_yet_requests_spread() -> None:
    them = [candidate("a"), candidate("b"), candidate("c")]
    for _ in range(30):
        picked(them, how="fastest").take()
    assert [one.state.in_flight for one in them] == [10, 10, 10]


def test_a_slow_one_is_measured_again_now_and_then() -> None:
    slow, quick = candidate("slow"), candidate("quick")
    slow.state.measured(100.0, 0.0)
    quick.state.measured(0.1, 0.0)
    chance = random.Random(1)
    found = Counter(name([slow, quick], how="fastest", random=chance.random) for _ in range(4000))
    assert 50 < found["slow"] < 160


# ── the time to the first event ─────────────────────────────────────────────────────────────────────


def test_old_times_fade_and_a_burst_is_averaged() -> None:
    state = candidate("a").state
    assert state.first_event_s is None
    for seconds in (1.0, 2.0, 3.0):
        state.measured(seconds, 10.0)
    assert state.first_event_s == pytest.approx(2.0)
    state.measured(8.0, 10.0 + 10 * FADE_S)
    assert state.first_event_s == pytest.approx(8.0, abs=0.01)


def test_failures_count_as_slow_but_not_what_the_key_or_the_client_did() -> None:
    one = candidate("a", 1)
    picked([one]).failed("429", 0.0)
    picked([one], model="n").succeeded(None, 0.0)
    assert one.state.first_event_s is None
    picked([one], model="n").failed("5xx", 0.0)
    assert one.state.first_event_s == FAILED_AS_S


def test_a_first_event_is_measured_once_whatever_comes_after_it() -> None:
    one = candidate("a", health=HealthSettings())
    pick = picked([one])
    pick.began(2.0, 0.0)
    pick.failed("truncated", 1.0)
    assert one.state.first_event_s == 2.0
    pick = picked([one])
    pick.began(2.0, 1.0)
    pick.succeeded(90.0, 1.0)
    assert one.state.first_event_s == pytest.approx(2.0)


# ── affinity ────────────────────────────────────────────────────────────────────────────────────────

CONVERSATIONS = [random.Random(5).getrandbits(64) + number for number in range(3000)]


def places(them: Sequence[Candidate], how: SelectName = "weighted") -> list[tuple[str, int | None]]:
    return [who(them, how=how, affinity=number % 2**64) for number in CONVERSATIONS]


@pytest.mark.parametrize("how", ["weighted", "least_in_flight", "fastest"])
def test_a_conversation_stays_at_its_upstream_and_key(how: SelectName) -> None:
    them = [candidate("a", 3), candidate("b", 2), candidate("c")]
    first = places(them, how)
    them[0].state.in_flight = 9
    them[1].state.measured(0.1, 0.0)
    assert places(list(reversed(them)), how) == first


def test_conversations_spread_by_weight_and_evenly_over_keys() -> None:
    found = Counter(places([candidate("a", 2), candidate("b", 4, weight=3)]))
    total = len(CONVERSATIONS)
    assert found["a", 0] + found["a", 1] == pytest.approx(total / 4, rel=0.1)
    for key in range(4):
        assert found["b", key] == pytest.approx(total * 3 / 16, rel=0.15)


def test_in_order_the_first_upstream_is_still_wanted_and_affinity_decides_the_key() -> None:
    a, b = candidate("a", 2), candidate("b", 2)
    found = Counter(places([a, b], "order"))
    assert set(found) == {("a", 0), ("a", 1)}
    assert who([a, b], affinity=5) == who([a, b], affinity=5)


@given(names=st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=6), new=st.text("xyz", min_size=9))
def test_an_upstream_that_comes_takes_its_part_and_moves_nothing_else(names: set[str], new: str) -> None:
    them = [candidate(one) for one in sorted(names)]
    numbers = CONVERSATIONS[:200]
    before = [name(them, how="weighted", affinity=number) for number in numbers]
    after = [name([*them, candidate(new)], how="weighted", affinity=number) for number in numbers]
    moved = [to for was, to in zip(before, after, strict=True) if was != to]
    assert set(moved) <= {new}
    assert len(moved) < 200 / (len(names) + 1) * 2 + 10


def test_a_conversation_whose_place_is_taken_goes_to_its_next_one_and_comes_back() -> None:
    them = [candidate("a", 2), candidate("b"), candidate("c")]
    first = places(them)
    break_down(them[1])
    meanwhile = places(them)
    assert [one for one in first if one[0] != "b"] == [
        now for one, now in zip(first, meanwhile, strict=True) if one[0] != "b"
    ]
    moved = Counter(now[0] for one, now in zip(first, meanwhile, strict=True) if one[0] == "b")
    assert moved["a"] == pytest.approx(moved["c"], rel=0.3)
    them[1].state.breaker.succeeded(10.0, them[1].state.breaker.trial())
    assert places(them) == first
    rest(them[0], 0, 429)
    assert all(
        now == (one if one != ("a", 0) else ("a", 1)) for one, now in zip(first, places(them), strict=True)
    )


@pytest.mark.parametrize("affinity", [0, 2**64 - 1])
def test_every_number_has_a_place(affinity: int) -> None:
    for seed in range(200):
        assert name([candidate(str(seed)), candidate("b")], how="weighted", affinity=affinity)


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────


def test_keys_take_turns_and_those_at_rest_are_left_out() -> None:
    a = candidate("a", 3)
    assert [who([a])[1] for _ in range(4)] == [0, 1, 2, 0]
    rest(a, 1, 429)
    assert [who([a])[1] for _ in range(3)] == [2, 0, 2]
    assert [who([a], model="other")[1] for _ in range(3)] == [0, 1, 2]


def test_an_upstream_whose_keys_all_rest_is_passed_over() -> None:
    a, b = candidate("a", 2), candidate("b", 1)
    rest(a, 0, 429)
    rest(a, 1, 401)
    assert name([a, b]) == "b"
    assert name([a, b], now=5.0) == "a"


def test_a_failed_key_rests_as_its_failure_says() -> None:
    a, b = candidate("a", 2), candidate("b", 1)
    pick = picked([a, b])
    pick.failed("429", 0.0, status=429, model=MODEL, retry_after_s=20.0)
    assert a.state.ring is not None
    assert a.state.ring.free(19.0, MODEL) == [1]
    assert a.state.ring.free(19.0, "other") == [1, 0]
    picked([a, b]).failed("key", 0.0)
    assert a.state.ring.free(59.0, "other") == [0]
    assert a.state.breaker.closed
    assert name([a, b]) == "b"


def test_an_upstream_without_keys_of_its_own_has_none_that_could_rest() -> None:
    a = candidate("a")
    picked([a]).failed("429", 0.0)
    assert name([a]) == "a"


# ── what was tried before ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["429", "key"])
@pytest.mark.parametrize("affinity", [None, 3])
def test_a_key_that_was_refused_or_limited_is_followed_by_the_next_one_of_the_same_upstream(
    kind: FailureName, affinity: int | None
) -> None:
    a, b = candidate("a", 3, native=False), candidate("b", 1)
    tried: dict[tuple[str, int | None], FailureName] = {("a", 0): kind}
    assert name([b, a], tried=tried, affinity=affinity) == "a"
    tried["a", 1] = kind
    assert who([b, a], tried=tried, affinity=affinity) == ("a", 2)
    tried["a", 2] = kind
    assert who([b, a], tried=tried, affinity=affinity) == ("b", 0)


def test_keys_at_rest_are_not_asked_even_if_they_were_not_tried() -> None:
    a, b = candidate("a", 2), candidate("b")
    rest(a, 1, 429)
    assert name([a, b], tried={("a", 0): "429"}) == "b"


def test_any_other_failure_is_followed_by_another_upstream_then_by_other_keys_then_by_the_same() -> None:
    a, b = candidate("a", 2), candidate("b", native=False)
    tried: dict[tuple[str, int | None], FailureName] = {("a", 0): "5xx"}
    assert who([a, b], tried=tried) == ("b", None)
    tried["b", None] = "truncated"
    pick = picked([a, b], tried=tried)
    assert (pick.settings.name, pick.key_index, pick.again) == ("a", 1, False)
    tried["a", 1] = "connect"
    pick = picked([a, b], tried=tried)
    assert (pick.settings.name, pick.again) == ("a", True)


def test_a_key_that_was_refused_is_never_asked_again_and_a_limited_one_is_where_keys_do_not_rest() -> None:
    a = candidate("a", 2, health=HealthSettings(cooldown_s=0))
    assert blocked([a], tried={("a", 0): "key", ("a", 1): "key"}) == Blocked(math.inf, "cooling")
    pick = picked([a], tried={("a", 0): "key", ("a", 1): "429"})
    assert (pick.key_index, pick.again) == (1, True)


def test_an_upstream_that_fails_alone_is_asked_again_though_its_breaker_opened() -> None:
    a = candidate("a")
    pick = picked([a])
    pick.take()
    pick.failed("5xx", 0.0)
    pick.release()
    pick = picked([a], tried={("a", None): "5xx"})
    assert (pick.again, pick.panic) == (True, True)


# ── nobody can ──────────────────────────────────────────────────────────────────────────────────────


def test_the_last_one_is_never_left_alone() -> None:
    a, b = candidate("a"), candidate("b")
    break_down(a, 5.0)
    break_down(b, 0.0)
    pick = picked([a, b], now=6.0)
    assert (pick.settings.name, pick.panic, pick.again) == ("b", True, False)
    assert not picked([a, b], now=10.0).panic  # b's time is over: an ordinary trial


def test_one_that_speaks_the_dialect_is_the_last_one_even_if_another_is_back_sooner() -> None:
    a, b = candidate("a", native=False), candidate("b")
    break_down(a, 0.0)
    break_down(b, 5.0)
    assert name([a, b], now=6.0) == "b"


def test_a_request_in_panic_makes_the_trial_so_that_its_success_ends_the_panic() -> None:
    a = candidate("a")
    break_down(a)
    pick, second = picked([a]), picked([a])
    pick.take()
    second.take()
    assert (pick.is_trial, second.is_trial) == (True, False)
    second.succeeded(0.1, 1.0)
    assert health(a.state) == "half_open"
    pick.succeeded(0.1, 1.0)
    assert health(a.state) == "closed"


def test_one_who_is_well_and_full_is_waited_for_rather_than_one_who_fails() -> None:
    a, b = candidate("a", max_in_flight=1), candidate("b")
    fill(a)
    break_down(b)
    assert blocked([a, b]) == Blocked(10.0, "full")
    assert blocked([a]) == Blocked(math.inf, "full")
    break_down(a)
    assert name([a, b]) == "b"


def test_a_limit_is_kept_even_where_nobody_else_is_left() -> None:
    a = candidate("a", max_in_flight=1)
    fill(a)
    break_down(a)
    assert blocked([a]) == Blocked(math.inf, "full")


def test_keys_that_rest_after_429_are_waited_for_until_the_first_is_free() -> None:
    a, b = candidate("a", 2), candidate("b", 1)
    rest(a, 0, 429, 30.0)
    rest(a, 1, 429, 20.0)
    rest(b, 0, 429, 40.0)
    assert blocked([a, b], now=1.0) == Blocked(20.0, "cooling")
    rest(b, 0, 401)
    assert blocked([a, b], now=1.0) == Blocked(20.0, "cooling")
    assert name([a, b], now=20.0) == "a"


def test_waiting_for_a_release_or_for_a_key_ends_with_whichever_comes_first() -> None:
    a, b = candidate("a", max_in_flight=1), candidate("b", 1)
    fill(a)
    rest(b, 0, 429, 30.0)
    assert blocked([a, b]) == Blocked(30.0, "full")


def test_keys_that_were_all_refused_are_asked_all_the_same_so_that_the_client_sees_why() -> None:
    a, b = candidate("a", 2), candidate("b", 1)
    rest(a, 0, 401, now=2.0)
    rest(a, 1, 403, now=1.0)
    rest(b, 0, 402, now=3.0)
    assert who([a, b], now=4.0) == ("a", 1)
    assert who([a, b], now=4.0, tried={("a", 1): "key"}) == ("a", 0)
    everything: dict[tuple[str, int | None], FailureName] = {
        ("a", 0): "key",
        ("a", 1): "key",
        ("b", 0): "key",
    }
    assert blocked([a, b], now=4.0, tried=everything) == Blocked(61.0, "cooling")


def test_an_upstream_that_fails_is_preferred_to_one_that_refuses_the_key() -> None:
    a, b = candidate("a", 1), candidate("b", 1)
    rest(a, 0, 401)
    break_down(b)
    pick = picked([a, b])
    assert (pick.settings.name, pick.panic) == ("b", True)
    break_down(a)
    b.state.drained = True
    pick = picked([a, b])
    assert (pick.settings.name, pick.panic) == ("a", True)


def test_while_another_request_makes_the_trial_one_looks_again_soon() -> None:
    a, b = candidate("a"), candidate("b", 1)
    break_down(a)
    a.state.breaker.trial()
    rest(b, 0, 429, 300.0, now=50.0)
    assert blocked([a, b], now=50.0) == Blocked(50.0 + TRIAL_RETRY_S, "cooling")


def test_who_is_drained_takes_nothing_new() -> None:
    a, b = candidate("a"), candidate("b")
    a.state.drained = True
    break_down(b)
    assert name([a, b]) == "b"
    b.state.drained = True
    assert blocked([a, b]) == Blocked(math.inf, "drained")


# ── taking and releasing ────────────────────────────────────────────────────────────────────────────


def test_a_release_counts_once() -> None:
    a = candidate("a")
    pick = picked([a])
    pick.release()
    pick.take()
    assert a.state.in_flight == 1
    pick.release()
    pick.release()
    assert a.state.in_flight == 0


def test_half_open_a_single_request_tries_and_the_others_go_elsewhere() -> None:
    a, b = candidate("a"), candidate("b")
    break_down(a)
    pick = picked([a, b], now=10.0)
    pick.take()
    assert pick.is_trial
    assert not pick.panic
    assert name([a, b], now=10.0) == "b"
    pick.release()  # the client left
    pick = picked([a, b], now=11.0)
    pick.take()
    assert pick.is_trial
    pick.failed("timeout", 12.0)
    assert name([a, b], now=30.0) == "b"
    assert name([a, b], now=32.0) == "a"


def test_a_trial_is_decided_by_its_first_event_since_an_answer_may_take_long() -> None:
    a = candidate("a")
    break_down(a)
    pick = picked([a], now=10.0)
    pick.take()
    pick.began(0.5, 11.0)
    assert a.state.breaker.closed
    assert not pick.is_trial
    pick.failed("truncated", 60.0)  # counts as any failure does
    assert health(a.state) == "open"


def test_a_trial_whose_key_is_limited_decides_nothing() -> None:
    a = candidate("a", 1)
    break_down(a)
    pick = picked([a], now=10.0)
    pick.take()
    pick.failed("429", 10.0, model=MODEL)
    assert health(a.state) == "half_open"
    pick.release()
    assert health(a.state) == "open"


# ── reload ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_state_outlives_its_settings_and_keys_that_stay_keep_their_rest() -> None:
    a = candidate("a", 2, max_in_flight=1)
    fill(a)
    rest(a, 1, 401)
    changed = UpstreamSettings(
        name="a", base_url="http://x", api_keys=(Secret("a1"), Secret("new"), Secret("a0")), max_in_flight=2
    )
    a.state.reconfigure(changed)
    now = Candidate(changed, a.state)
    assert a.state.in_flight == 1
    assert [who([now])[1] for _ in range(3)] == [1, 2, 1]
    a.state.reconfigure(settings("a"))
    assert a.state.ring is None
    a.state.reconfigure(settings("a", 1))
    assert who([Candidate(settings("a", 1), a.state)]) == ("a", 0)


@pytest.mark.parametrize("affinity", [None, 1, 2, 3])
def test_a_request_from_before_a_reload_gets_a_key_that_it_knows(affinity: int | None) -> None:
    for before, after in itertools.product(range(4), repeat=2):
        old = candidate("a", before)
        old.state.reconfigure(settings("a", after))
        for resting in range(after + 1):
            for _ in range(4):
                key = who([old], affinity=affinity)[1]
                assert key is None if not before else key is not None and key < before
            if resting < after:
                rest(old, resting, 401)


def test_a_failure_of_a_key_from_before_a_reload_is_not_another_keys() -> None:
    a = candidate("a", 1)
    pick = picked([a])
    changed = UpstreamSettings(name="a", base_url="http://x", api_keys=(Secret("new"),))
    a.state.reconfigure(changed)
    pick.failed("key", 0.0)
    assert who([Candidate(changed, a.state)]) == ("a", 0)


# ── properties ──────────────────────────────────────────────────────────────────────────────────────

Step = tuple[str, int, float, FailureName]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "ask", "succeed", "begin", "fail", "leave"]),
        st.integers(0, 20),
        st.floats(0, 8),
        st.sampled_from(["connect", "5xx", "429", "key", "truncated"]),
    ),
    max_size=60,
)


@given(
    steps=STEPS,
    how=st.sampled_from(HOWS),
    affinity=st.none() | st.integers(0, 2**64 - 1),
    limits=st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)),
    keys=st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
    seed=st.integers(0, 99),
)
def test_whatever_happens_limits_hold_trials_are_single_and_nothing_leaks(
    steps: list[Step],
    how: SelectName,
    affinity: int | None,
    limits: tuple[int, ...],
    keys: tuple[int, ...],
    seed: int,
) -> None:
    them = [
        candidate(str(number), keys[number], native=number > 0, max_in_flight=limits[number])
        for number in range(3)
    ]
    chance: Callable[[], float] = random.Random(seed).random
    now = 0.0
    running: list[Pick] = []
    for step, which, passes_s, kind in steps:
        now += passes_s
        if step == "ask":
            found = ask(them, how=how, affinity=affinity, now=now, random=chance)
            if isinstance(found, Pick):
                found.take()
                running.append(found)
            else:
                assert found.until > now
                assert any(limits) or any(keys)  # breakers alone never refuse
        elif running:
            pick = running[which % len(running)]
            if step == "begin":
                pick.began(0.1, now)
                continue
            if step == "succeed":
                pick.succeeded(0.1, now)
            elif step == "fail":
                pick.failed(kind, now, model=MODEL)
            running.remove(pick)
            pick.release()
        for one in them:
            state = one.state
            theirs = [pick for pick in running if pick.state is state]
            assert state.in_flight == len(theirs) <= state.limit
            assert sum(pick.is_trial for pick in theirs) <= 1
            assert (state.breaker.state == "half_open") == any(pick.is_trial for pick in theirs)
    for pick in running:
        pick.release()
    assert [one.state.in_flight for one in them] == [0, 0, 0]
    assert isinstance(ask(them, how=how, affinity=affinity, now=now + 1000), Pick)


@given(
    ends=st.lists(st.floats(0, 100), min_size=1, max_size=5),
    now=st.floats(0, 120),
    how=st.sampled_from(HOWS),
    tried=st.sets(st.integers(0, 4)),
)
def test_breakers_alone_never_refuse_a_request(
    ends: list[float], now: float, how: SelectName, tried: set[int]
) -> None:
    them = [candidate(str(number)) for number in range(len(ends))]
    for one, at in zip(them, ends, strict=True):
        break_down(one, at)
    before: dict[tuple[str, int | None], FailureName] = {(str(number), None): "5xx" for number in tried}
    pick = picked(them, now=now, how=how, tried=before)
    assert pick.panic == (not pick.state.breaker.available(now))
    if pick.panic and not tried:
        assert pick.state.breaker.open_until == min(one.state.breaker.open_until for one in them)
