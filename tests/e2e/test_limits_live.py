"""Rates, budgets and parallel requests of keys, for real: what is counted, and what the client is told."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from harness import RawClient, RunningGateway, bearer, chat, key_table, running_gateway, wait_until
from turnstile import crowd, running_turnstile
from upstreams import Asked, scripted_upstream

from sluiceway.mock.testing import RunningMock, running_mock

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"model": "mock-gpt", "messages": HELLO}),
    "responses": ("/v1/responses", {"model": "mock-gpt", "input": "hello"}),
    "messages": ("/v1/messages", {"model": "mock-gpt", "messages": HELLO, "max_tokens": 99}),
}
FORMS = [(dialect, stream) for dialect in ASKED for stream in (False, True)]
PRICES = [
    {"model": "mock-gpt*", "input": 2.0, "output": 8.0, "request": 0.001},
    {"model": "mock-*", "request": 0.5},
]

# As OpenAI writes them: "1s", "120ms", "6m0s", "19.98s".
DURATION = re.compile(r"(\d+h)?(\d+m)?(\d+(\.\d+)?s)?|\d+ms")


def form(prefix: str, dialect: str, stream: bool) -> str:
    return f"{prefix}-{dialect}-{'stream' if stream else 'json'}"


KEYS = [
    key_table("free"),
    key_table("three", requests_per_minute=3),
    key_table("sdk", requests_per_minute=1, tokens_per_minute=1000),
    *(key_table(form("minute", *each), tokens_per_minute=10) for each in FORMS),
    *(key_table(form("day", *each), tokens_per_day=10) for each in FORMS),
    *(key_table(form("money", *each), cost_per_day=0.0001) for each in FORMS),
    key_table("month", tokens_per_month=10),
    key_table("rich", cost_per_month=0.75),
    key_table("passing-on", tokens_per_day=1_000_000),
    key_table("kept", requests_per_minute=2, tokens_per_day=10),
]


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


def config(mock: RunningMock, keys: list[dict[str, Any]]) -> dict[str, Any]:
    upstream = {"name": "mock", "base_url": mock.base_url, "api_keys": ["sk-upstream"]}
    return {"upstreams": [upstream], "keys": keys, "prices": PRICES}


@pytest.fixture(scope="module")
def gateway(mock: RunningMock) -> Iterator[RunningGateway]:
    with running_gateway(config(mock, KEYS)) as running:
        yield running


def ask(
    gateway: RunningGateway, key: str, dialect: str = "chat", *, stream: bool = False, model: str = "mock-gpt"
) -> tuple[int, dict[str, str], bytes]:
    """One whole request; also waits until it is accounted for, which is after its client has the answer."""
    path, body = ASKED[dialect]
    before = len(gateway.records)
    with RawClient(gateway.port) as client:
        headers = {"anthropic-version": "2023-06-01"} if dialect == "messages" else {}
        client.post({**body, "model": model, "stream": stream}, path=path, headers=bearer(key, **headers))
        answer = client.response()
    wait_until(lambda: len(gateway.records) > before)
    return answer


def rates(headers: dict[str, str]) -> dict[str, str]:
    prefix = "x-ratelimit-"
    return {name.removeprefix(prefix): headers[name] for name in headers if name.startswith(prefix)}


def to_midnight_s() -> float:
    now = datetime.datetime.now(datetime.UTC)
    midnight = (now + datetime.timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - now).total_seconds()


# ── rates ───────────────────────────────────────────────────────────────────────────────────────────


def test_requests_of_a_minute_are_counted_down_and_then_refused(gateway: RunningGateway) -> None:
    for left in ("2", "1", "0"):
        status, headers, _ = ask(gateway, "three")
        assert status == 200
        told = rates(headers)
        assert (told["limit-requests"], told["remaining-requests"]) == ("3", left)
        assert DURATION.fullmatch(told["reset-requests"])
        assert set(told) == {"limit-requests", "remaining-requests", "reset-requests"}
    status, headers, body = ask(gateway, "three", stream=True)
    assert status == 429
    assert b'"rate_limited"' in body
    assert 1 <= int(headers["retry-after"]) <= 20  # one of three grows back in 20 s
    assert rates(headers)["remaining-requests"] == "0"
    assert gateway.records[-1].error_code == "rate_limited"
    assert gateway.records[-1].upstream is None


@pytest.mark.parametrize(("dialect", "stream"), FORMS)
def test_tokens_of_a_minute_are_paid_afterwards(gateway: RunningGateway, dialect: str, stream: bool) -> None:
    key = form("minute", dialect, stream)
    status, headers, body = ask(gateway, key, dialect, stream=stream)
    assert status == 200
    assert rates(headers)["remaining-tokens"] == "10"
    if dialect == "chat" and stream:
        assert b'"total_tokens"' not in body  # the client did not ask for it; the gateway did
    usage = gateway.records[-1].usage
    assert usage is not None
    used = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    assert used > 10
    status, headers, body = ask(gateway, key, dialect, stream=stream)
    assert status == 429
    assert b"tokens_per_minute" in body
    assert rates(headers)["remaining-tokens"] == "0"
    assert abs(int(headers["retry-after"]) - (used - 10) * 6) <= 6  # 10 grow back in a minute


def test_openais_client_reads_what_is_left(gateway: RunningGateway) -> None:
    with openai.OpenAI(base_url=gateway.base_url, api_key="sk-sdk", max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(model="mock-gpt", messages=HELLO)
        assert raw.headers["x-ratelimit-limit-requests"] == "1"
        assert raw.headers["x-ratelimit-remaining-tokens"] == "1000"
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model="mock-gpt", messages=HELLO, stream=True)
    told = caught.value.response.headers
    assert told["x-ratelimit-remaining-requests"] == "0"
    assert DURATION.fullmatch(told["x-ratelimit-reset-requests"])
    assert 1 <= int(told["retry-after"]) <= 60


# ── budgets ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("dialect", "stream"), FORMS)
def test_a_budget_of_tokens_lasts_till_midnight(gateway: RunningGateway, dialect: str, stream: bool) -> None:
    key = form("day", dialect, stream)
    status, headers, _ = ask(gateway, key, dialect, stream=stream)
    assert status == 200
    assert rates(headers) == {}  # a budget is no rate
    status, headers, body = ask(gateway, key, dialect, stream=stream)
    assert status == 429
    assert b'"budget_exceeded"' in body
    assert abs(int(headers["retry-after"]) - to_midnight_s()) < 60


@pytest.mark.parametrize(("dialect", "stream"), FORMS)
def test_a_budget_of_money_goes_by_the_price_table(
    gateway: RunningGateway, dialect: str, stream: bool
) -> None:
    key = form("money", dialect, stream)
    assert ask(gateway, key, dialect, stream=stream)[0] == 200
    record = gateway.records[-1]
    assert record.usage is not None
    tokens = (record.usage.input_tokens or 0) * 2 + (record.usage.output_tokens or 0) * 8
    assert record.cost == pytest.approx(0.001 + tokens / 1e6)
    status, _, body = ask(gateway, key, dialect, stream=stream)
    assert status == 429
    assert b"cost_per_day" in body
    assert gateway.records[-1].cost is None


def test_budgets_of_a_month_are_kept_too(gateway: RunningGateway) -> None:
    assert ask(gateway, "month")[0] == 200
    status, headers, body = ask(gateway, "month")
    assert (status, b"tokens_per_month" in body) == (429, True)
    assert int(headers["retry-after"]) > 0
    assert [ask(gateway, "rich", model="mock-other")[0] for _ in range(3)] == [200, 200, 429]


def test_a_stream_whose_client_left_counts_as_far_as_it_is_known(mock: RunningMock) -> None:
    keys = [key_table("leaver", tokens_per_day=10)]
    stream = {"on_disconnect": "drain"}
    with running_gateway({**config(mock, keys), "stream": stream}) as gateway:
        with RawClient(gateway.port) as client:
            client.post(chat("mock-gpt?tokens=20&tps=20"), headers=bearer("leaver"))
            client.read_until(b"\n\n")
        wait_until(lambda: bool(gateway.records))
        assert gateway.record().client_left
        assert ask(gateway, "leaver")[0] == 429


def test_what_fails_costs_a_request_and_no_tokens(mock: RunningMock) -> None:
    keys = [key_table("unlucky", requests_per_minute=2, tokens_per_day=1)]
    with running_gateway({**config(mock, keys), "prices": [], "failover": {"max_attempts": 1}}) as gateway:
        assert ask(gateway, "unlucky", model="fault-http-500")[0] == 500
        status, headers, _ = ask(gateway, "unlucky", model="fault-http-500")
        assert (status, rates(headers)["remaining-requests"]) == (500, "0")


# ── reloads ─────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_used_up_stays_so_after_a_reload(gateway: RunningGateway, mock: RunningMock) -> None:
    assert ask(gateway, "kept")[0] == 200
    assert ask(gateway, "kept")[0] == 429
    gateway.apply(config(mock, [dict(table) for table in KEYS]))
    assert ask(gateway, "kept")[0] == 429
    higher = {**KEYS[-1], "tokens_per_day": 100_000}
    gateway.apply(config(mock, [*KEYS[:-1], higher]))
    status, headers, _ = ask(gateway, "kept")
    assert status == 200
    assert rates(headers)["remaining-requests"] == "0"  # refused requests are not counted
    assert b"requests_per_minute" in ask(gateway, "kept")[2]


# ── the upstream's own limits ───────────────────────────────────────────────────────────────────────


def limited_upstream(asked: Asked) -> None:
    """Tells of limits of its own, on JSON and on streams."""
    asked.body_bytes()
    told = ["x-ratelimit-limit-requests: 999", "x-ratelimit-remaining-tokens: 888"]
    if asked.header("x-stream"):
        lines = ["HTTP/1.1 200 OK", "content-type: text/event-stream", "connection: close", *told, "", ""]
        asked.answer("\r\n".join(lines).encode() + b"data: [DONE]\n\n")
        asked.connection.close()
    else:
        asked.respond({"id": "x", "object": "chat.completion", "choices": []}, 200, *told)


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_of_two_sets_of_limits_the_client_is_told_its_own(stream: bool) -> None:
    with scripted_upstream(limited_upstream) as upstream:
        table = {"name": "limited", "base_url": upstream.base_url, "api_keys": ["sk-up"]}
        keys = [key_table("free"), key_table("bound", requests_per_minute=5)]
        with running_gateway({"upstreams": [table], "keys": keys}) as gateway:

            def head(key: str) -> bytes:
                with RawClient(gateway.port) as client:
                    more = {"x-stream": "yes"} if stream else {}
                    client.post(chat(stream=stream), headers=bearer(key, **more))
                    return client.read_until(b"\r\n\r\n").lower()

            own, passed = head("bound"), head("free")
            assert own.count(b"x-ratelimit-limit-requests") == 1
            assert b"x-ratelimit-limit-requests: 5" in own
            assert b"x-ratelimit-remaining-tokens" not in own
            assert b"x-ratelimit-limit-requests: 999" in passed
            assert b"x-ratelimit-remaining-tokens: 888" in passed


# ── parallel requests ───────────────────────────────────────────────────────────────────────────────


def test_a_key_has_so_many_requests_at_once_and_others_are_not_held_up() -> None:
    with running_turnstile() as turnstile, crowd() as clients:
        table = {"name": "turnstile", "base_url": turnstile.base_url, "api_keys": ["sk-up"]}
        keys = [key_table("two", max_in_flight=2), key_table("free")]
        with running_gateway({"upstreams": [table], "keys": keys}) as gateway:
            for number in range(8):
                clients.ask(gateway.port, f"two-{number}", key="two")
            wait_until(lambda: gateway.waiting == 6)
            clients.ask(gateway.port, "free", key="free")
            wait_until(lambda: len(turnstile.held) == 3)
            turnstile.let_go("free")
            for _ in range(8):
                turnstile.let_next_go()
            assert clients.statuses() == [200] * 9
            assert turnstile.most == 3
            wait_until(lambda: gateway.idle)
            waited = [record.key for record in gateway.records if record.queued_ms > 0]
            assert waited == ["two"] * 6
