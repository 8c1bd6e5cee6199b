"""The state of a single process: what it counts, what it remembers, and what it writes down."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
import pytest

from sluiceway.config.key_settings import KeySettings
from sluiceway.errors import BudgetExceeded, RateLimited
from sluiceway.policy.limits import Meter
from sluiceway.state import memory
from sluiceway.state.file import encode_meters, read_meters, write_whole
from sluiceway.state.memory import MemoryState

NOW = 1_790_000_000.0


def key(name: str = "alice", **settings: float) -> KeySettings:
    return msgspec.convert({"name": name, "sha256": "0" * 64, **settings}, KeySettings)


async def granted(state: MemoryState, asking: KeySettings, times: int, now: float = NOW) -> int:
    """Of so many requests at once, how many are granted."""
    count = 0
    for _ in range(times):
        try:
            await state.take(asking, now)
        except RateLimited:
            continue
        count += 1
    return count


def test_a_key_without_limits_is_not_counted() -> None:
    async def scenario() -> None:
        state = MemoryState()
        assert await state.take(key(), NOW) == []
        state.charge(key(), 1000, 5.0, NOW)
        assert state.names == 0

    asyncio.run(scenario())


def test_requests_are_counted_by_key_and_the_answer_says_what_is_left() -> None:
    async def scenario() -> None:
        state = MemoryState()
        alice, bob = key("alice", requests_per_minute=2), key("bob", requests_per_minute=2)
        assert dict(await state.take(alice, NOW))[b"x-ratelimit-remaining-requests"] == b"1"
        assert await granted(state, alice, 5) == 1
        assert await granted(state, bob, 5) == 2
        assert await granted(state, alice, 5, NOW + 30) == 1

    asyncio.run(scenario())


def test_tokens_and_money_are_charged_to_the_key() -> None:
    async def scenario() -> None:
        state = MemoryState()
        alice, bob = key("alice", tokens_per_minute=100), key("bob", cost_per_day=0.5)
        state.charge(alice, 150, 0.0, NOW)
        with pytest.raises(RateLimited, match="tokens_per_minute"):
            await state.take(alice, NOW)
        state.charge(bob, 10**6, 0.25, NOW)
        assert await state.take(bob, NOW) == []
        state.charge(bob, 0, 0.25, NOW)
        with pytest.raises(BudgetExceeded, match="cost_per_day"):
            await state.take(bob, NOW)

    asyncio.run(scenario())


def test_what_was_used_survives_a_reload() -> None:
    async def scenario() -> None:
        state = MemoryState()
        assert await granted(state, key(requests_per_minute=3), 9) == 3
        assert await granted(state, key(requests_per_minute=3), 9) == 0
        assert await granted(state, key(requests_per_minute=5), 9) == 2

    asyncio.run(scenario())


def test_processes_that_divide_a_limit_grant_no_more_than_it_together() -> None:
    async def scenario() -> None:
        workers = [MemoryState(parts=4) for _ in range(4)]
        alice = key(requests_per_minute=10)
        assert sum([await granted(worker, alice, 20) for worker in workers]) == 8
        assert [await granted(worker, key("bob", requests_per_minute=1), 9) for worker in workers] == [1] * 4

    asyncio.run(scenario())


def test_places_are_left_to_the_queue() -> None:
    async def scenario() -> None:
        state = MemoryState()
        assert not state.shared
        for _ in range(3):
            assert await state.lease([("gateway", 1), ("key:alice", 1)]) is None
        state.release([("gateway", 1), ("key:alice", 1)])

    asyncio.run(scenario())


def test_of_too_many_names_those_longest_unused_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_NAMES", 16)

    async def scenario() -> None:
        state = MemoryState()
        for number in range(16):
            await state.take(key(f"key-{number}", requests_per_minute=1), NOW + number)
        await granted(state, key("key-0", requests_per_minute=1), 1, NOW + 20)
        await state.take(key("one more", requests_per_minute=1), NOW + 21)
        assert state.names == 15
        used = [await granted(state, key(f"key-{number}", requests_per_minute=1), 1) for number in range(4)]
        assert used == [0, 1, 1, 0]

    asyncio.run(scenario())


def test_budgets_outlive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    alice = key(tokens_per_day=100)

    async def first() -> None:
        state = MemoryState(file=path)
        await state.start()
        state.charge(alice, 60, 0.0, NOW)
        await state.close()

    async def second() -> None:
        state = MemoryState(file=path)
        await state.start()
        assert await state.take(alice, NOW + 1) == []
        state.charge(alice, 40, 0.0, NOW + 1)
        with pytest.raises(BudgetExceeded):
            await state.take(alice, NOW + 2)
        await state.close()

    asyncio.run(first())
    asyncio.run(second())
    assert read_meters(path)["alice"].day_tokens == 100


def test_budgets_are_written_while_it_runs_but_only_when_they_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "SAVE_S", 0.01)
    path = tmp_path / "state.json"

    async def scenario() -> None:
        state = MemoryState(file=path)
        await state.start()
        await asyncio.sleep(0.05)
        assert not path.exists()
        state.charge(key(tokens_per_day=100), 60, 0.0, NOW)
        deadline = time.monotonic() + 10
        while not path.exists():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        path.unlink()
        await asyncio.sleep(0.05)
        await state.close()

    asyncio.run(scenario())
    assert not path.exists()


def test_without_a_file_it_starts_and_closes_all_the_same() -> None:
    async def scenario() -> None:
        state = MemoryState()
        await state.start()
        state.charge(key(tokens_per_day=100), 60, 0.0, NOW)
        await state.close()

    asyncio.run(scenario())


def test_a_corrupt_file_is_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"{")

    async def scenario() -> None:
        state = MemoryState(file=path)
        await state.start()
        state.charge(key(tokens_per_day=100), 60, 0.0, NOW)
        await state.close()

    asyncio.run(scenario())
    assert len(caplog.records) == 1
    assert read_meters(path)["alice"].day_tokens == 60


def test_a_file_that_cant_be_written_is_reported_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory, "SAVE_S", 0.01)
    path = tmp_path / "missing" / "state.json"

    async def scenario() -> None:
        state = MemoryState(file=path)
        await state.start()
        state.charge(key(tokens_per_day=100), 60, 0.0, NOW)
        await asyncio.sleep(0.1)
        path.parent.mkdir()
        await state.close()

    asyncio.run(scenario())
    (record,) = caplog.records
    assert record.message == "the state file can't be written; budgets are forgotten at the end"
    assert record.__dict__["reason"] == "No such file or directory"
    assert read_meters(path)["alice"].day_tokens == 60


def test_a_file_from_last_month_spends_nothing_of_this_one(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_whole(path, encode_meters({"alice": Meter(at=1, day=1, day_tokens=500, month=1, month_tokens=500)}))

    async def scenario() -> None:
        state = MemoryState(file=path)
        await state.start()
        assert await state.take(key(tokens_per_day=100, tokens_per_month=100), NOW) == []
        await state.close()

    asyncio.run(scenario())


def test_what_keys_have_used_can_be_looked_at() -> None:
    state = MemoryState()
    busy, idle = key("busy", requests_per_minute=5, tokens_per_day=100), key("idle", requests_per_minute=5)

    async def main() -> None:
        await state.take(busy, NOW)
        state.charge(busy, 7, 0.0, NOW)
        used = await state.used([busy, idle])
        assert used.keys() == {"busy"}
        assert (used["busy"].requests, used["busy"].day_tokens) == (60_000, 7)

    asyncio.run(main())
