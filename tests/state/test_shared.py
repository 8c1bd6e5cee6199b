"""The state of several processes in a real Redis: shared limits and places, and life without it."""

from __future__ import annotations

import asyncio
import logging
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from redis_server import RedisServer, running_redis

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.kinds import Secret
from sluiceway.config.server_settings import StateSettings
from sluiceway.errors import BudgetExceeded, RateLimited, StateUnavailable
from sluiceway.state import shared
from sluiceway.state.shared import SharedState

WITHIN_S = 20.0
GATEWAY = [("gateway", 3)]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture(autouse=True)
def empty(server: RedisServer) -> None:
    if not server.running:
        server.start()
    server.command("FLUSHALL")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(shared, "RETRY_S", 0.05)
    caplog.set_level(logging.INFO, "sluiceway.state")


def key(name: str = "alice", **settings: float) -> KeySettings:
    return msgspec.convert({"name": name, "sha256": "0" * 64, **settings}, KeySettings)


@asynccontextmanager
async def sharing(
    server: RedisServer, count: int = 1, **settings: object
) -> AsyncIterator[list[SharedState]]:
    """So many states, as so many processes would have, started and closed."""
    config = StateSettings(redis=Secret(server.url), timeout_s=5.0)
    config = msgspec.structs.replace(config, **settings)
    states = [SharedState(config) for _ in range(count)]
    for state in states:
        await state.start()
    try:
        yield states
    finally:
        for state in states:
            await state.close()


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def taken(state: SharedState, asking: KeySettings) -> bool:
    try:
        await state.take(asking, time.time())
    except RateLimited:
        return False
    return True


async def leased(state: SharedState, scopes: list[tuple[str, int]], times: int) -> list[str | None]:
    return [await state.lease(scopes) for _ in range(times)]


def held(server: RedisServer, scope: str = "gateway") -> list[int]:
    """How many places each process holds, as Redis has it."""
    parts = server.command("HVALS", f"{{sluiceway}}:in-flight:{scope}").split(b"\r\n")
    return sorted(int(part.split(b":")[0]) for part in parts if b":" in part)


def used(server: RedisServer, field: str, name: str = "alice") -> int:
    answer = server.command("HGET", f"{{sluiceway}}:used:{name}", field).split(b"\r\n")
    return int(answer[1]) if len(answer) > 2 else 0


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records]


AWAY_OPEN = "Redis is away; until it is back, this process counts for itself"
AWAY_CLOSED = "Redis is away; until it is back, requests that have limits get 503"
BACK = "Redis is back; limits are shared again"


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────


def test_processes_share_a_rate_and_each_is_told_what_is_left(server: RedisServer) -> None:
    async def scenario() -> None:
        async with sharing(server, 2) as (one, two):
            alice = key(requests_per_minute=3)
            assert one.shared
            assert dict(await one.take(alice, 0.0))[b"x-ratelimit-remaining-requests"] == b"2"
            assert dict(await two.take(alice, 0.0))[b"x-ratelimit-remaining-requests"] == b"1"
            assert [await taken(state, alice) for state in (one, two, one)] == [True, False, False]
            with pytest.raises(RateLimited) as caught:
                await two.take(alice, 0.0)
            assert 0 < (caught.value.retry_after_s or 0) <= 20
            assert await taken(two, key("bob", requests_per_minute=3))

    asyncio.run(scenario())


def test_processes_together_never_grant_more_than_the_limit_and_what_grew_back(server: RedisServer) -> None:
    async def scenario() -> None:
        async with sharing(server, 2) as states:
            alice, began = key(requests_per_minute=60), time.monotonic()
            asked = await asyncio.gather(*(taken(state, alice) for state in states for _ in range(100)))
            assert 60 <= sum(asked) <= 60 + (time.monotonic() - began) + 1

    asyncio.run(scenario())


def test_what_answers_cost_counts_everywhere(server: RedisServer) -> None:
    async def scenario() -> None:
        async with sharing(server, 2) as (one, two):
            alice, bob = key("alice", tokens_per_day=100), key("bob", cost_per_month=1.5)
            for _ in range(50):
                one.charge(alice, 1, 0.0, 0.0)
                two.charge(alice, 1, 0.0, 0.0)
            two.charge(bob, 7, 1.5, 0.0)
            await until(lambda: used(server, "day_tokens") == 100 and used(server, "month_cost", "bob") > 0)
            for state in (one, two):
                with pytest.raises(BudgetExceeded, match="tokens_per_day"):
                    await state.take(alice, 0.0)
                with pytest.raises(BudgetExceeded, match="cost_per_month"):
                    await state.take(bob, 0.0)

    asyncio.run(scenario())


