"""Which state a process has."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.kinds import Secret
from sluiceway.config.server_settings import StateSettings
from sluiceway.state.memory import MemoryState
from sluiceway.state.opening import state_of
from sluiceway.state.shared import SharedState


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost:6379/0",
        "redis://user:p%40ss@[::1]:6380/3",
        "rediss://redis.internal",
        "unix:///run/redis.sock",
        "unix:///run/redis.sock?db=2",
    ],
)
def test_with_redis_it_is_shared(url: str) -> None:
    state = state_of(StateSettings(redis=Secret(url)), worker=1, workers=4)
    assert isinstance(state, SharedState)
    assert state.shared


def test_without_redis_it_is_in_memory() -> None:
    state = state_of(StateSettings(file=""))
    assert isinstance(state, MemoryState)
    assert not state.shared


def test_workers_without_redis_divide_limits_and_keep_files_of_their_own(tmp_path: Path) -> None:
    settings = StateSettings(file=str(tmp_path / "state.json"))
    key = KeySettings(name="alice", sha256="0" * 64, requests_per_minute=4)

    async def scenario() -> None:
        for worker in range(3):
            state = state_of(settings, worker=worker, workers=3)
            await state.start()
            headers = await state.take(key, 1_790_000_000.0)
            assert dict(headers)[b"x-ratelimit-limit-requests"] == b"1"
            state.charge(key, 1, 0.0, 1_790_000_000.0)
            await state.close()

    asyncio.run(scenario())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.1.json", "state.2.json", "state.json"]
