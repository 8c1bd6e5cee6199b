"""Two gateways on one real Redis: what is limited is limited for both together, and Redis may come and go."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from harness import RawClient, RunningGateway, bearer, chat, key_table, running_gateway, wait_until
from processes import running, write_config
from redis_server import RedisServer, running_redis
from turnstile import crowd, running_turnstile

from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.state import shared

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"model": "mock-gpt", "messages": HELLO}),
    "responses": ("/v1/responses", {"model": "mock-gpt", "input": "hello"}),
    "messages": ("/v1/messages", {"model": "mock-gpt", "messages": HELLO, "max_tokens": 99}),
}
QUICK = {"commit_after_s": 0.05, "heartbeat_s": 0.05}
PLACES = 3

Pair = tuple[RunningGateway, RunningGateway]


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.fixture(scope="module")
def module_redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def redis(module_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    """Empty, and soon noticed when it is back."""
    monkeypatch.setattr(shared, "RETRY_S", 0.05)
    if not module_redis.running:
        module_redis.start()
    module_redis.command("FLUSHALL")
    return module_redis


@contextlib.contextmanager
def sharing(redis: RedisServer, base_url: str, **config: Any) -> Iterator[Pair]:
    """Two gateways, each with a state of its own on that Redis, as two processes would have."""
    upstream = {
        "name": "up",
        "base_url": base_url,
        "api_keys": ["sk-up"],
        **config.pop("upstream", {}),
    }
    # A machine that is busy is not a Redis that is away.
    state = {"redis": redis.url, "timeout_s": 5.0, **config.pop("state", {})}
    tables = {"upstreams": [upstream], "state": state, "stream": QUICK, **config}
    with running_gateway(tables) as one, running_gateway(tables) as other:
        yield one, other


def ask(
    gateway: RunningGateway, dialect: str = "chat", *, key: str = "", stream: bool = False
) -> tuple[int, dict[str, str], bytes]:
    path, body = ASKED[dialect]
    headers = bearer(key) if key else {}
    if dialect == "messages":
        headers["anthropic-version"] = "2023-06-01"
    with RawClient(gateway.port) as client:
        client.post({**body, "stream": stream}, path=path, headers=headers)
        return client.response()


# ── requests in flight ──────────────────────────────────────────────────────────────────────────────

LIMITS: dict[str, dict[str, Any]] = {
    "gateway": {"server": {"max_in_flight": PLACES}},
    "key": {"keys": [key_table("shared", max_in_flight=PLACES)]},
    "upstream": {"upstream": {"max_in_flight": PLACES}},
}


@pytest.mark.parametrize("what", LIMITS)
def test_two_gateways_together_keep_to_one_limit(redis: RedisServer, what: str) -> None:
    with (
        crowd() as clients,
        running_turnstile() as turnstile,
        sharing(redis, turnstile.base_url, **LIMITS[what]) as pair,
    ):
        for number in range(6):
            for name, gateway in zip("ab", pair, strict=True):
                clients.ask(gateway.port, f"{name}-{number}", key="shared")
        wait_until(lambda: len(turnstile.held) == PLACES)
        wait_until(lambda: sum(gateway.waiting for gateway in pair) == 12 - PLACES)
        assert held_in(redis) == PLACES
        for _ in range(12):
            turnstile.let_next_go()  # one after another, so that whoever is let in too early is seen
        assert clients.statuses() == [200] * 12
        assert turnstile.most == PLACES
        wait_until(lambda: all(gateway.idle for gateway in pair))
        wait_until(lambda: held_in(redis) == 0)


def held_in(redis: RedisServer) -> int:
    """Places that Redis believes to be taken, by whomever: it has a field `COUNT:UNTIL` for each process."""
    names = re.findall(rb"\{sluiceway\}:in-flight:\S+", redis.command("KEYS", "*in-flight*"))
    fields = b"".join(redis.command("HVALS", name.decode()) for name in names)
    return sum(int(count) for count in re.findall(rb"(\d+):\d+", fields))


def test_whoever_waits_gets_in_soon_after_another_process_gave_a_place_back(
    redis: RedisServer, mock: RunningMock
) -> None:
    with sharing(redis, mock.base_url, server={"max_in_flight": 1}) as (one, other):
        with RawClient(other.port) as stream, RawClient(other.port) as json:
            with RawClient(one.port) as occupant:
                occupant.post(chat("fault-stall-between"))
                occupant.read_until(b"\n\n")
                stream.post(chat())
                stream.read_until(b": queued, position 1")
                json.post(chat(stream=False))
                wait_until(lambda: other.waiting == 2)
            assert b"[DONE]" in stream.read_until(b"0\r\n\r\n")
            assert json.response()[0] == 200
        wait_until(lambda: one.idle and other.idle)
        assert other.records[0].queued_ms > 0


def test_who_leaves_while_it_waits_for_another_process_takes_no_place_with_it(
    redis: RedisServer, mock: RunningMock
) -> None:
    with sharing(redis, mock.base_url, server={"max_in_flight": 1}) as (one, other):
        with RawClient(one.port) as occupant:
            occupant.post(chat("fault-stall-between"))
            occupant.read_until(b"\n\n")
            for _ in range(5):
                with RawClient(other.port) as leaving:
                    leaving.post(chat())
                    leaving.read_until(b"queued")
            wait_until(lambda: other.waiting == 0 and not other.server.gateway.active)
        assert ask(other)[0] == 200
        assert ask(one)[0] == 200


@pytest.mark.parametrize(
    ("queue", "code"),
    [({"max_waiting": 0}, "gateway_overloaded"), ({"max_wait_s": 0.3}, "queue_timeout")],
    ids=["none", "short"],
)
def test_a_queue_that_is_full_or_too_slow_is_so_for_the_places_of_others_too(
    redis: RedisServer, mock: RunningMock, queue: dict[str, float], code: str
) -> None:
    tables = {"server": {"max_in_flight": 1}, "queue": queue, "stream": {}}
    with sharing(redis, mock.base_url, **tables) as (one, other):
        with RawClient(one.port) as occupant:
            occupant.post(chat("fault-stall-between"))
            occupant.read_until(b"\n\n")
            for stream in (False, True):
                status, headers, body = ask(other, stream=stream)
                assert status == 503
                assert int(headers["retry-after"]) >= 1
                assert msgspec.json.decode(body)["error"]["code"] == code
        wait_until(lambda: held_in(redis) == 0)
        assert ask(other)[0] == 200


# ── rates and budgets ───────────────────────────────────────────────────────────────────────────────


def test_a_rate_is_shared_exactly(redis: RedisServer, mock: RunningMock) -> None:
    keys = [key_table("shared", requests_per_minute=4)]  # one more grows back in 15 s
    with crowd() as clients, sharing(redis, mock.base_url, keys=keys) as pair:
        for number in range(16):
            clients.ask(pair[number % 2].port, str(number), key="shared")
        assert sorted(clients.statuses()) == [200] * 4 + [429] * 12
        status, headers, body = ask(pair[0], key="shared", stream=True)
        assert (status, b'"rate_limited"' in body) == (429, True)
        assert headers["x-ratelimit-remaining-requests"] == "0"
        assert 1 <= int(headers["retry-after"]) <= 15


@pytest.mark.parametrize(
    "budget", [{"tokens_per_minute": 10}, {"tokens_per_day": 10}, {"cost_per_month": 0.0001}]
)
def test_what_one_gateway_spent_the_other_does_not_spend_again(
    redis: RedisServer, mock: RunningMock, budget: dict[str, Any]
) -> None:
    keys = [key_table("shared", **budget)]
    prices = [{"model": "*", "request": 0.001}]
    with sharing(redis, mock.base_url, keys=keys, prices=prices) as (one, other):
        assert ask(one, key="shared", stream=True)[0] == 200
        # It is written a moment after the answer; until then the other one has no way to know.
        wait_until(lambda: ask(other, key="shared")[0] == 429)
        assert ask(one, key="shared")[0] == 429


# ── without Redis ───────────────────────────────────────────────────────────────────────────────────

BOUND = {"server": {"max_in_flight": 2}, "keys": [key_table("shared", requests_per_minute=500)]}


def test_open_goes_on_without_redis_and_shares_again_when_it_is_back(
    redis: RedisServer, mock: RunningMock
) -> None:
    with sharing(redis, mock.base_url, **BOUND) as pair:
        with RawClient(pair[0].port) as running_on:
            running_on.post(chat("mock-gpt?tokens=20&tps=20"), headers=bearer("shared"))
            running_on.read_until(b"\n\n")
            redis.kill()
            for gateway in pair:
                for _ in range(3):
                    assert ask(gateway, key="shared")[0] == 200
            assert b"[DONE]" in running_on.read_until(b"0\r\n\r\n")
        redis.start()
        for gateway in pair:
            wait_until(lambda gateway=gateway: counts_in(redis, gateway))  # type: ignore[misc]
        wait_until(lambda: all(gateway.idle for gateway in pair))


def counts_in(redis: RedisServer, gateway: RunningGateway) -> bool:
    """Whether that gateway counts the requests of the key there."""
    meter = "{sluiceway}:used:shared"
    redis.command("DEL", meter)
    assert ask(gateway, key="shared")[0] == 200
    return redis.command("HGET", meter, "requests") not in (b"$-1\r\n", b"$1\r\n0\r\n")


@pytest.mark.parametrize("dialect", ASKED)
def test_closed_refuses_what_has_limits_in_the_dialects_shape(
    redis: RedisServer, mock: RunningMock, dialect: str
) -> None:
    with sharing(redis, mock.base_url, **BOUND, state={"on_unreachable": "closed"}) as (one, other):
        assert ask(one, dialect, key="shared")[0] == 200
        redis.kill()
        for stream in (False, True):
            status, headers, body = ask(one, dialect, key="shared", stream=stream)
            assert status == 503
            assert int(headers["retry-after"]) >= 1
            document = msgspec.json.decode(body)
            assert document["error"]["code"] == "state_unavailable"
            assert document.get("type") == ("error" if dialect == "messages" else None)
        wait_until(lambda: one.idle)
        redis.start()
        wait_until(lambda: ask(one, dialect, key="shared")[0] == 200)
        wait_until(lambda: ask(other, dialect, key="shared")[0] == 200)


@pytest.mark.parametrize("what", LIMITS)
def test_closed_refuses_what_has_places_only_too(redis: RedisServer, mock: RunningMock, what: str) -> None:
    closed = {"on_unreachable": "closed"}
    with sharing(redis, mock.base_url, **LIMITS[what], state=closed) as (one, _):
        redis.kill()
        status, _, body = ask(one, key="shared")
        assert (status, b'"state_unavailable"' in body) == (503, True)
        wait_until(lambda: one.idle)
        redis.start()
        wait_until(lambda: ask(one, key="shared")[0] == 200)


def test_closed_serves_what_no_limit_applies_to(redis: RedisServer, mock: RunningMock) -> None:
    keys = [key_table("shared", requests_per_minute=5), key_table("free")]
    with sharing(redis, mock.base_url, keys=keys, state={"on_unreachable": "closed"}) as (one, _):
        redis.kill()
        assert ask(one, key="free")[0] == 200
        assert ask(one, key="shared")[0] == 503


@pytest.mark.parametrize(("mode", "expected"), [("open", b"[DONE]"), ("closed", b'"state_unavailable"')])
def test_who_waits_when_redis_goes_away_hears_of_it_at_once(
    redis: RedisServer, mock: RunningMock, mode: str, expected: bytes
) -> None:
    config = {"server": {"max_in_flight": 1}, "state": {"on_unreachable": mode}}
    with sharing(redis, mock.base_url, **config) as (one, other):
        with RawClient(one.port) as occupant, RawClient(other.port) as waits:
            occupant.post(chat("fault-stall-between"))
            occupant.read_until(b"\n\n")
            waits.post(chat())
            waits.read_until(b": queued, position 1")
            redis.kill()
            answer = waits.read_until(b"0\r\n\r\n")
            assert expected in answer
            assert (b"[DONE]" in answer) == (mode == "open")
        wait_until(lambda: one.idle and other.idle)


# ── processes that die ──────────────────────────────────────────────────────────────────────────────


def test_what_a_killed_process_held_comes_back(redis: RedisServer, mock: RunningMock, tmp_path: Path) -> None:
    state = f'[state]\nredis = "{redis.url}"\nlease_s = 3\ntimeout_s = 5\n'
    file = write_config(tmp_path, mock.base_url, "max_in_flight = 2", state)
    config = {"server": {"max_in_flight": 2}, "state": {"lease_s": 3}}
    with (
        running(tmp_path, "serve", "--config", str(file)) as process,
        sharing(redis, mock.base_url, **config) as (one, _),
        RawClient(process.port) as held,
        RawClient(process.port) as held_too,
        RawClient(one.port) as waits,
    ):
        for client in (held, held_too):
            client.post(chat("fault-stall-between"))
            client.read_until(b"\n\n")
        waits.post(chat())
        for _ in range(64):  # for longer than a lease lasts: whoever lives keeps its places
            waits.read_until(b": queued, position 1")
        os.kill(process.process.pid, signal.SIGKILL)
        process.process.wait(30)
        assert b"[DONE]" in waits.read_until(b"0\r\n\r\n")
        assert ask(one)[0] == 200
        wait_until(lambda: one.idle)


def test_workers_of_one_command_keep_to_one_limit_together(redis: RedisServer, tmp_path: Path) -> None:
    more = f'[state]\nredis = "{redis.url}"\n'
    with running_turnstile() as turnstile, crowd() as clients:
        file = write_config(tmp_path, turnstile.base_url, f"max_in_flight = {PLACES}", more)
        with running(tmp_path, "serve", "--config", str(file), "--workers", "3") as process:
            for number in range(12):
                clients.ask(process.port, f"client-{number}")
            wait_until(lambda: len(turnstile.held) == PLACES)
            for _ in range(12):
                turnstile.let_next_go()
            assert clients.statuses() == [200] * 12
            assert turnstile.most == PLACES
            assert process.stop()[0] == 0