def test_a_key_without_limits_never_meets_redis(server: RedisServer) -> None:
    async def scenario() -> None:
        async with sharing(server, on_unreachable="closed") as (state,):
            server.kill()
            assert await state.take(key(), 0.0) == []
            state.charge(key(), 5, 5.0, 0.0)
            assert await state.lease([]) is None
            state.release([])

    asyncio.run(scenario())


# ── places ──────────────────────────────────────────────────────────────────────────────────────────


def test_processes_share_places_and_give_them_back(server: RedisServer) -> None:
    async def scenario() -> None:
        async with sharing(server, 2) as (one, two):
            both = [*GATEWAY, ("key:alice", 2)]
            assert await leased(one, both, 2) == [None, None]
            assert await leased(two, both, 2) == ["key:alice", "key:alice"]
            assert await leased(two, GATEWAY, 2) == [None, "gateway"]
            one.release(both)
            await until(lambda: held(server) == [1, 1])
            assert await leased(two, both, 2) == [None, "gateway"]

    asyncio.run(scenario())


def test_processes_together_are_never_in_more_places_than_there_are(server: RedisServer) -> None:
    """Requests come, are refused, leave while they ask and while they run; no place is lost or given twice."""

    async def scenario() -> None:
        inside = most = 0

        async def request(state: SharedState, chance: random.Random) -> None:
            nonlocal inside, most
            while await state.lease([("gateway", 7), ("key:alice", 5)]) is not None:
                await asyncio.sleep(chance.random() / 200)
            inside += 1
            most = max(most, inside)
            try:
                await asyncio.sleep(chance.random() / 200)
            finally:
                inside -= 1
                state.release([("gateway", 7), ("key:alice", 5)])

        async with sharing(server, 3, lease_s=5.0) as states:
            chance = random.Random(4)
            requests = [asyncio.create_task(request(chance.choice(states), chance)) for _ in range(300)]
            while not all(one.done() for one in requests):
                await asyncio.sleep(0.001)
                chance.choice(requests).cancel()
            await asyncio.gather(*requests, return_exceptions=True)
            assert 0 < most <= 5
            await until(lambda: held(server) == held(server, "key:alice") == [])

    asyncio.run(scenario())


def test_whoever_leaves_while_asking_takes_no_place(server: RedisServer) -> None:
    async def scenario() -> None:
        async with sharing(server) as (state,):
            for turns in range(12):  # before it was sent, while it was on its way, and with the answer there
                asking = asyncio.create_task(state.lease(GATEWAY))
                for _ in range(turns):
                    await asyncio.sleep(0 if turns < 8 else 0.001)
                if not asking.cancel():
                    state.release(GATEWAY)
            await until(lambda: held(server) == [])
            assert await leased(state, GATEWAY, 4) == [None] * 3 + ["gateway"]

    asyncio.run(scenario())


def test_what_is_lost_on_the_way_mends_itself(server: RedisServer) -> None:
    async def scenario() -> None:
        async with sharing(server, lease_s=1.0) as (state,):
            await state.lease(GATEWAY)
            server.command("DEL", "{sluiceway}:in-flight:gateway")
            await until(lambda: held(server) == [1])

    asyncio.run(scenario())


def test_a_process_that_closes_gives_back_its_places_and_writes_what_is_left_to_write(
    server: RedisServer,
) -> None:
    async def scenario() -> None:
        async with sharing(server) as (state,):
            await leased(state, GATEWAY, 2)
            state.charge(key(tokens_per_day=9), 5, 0.0, 0.0)
        assert held(server) == []
        assert used(server, "day_tokens") == 5

    asyncio.run(scenario())


