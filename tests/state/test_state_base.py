"""The limits of keys, looked up per request."""

from __future__ import annotations

import msgspec
import pytest

from sluiceway.config.key_settings import KeySettings
from sluiceway.policy.limits import Limits
from sluiceway.state import base
from sluiceway.state.base import KnownLimits

ALICE = KeySettings(name="alice", sha256="0" * 64, requests_per_minute=60)


def test_the_limits_of_a_key_are_worked_out_once() -> None:
    known = KnownLimits()
    assert known.of(ALICE) == Limits(requests=60)
    assert known.of(ALICE) is known.of(ALICE)


def test_a_reloaded_key_has_the_limits_it_has_now() -> None:
    known = KnownLimits()
    known.of(ALICE)
    assert known.of(msgspec.structs.replace(ALICE, requests_per_minute=5)) == Limits(requests=5)
    assert known.of(msgspec.structs.replace(ALICE, requests_per_minute=0)) is None
    assert known.of(ALICE) == Limits(requests=60)


def test_limits_are_divided_where_processes_know_nothing_of_one_another() -> None:
    assert KnownLimits(parts=4).of(ALICE) == Limits(requests=15)


def test_however_many_names_come_and_go_few_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAX_NAMES", 10)
    known = KnownLimits()
    for number in range(100):
        key = msgspec.structs.replace(ALICE, name=f"key-{number}")
        assert known.of(key) == Limits(requests=60)
        assert known.remembered <= 10
