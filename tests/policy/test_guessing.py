"""Guessing of keys: who is slowed, for how long, and what is forgotten."""

from __future__ import annotations

import hashlib

import pytest

from sluiceway.policy import guessing
from sluiceway.policy.guessing import LONGEST_REFUSAL_S, Guesses

HOME, AWAY = "192.0.2.1", "192.0.2.2"


def digest(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def guess(guesses: Guesses, count: int, now: float, *, address: str = HOME) -> None:
    """That many keys, none of them tried before."""
    for number in range(count):
        guesses.wrong(address, [digest(int(now * 1000) + number)], now)


def test_nobody_is_refused_before_the_last_guess_of_a_minute() -> None:
    guesses = Guesses(3)
    assert guesses.refused_for_s(HOME, 0.0) == 0.0
    guess(guesses, 2, now=0.0)
    assert guesses.refused_for_s(HOME, 1.0) == 0.0
    guess(guesses, 1, now=59.5)
    assert guesses.refused_for_s(HOME, 59.5) == 60.0
    assert guesses.refused_for_s(AWAY, 59.5) == 0.0


def test_guesses_of_another_minute_do_not_add_up() -> None:
    guesses = Guesses(3)
    for minute in range(5):
        guess(guesses, 2, now=minute * 60.0)
        assert guesses.refused_for_s(HOME, minute * 60.0) == 0.0


def test_the_same_wrong_key_again_is_no_other_guess() -> None:
    guesses = Guesses(3)
    for _ in range(50):
        guesses.wrong(HOME, [digest(1), digest(2)], 0.0)
    assert guesses.refused_for_s(HOME, 0.0) == 0.0
    guesses.wrong(HOME, [digest(3)], 0.0)
    assert guesses.refused_for_s(HOME, 0.0) == 60.0


def test_each_refusal_is_twice_as_long_up_to_an_hour() -> None:
    guesses = Guesses(2)
    now, waits = 0.0, []
    for _ in range(9):
        guess(guesses, 2, now)
        wait_s = guesses.refused_for_s(HOME, now)
        waits.append(wait_s)
        now += wait_s
        assert guesses.refused_for_s(HOME, now) == 0.0
    assert waits == [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3600.0, 3600.0, LONGEST_REFUSAL_S]


def test_after_a_quiet_hour_all_is_forgotten() -> None:
    guesses = Guesses(2)
    guess(guesses, 2, now=0.0)
    guess(guesses, 2, now=60.0 + 3599.0)
    assert guesses.refused_for_s(HOME, 3659.0) == 120.0
    guess(guesses, 2, now=3659.0 + 120.0 + 3600.0)
    assert guesses.refused_for_s(HOME, 7379.0) == 60.0


def test_without_a_limit_nothing_is_counted_or_remembered() -> None:
    guesses = Guesses(0)
    guess(guesses, 100, now=0.0)
    guesses.right(HOME, digest(1))
    assert guesses.refused_for_s(HOME, 0.0) == 0.0
    assert not guesses.was_right(HOME, digest(1))


def test_a_limit_may_be_lifted() -> None:
    guesses = Guesses(1)
    guess(guesses, 1, now=0.0)
    guesses.per_minute = 0
    assert guesses.refused_for_s(HOME, 0.0) == 0.0


def test_keys_that_were_right_are_remembered_by_address() -> None:
    guesses = Guesses(1)
    guesses.right(HOME, digest(1))
    guesses.right(HOME, digest(1))
    guesses.right(HOME, digest(2))
    assert guesses.was_right(HOME, digest(1))
    assert guesses.was_right(HOME, digest(2))
    assert not guesses.was_right(HOME, digest(3))
    assert not guesses.was_right(AWAY, digest(1))


def test_addresses_of_one_ipv6_network_are_one_client() -> None:
    guesses = Guesses(2)
    guess(guesses, 1, now=0.0, address="2001:db8:0:1::1")
    guess(guesses, 1, now=1.0, address="2001:db8:0:1:ffff::2")
    assert guesses.refused_for_s("2001:db8:0:1:5::3", 1.0) == 60.0
    assert guesses.refused_for_s("2001:db8:0:2::1", 1.0) == 0.0


def test_memory_of_those_who_guess_is_bounded_and_the_oldest_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guessing, "MAX_GUESSERS", 2)
    guesses = Guesses(1)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        guess(guesses, 1, now=0.0, address=address)
    refused = [guesses.refused_for_s(f"192.0.2.{host}", 0.0) for host in (1, 2, 3)]
    assert refused == [0.0, 60.0, 60.0]


def test_memory_of_right_keys_is_bounded_and_the_least_used_go_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guessing, "MAX_CLIENTS", 2)
    monkeypatch.setattr(guessing, "MAX_KEYS_PER_CLIENT", 2)
    guesses = Guesses(1)
    for number in (1, 2, 1, 3):
        guesses.right(HOME, digest(number))
    assert [guesses.was_right(HOME, digest(number)) for number in (1, 2, 3)] == [True, False, True]
    for address in (AWAY, HOME, "192.0.2.3"):
        guesses.right(address, digest(1))
    assert [guesses.was_right(address, digest(1)) for address in (HOME, AWAY, "192.0.2.3")] == [
        True,
        False,
        True,
    ]