HOLDER = """
import asyncio, sys
from sluiceway.config.kinds import Secret
from sluiceway.config.server_settings import StateSettings
from sluiceway.state.shared import SharedState

async def main():
    state = SharedState(StateSettings(redis=Secret(sys.argv[1]), lease_s=3.0, timeout_s=5.0))
    await state.start()
    print(await state.lease([("gateway", 3)]), await state.lease([("gateway", 3)]), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_the_places_of_a_killed_process_come_back_and_those_of_a_living_one_do_not(
    server: RedisServer,
) -> None:
    async def scenario(process: subprocess.Popen[str]) -> None:
        async with sharing(server, lease_s=3.0) as (state,):
            assert await leased(state, GATEWAY, 2) == [None, "gateway"]
            await asyncio.sleep(3.5)  # longer than a lease: both have renewed theirs
            assert held(server) == [1, 2]
            assert await leased(state, GATEWAY, 1) == ["gateway"]
            process.kill()
            deadline = time.monotonic() + WITHIN_S
            while await state.lease(GATEWAY) is not None:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            assert await leased(state, GATEWAY, 2) == [None, "gateway"]
            assert held(server) == [3]

    process = subprocess.Popen([sys.executable, "-c", HOLDER, server.url], stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "None None\n"
            asyncio.run(scenario(process))
        finally:
            process.kill()


# ── Redis away ──────────────────────────────────────────────────────────────────────────────────────


def test_open_each_process_counts_for_itself_while_redis_is_away(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with sharing(server, 2) as (one, two):
            alice = key(requests_per_minute=2)
            await leased(one, GATEWAY, 2)
            assert [await taken(one, alice), await taken(two, alice), await taken(two, alice)] == [
                True,
                True,
                False,
            ]
            server.kill()
            for state in (one, two):
                assert [await taken(state, alice) for _ in range(3)] == [True, True, False]
                assert await leased(state, GATEWAY, 3) == [None] * 3
            one.release(GATEWAY)
            assert logged(caplog) == [AWAY_OPEN] * 2
            server.start()
            await until(lambda: logged(caplog) == [AWAY_OPEN] * 2 + [BACK] * 2)
            assert held(server) == [3, 4]
            for _ in range(4):
                one.release(GATEWAY)
            await until(lambda: held(server) == [3])
            assert await leased(two, GATEWAY, 1) == ["gateway"]

    asyncio.run(scenario())


def test_closed_what_has_limits_is_refused_while_redis_is_away(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with sharing(server, on_unreachable="closed") as (state,):
            alice = key(requests_per_minute=100)
            await leased(state, GATEWAY, 2)
            server.kill()
            for _ in range(3):
                with pytest.raises(StateUnavailable) as caught:
                    await state.take(alice, 0.0)
                assert caught.value.status == 503
                assert (b"retry-after", b"1") in caught.value.headers
                with pytest.raises(StateUnavailable):
                    await state.lease(GATEWAY)
            assert await state.take(key("free"), 0.0) == []
            assert logged(caplog) == [AWAY_CLOSED]
            server.start()
            await until(lambda: logged(caplog) == [AWAY_CLOSED, BACK])
            assert held(server) == [2]
            assert await taken(state, alice)

    asyncio.run(scenario())


@pytest.mark.parametrize("mode", ["open", "closed"])
def test_redis_killed_and_started_under_use_leaves_nothing_behind(
    server: RedisServer, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        stop = False
        refused = served = 0

        async def client(state: SharedState) -> None:
            nonlocal refused, served
            while not stop:
                try:
                    await state.take(key(requests_per_minute=10**6), time.time())
                    full = await state.lease([("gateway", 1000)])
                except StateUnavailable:
                    refused += 1
                    await asyncio.sleep(0.005)
                    continue
                assert full is None
                await asyncio.sleep(0.001)
                state.release([("gateway", 1000)])
                served += 1

        async with sharing(server, 2, on_unreachable=mode) as states:
            clients = [asyncio.create_task(client(state)) for state in states for _ in range(10)]
            for _ in range(3):
                before = len(caplog.records)
                await asyncio.sleep(0.05)
                server.kill()
                await until(lambda before=before: len(caplog.records) == before + 2)  # type: ignore[misc]
                seen = served, refused
                await until(lambda seen=seen: (served, refused) > seen)  # type: ignore[misc]
                server.start()
                await until(lambda before=before: len(caplog.records) == before + 4)  # type: ignore[misc]
            stop = True
            await asyncio.gather(*clients)
            assert served > 0
            assert (refused > 0) == (mode == "closed")
            await until(lambda: held(server) == [])
        assert logged(caplog).count(BACK) == 6

    asyncio.run(scenario())


def test_what_was_spent_while_redis_was_away_is_written_when_it_is_back(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with sharing(server) as (state,):
            alice = key(tokens_per_day=100)
            server.kill()
            assert await taken(state, alice)
            for _ in range(5):
                state.charge(alice, 20, 0.0, time.time())
            assert not await taken(state, alice)  # it knows what it has spent itself
            server.start()
            await until(lambda: used(server, "day_tokens") == 100)
            with pytest.raises(BudgetExceeded):
                await state.take(alice, 0.0)

    asyncio.run(scenario())


def test_a_server_that_hangs_is_away_and_runs_nothing_many_times_when_it_goes_on(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with sharing(server, timeout_s=0.5) as (state,):
            alice = key(tokens_per_day=1000)
            server.freeze()
            state.charge(alice, 10, 0.0, time.time())
            assert await taken(state, alice)
            assert await state.lease(GATEWAY) is None
            assert logged(caplog) == [AWAY_OPEN]
            await asyncio.sleep(1.5)  # several tries
            assert logged(caplog) == [AWAY_OPEN]
            server.thaw()
            await until(lambda: logged(caplog) == [AWAY_OPEN, BACK])
            await until(lambda: used(server, "day_tokens") > 0)
            await asyncio.sleep(0.1)
            assert used(server, "day_tokens") in (10, 20)
            await until(lambda: held(server) == [1])

    try:
        asyncio.run(scenario())
    finally:
        server.thaw()


def test_redis_may_be_away_when_the_process_starts_and_when_it_ends(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        server.kill()
        async with sharing(server) as (state,):
            assert logged(caplog) == [AWAY_OPEN]
            assert caplog.records[0].__dict__["reason"]
            assert await taken(state, key(requests_per_minute=1))
            server.start()
            await until(lambda: logged(caplog) == [AWAY_OPEN, BACK])
            assert await state.lease(GATEWAY) is None
            server.kill()
            assert await state.lease(GATEWAY) is None

    asyncio.run(scenario())


def test_a_connection_that_was_cut_while_idle_is_made_anew_and_nobody_notices(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with sharing(server, on_unreachable="closed") as (state,):
            alice = key(requests_per_minute=2)
            for expected in (True, True, False):
                server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                assert await taken(state, alice) == expected
                assert await state.lease(GATEWAY) is None
            server.command("SCRIPT", "FLUSH")
            assert await state.lease(GATEWAY) == "gateway"

    asyncio.run(scenario())
    assert logged(caplog) == []


def test_a_server_that_refuses_to_write_is_away(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with sharing(server) as (state,):
            server.command("CONFIG", "SET", "maxmemory", "1")
            try:
                assert await state.lease(GATEWAY) is None
                await asyncio.sleep(0.2)
                assert logged(caplog) == [AWAY_OPEN]
                assert "maxmemory" in caplog.records[0].__dict__["reason"]
            finally:
                server.command("CONFIG", "SET", "maxmemory", "0")
            await until(lambda: logged(caplog) == [AWAY_OPEN, BACK])
            assert held(server) == [1]

    asyncio.run(scenario())


def test_everything_that_waits_when_redis_goes_is_answered(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with sharing(server, timeout_s=1.0) as (state,):
            server.freeze()
            asking = [asyncio.create_task(state.lease([("gateway", 10**6)])) for _ in range(1000)]
            assert await asyncio.gather(*asking) == [None] * 1000
            server.thaw()
            await until(lambda: logged(caplog) == [AWAY_OPEN, BACK])
            await until(lambda: held(server) == [1000])

    try:
        asyncio.run(scenario())
    finally:
        server.thaw()


def test_gateways_with_another_prefix_share_nothing(server: RedisServer) -> None:
    async def scenario() -> None:
        async with sharing(server) as (one,), sharing(server, prefix="other") as (two,):
            for state in (one, two):
                assert await leased(state, GATEWAY, 4) == [None] * 3 + ["gateway"]
                assert await taken(state, key(requests_per_minute=1))
                assert not await taken(state, key(requests_per_minute=1))

    asyncio.run(scenario())


def test_all_keys_share_a_hash_tag_and_expire(server: RedisServer) -> None:
    async def scenario() -> None:
        async with sharing(server) as (state,):
            await state.take(key(requests_per_minute=1), 0.0)
            await state.lease([*GATEWAY, ("key:alice", 2)])
            names = server.command("KEYS", "*").split(b"\r\n")[2::2]
            assert len(names) == 4
            for name in names:
                assert name.startswith(b"{sluiceway}:")
                assert int(server.command("TTL", name.decode())[1:]) > 0

    asyncio.run(scenario())


def test_what_keys_have_used_anywhere_can_be_looked_at(server: RedisServer) -> None:
    busy, idle = key("busy", requests_per_minute=5, tokens_per_day=100), key("idle", requests_per_minute=5)

    async def scenario() -> None:
        async with sharing(server, 2) as (one, other):
            await one.take(busy, time.time())
            used = await other.used([busy, idle])
            assert used.keys() == {"busy"}
            assert used["busy"].requests == 60_000
            server.kill()
            assert await other.used([busy]) == {}

    asyncio.run(scenario())
