"""Limits, divided among processes that know nothing of one another."""

from __future__ import annotations

from typing import Any

import pytest

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.kinds import Secret
from sluiceway.config.server_settings import ServerSettings, StateSettings
from sluiceway.config.settings import Settings
from sluiceway.config.stored_keys import StoredKey
from sluiceway.config.upstream_settings import UpstreamSettings
from sluiceway.policy.parts import divided, has_limits


def key(**limits: Any) -> KeySettings:
    return KeySettings(name="k", sha256="ab" * 32, **limits)


def limited(limit: int, *, redis: str = "") -> Settings:
    return Settings(
        server=ServerSettings(max_in_flight=limit),
        state=StateSettings(redis=Secret(redis)),
        upstreams=(UpstreamSettings(name="u", base_url="http://h/v1", max_in_flight=limit),),
        keys=(key(max_in_flight=limit),),
    )


@pytest.mark.parametrize(("limit", "part"), [(0, 0), (1, 1), (3, 1), (4, 1), (9, 2), (100, 25)])
def test_each_process_has_its_part_of_every_limit_on_requests_in_flight(limit: int, part: int) -> None:
    stored = (StoredKey(key(max_in_flight=limit), 1.0),)
    settings, stored_parts = divided(limited(limit), stored, 4)
    assert settings == limited(part)
    assert stored_parts == (StoredKey(key(max_in_flight=part), 1.0),)


def test_what_keys_use_up_is_divided_elsewhere() -> None:
    settings = Settings(keys=(key(requests_per_minute=60),))
    assert divided(settings, None, 4) == (settings, None)


def test_nothing_is_divided_where_there_is_one_process_or_redis() -> None:
    for settings, parts in ((limited(8), 1), (limited(8, redis="redis://h"), 4)):
        assert divided(settings, None, parts) == (settings, None)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(server=ServerSettings(max_in_flight=1)),
        Settings(upstreams=(UpstreamSettings(name="u", base_url="http://h/v1", max_in_flight=1),)),
        Settings(keys=(key(max_in_flight=1),)),
        Settings(keys=(key(tokens_per_month=1),)),
    ],
)
def test_a_limit_anywhere_is_one_that_all_would_have_to_know(settings: Settings) -> None:
    assert has_limits(settings, None)


def test_keys_and_upstreams_without_limits_are_none() -> None:
    assert not has_limits(Settings(keys=(key(),)), (StoredKey(key(), 1.0),))
    assert has_limits(Settings(), (StoredKey(key(requests_per_minute=1), 1.0),))
