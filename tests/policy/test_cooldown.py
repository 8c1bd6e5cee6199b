"""The keys of an upstream take turns, and rest when they are told to."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.config.upstream_settings import HealthSettings
from sluiceway.policy.cooldown import MAX_NAME_CHARS, MAX_RESTS, KeyRing, parse_retry_after

SETTINGS = HealthSettings(cooldown_s=5, max_cooldown_s=600)


def limited(
    ring: KeyRing, index: int, now: float, retry_after_s: float | None = None, model: str = "m"
) -> None:
    ring.cool(index, 429, retry_after_s, model, now, SETTINGS)


def refused(ring: KeyRing, index: int, now: float, status: int = 401) -> None:
    ring.cool(index, status, None, "m", now, SETTINGS)


def test_keys_are_used_in_turn() -> None:
    ring = KeyRing(3)
    assert [ring.next(0.0, "m") for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]
    ring.took(1)
    assert ring.free(0.0, "m") == [2, 0, 1]


def test_a_limited_key_rests_for_its_model_alone() -> None:
    ring = KeyRing(2)
    limited(ring, 0, 100.0)
    assert [ring.next(100.0, "m") for _ in range(3)] == [1, 1, 1]
    assert [ring.next(100.0, "other") for _ in range(2)] == [0, 1]
    assert [ring.next(100.0, None) for _ in range(2)] == [0, 1]
    assert [ring.next(105.0, "m") for _ in range(2)] == [0, 1]


def test_a_limited_key_rests_for_as_long_as_it_was_asked_to_within_limits() -> None:
    ring = KeyRing(1)
    limited(ring, 0, 0.0, 30.5)
    assert ring.until(0.0, "m") == 30.5
    assert ring.next(30.0, "m") is None
    assert ring.next(30.5, "m") == 0
    limited(ring, 0, 100.0, 86400.0)
    assert ring.until(100.0, "m") == 700.0
    ring.cool(0, 429, 86400.0, "n", 100.0, HealthSettings(max_cooldown_s=0))
    assert ring.until(100.0, "n") == 86500.0
    limited(ring, 0, 100.0, 0.0, "o")
    assert ring.next(100.0, "o") == 0


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_key_rests_for_all_models_and_twelve_times_as_long(status: int) -> None:
    ring = KeyRing(2)
    refused(ring, 0, 0.0, status)
    assert ring.free(59.9, "m") == ring.free(59.9, "other") == ring.free(59.9, None) == [1]
    assert ring.free(60.0, "m") == [0, 1]
    assert ring.refused_until(0) == 60.0
    assert ring.refused_until(1) == 0.0


def test_a_rest_never_gets_shorter() -> None:
    ring = KeyRing(1)
    limited(ring, 0, 0.0, 100.0)
    limited(ring, 0, 1.0)
    assert ring.until(1.0, "m") == 100.0


def test_without_a_cooldown_no_key_rests() -> None:
    ring = KeyRing(1)
    for status in (401, 429):
        ring.cool(0, status, 60.0, "m", 0.0, HealthSettings(cooldown_s=0))
    assert ring.next(0.0, "m") == 0


def test_the_earliest_end_is_that_of_a_limit_since_a_refused_key_may_stay_refused() -> None:
    ring = KeyRing(3)
    assert ring.until(7.0, "m") == 7.0
    refused(ring, 0, 0.0)
    limited(ring, 1, 0.0, 200.0)
    limited(ring, 2, 0.0, 300.0)
    assert ring.until(0.0, "m") == 200.0
    assert not ring.refused(0.0)
    refused(ring, 1, 1.0)
    refused(ring, 2, 2.0)
    assert ring.refused(2.0)
    assert ring.until(2.0, "n") == 60.0
    assert not ring.refused(60.0)


def test_rests_that_a_client_could_make_up_models_for_do_not_pile_up() -> None:
    ring = KeyRing(1)
    for number in range(3 * MAX_RESTS):
        limited(ring, 0, number / 1000, 500.0, f"model-{number}")
    assert len(ring._limited) <= MAX_RESTS
    assert ring.next(4.0, f"model-{3 * MAX_RESTS - 1}") is None  # what was forgotten would have ended first
    for number in range(2 * MAX_RESTS):
        limited(ring, 0, 1000.0 + number, 0.5, f"later-{number}")
    assert len(ring._limited) <= MAX_RESTS
    limited(ring, 0, 0.0, 9.0, "x" * 100_000)
    assert max(len(model or "") for _, model in ring._limited) <= MAX_NAME_CHARS


def test_keys_keep_their_rest_when_their_list_changes() -> None:
    ring = KeyRing(3)
    refused(ring, 0, 0.0)
    limited(ring, 1, 0.0)
    changed = ring.rekeyed([None, 1, None, 0])
    assert changed.free(0.0, "m") == [0, 2]
    assert changed.free(0.0, "n") == [0, 1, 2]
    assert ring.rekeyed([2]).free(0.0, "m") == [0]


@given(
    cools=st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from([401, 402, 403, 429]),
            st.none() | st.floats(0, 50),
            st.sampled_from(["m", "n"]),
            st.floats(0, 30),
        ),
        max_size=30,
    )
)
def test_a_key_is_free_exactly_when_its_end_has_come(
    cools: list[tuple[int, int, float | None, str, float]],
) -> None:
    ring, now = KeyRing(4), 0.0
    ends: dict[tuple[int, str], float] = {}
    for index, status, retry_after_s, model, passes_s in cools:
        now += passes_s
        ring.cool(index, status, retry_after_s, model, now, SETTINGS)
        rest_s = (5.0 if retry_after_s is None else retry_after_s) if status == 429 else 60.0
        for name in [model] if status == 429 else ["m", "n"]:
            ends[index, name] = max(ends.get((index, name), 0.0), now + rest_s)
        for name in ("m", "n"):
            free = {index for index in range(4) if ends.get((index, name), 0.0) <= now}
            assert set(ring.free(now, name)) == free
            chosen = ring.next(now, name)
            assert chosen in free if free else chosen is None
            assert (ring.until(now, name) == now) == bool(free)


# ── retry-after ─────────────────────────────────────────────────────────────────────────────────────

NOON = 1_767_268_800.0  # Thu, 01 Jan 2026 12:00:00 GMT


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], None),
        ([(b"retry-after", b"30")], 30.0),
        ([(b"retry-after", b" 1.5 ")], 1.5),
        ([(b"retry-after", b"0")], 0.0),
        ([(b"retry-after-ms", b"250"), (b"retry-after", b"1")], 0.25),
        ([(b"retry-after-ms", b"soon"), (b"retry-after", b"1")], 1.0),
        ([(b"retry-after", b"Thu, 01 Jan 2026 12:01:30 GMT")], 90.0),
        ([(b"retry-after", b"Thu, 01 Jan 2026 11:00:00 GMT")], 0.0),
        ([(b"retry-after", b"Thursday, 01-Jan-26 12:00:10 GMT")], 10.0),
        ([(b"retry-after", b"")], None),
        ([(b"retry-after", b"-1")], None),
        ([(b"retry-after", b"nan")], None),
        ([(b"retry-after", b"inf")], None),
        ([(b"retry-after", b"1e999")], None),
        ([(b"retry-after", b"later")], None),
        ([(b"retry-after", b"\xff\xfe")], None),
        ([(b"retry-after", b"Thu, 99 Foo 99999999 99:99:99 GMT")], None),
        ([(b"retry-after", b"Thu, 01 Jan 99999999999 12:00:00 GMT")], None),
    ],
)
def test_how_long_an_upstream_asks_to_be_left_alone(
    headers: list[tuple[bytes, bytes]], expected: float | None
) -> None:
    assert parse_retry_after(headers, NOON) == expected


@given(value=st.binary(max_size=40), millis=st.binary(max_size=10))
def test_garbage_is_no_time_and_no_error(value: bytes, millis: bytes) -> None:
    seconds = parse_retry_after([(b"retry-after", value), (b"retry-after-ms", millis)], NOON)
    assert seconds is None or (seconds >= 0 and not math.isnan(seconds))
