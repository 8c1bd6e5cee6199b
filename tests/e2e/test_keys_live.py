"""Keys of the gateway's own, for real: who is refused, how it is said, and that running answers never notice."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import msgspec
import openai
import pytest
from flood import Ends, one
from harness import RawClient, RunningGateway, bearer, chat, key_table, running_gateway, wait_until
from upstreams import Asked, ScriptedUpstream, scripted_upstream

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.stored_keys import Previous, StoredKey, StoredKeys, add, revoke, rotate
from sluiceway.mock.testing import RunningMock, running_mock

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"model": "mock-gpt", "messages": HELLO}),
    "responses": ("/v1/responses", {"model": "mock-gpt", "input": "hello"}),
    "messages": ("/v1/messages", {"model": "mock-gpt", "messages": HELLO, "max_tokens": 99}),
    "images": ("/v1/images/generations", {"model": "mock-gpt", "prompt": "a hill", "size": "1024x1024"}),
}
LONG_AGO = 1_000_000_000.0
FAR_OFF = 4_000_000_000.0
GUESSES = 3

KEYS = [
    key_table("good"),
    key_table("other"),
    key_table("stale", expires="2020-01-01"),
    key_table("speaks-only-images", dialects=["images"]),
    key_table("writes-only-chat", dialects=["chat"]),
    key_table("mini", models=["mini-*"]),
    key_table("office", allowed_ips=["10.1.0.0/16", "2001:db8::/32"]),
    *(key_table(f"rare-{dialect}", requests_per_minute=1) for dialect in ASKED),
    *(key_table(f"poor-{dialect}", tokens_per_day=1) for dialect in ASKED),
]


def stored_key(name: str, plain: str = "", **marks: Any) -> StoredKey:
    return StoredKey(KeySettings(name=name, sha256=digest(plain or f"sk-{name}")), created=1.0, **marks)


def digest(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()


STORED: StoredKeys = (
    stored_key("revoked", revoked=2.0),
    stored_key("rotated", previous=Previous(digest("sk-replaced"), LONG_AGO)),
    stored_key("rotating", previous=Previous(digest("sk-in-grace"), FAR_OFF)),
)


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


def config(mock: RunningMock, **server: Any) -> dict[str, Any]:
    """Tests share the gateway, and each may come from an address of its own."""
    return {
        "server": {"trusted_proxies": ["127.0.0.1"], "auth_failures_per_minute": GUESSES, **server},
        "upstreams": [{"name": "mock", "base_url": mock.base_url, "api_keys": ["sk-upstream"]}],
        "keys": KEYS,
    }


@pytest.fixture(scope="module")
def gateway(mock: RunningMock) -> Iterator[RunningGateway]:
    with running_gateway(config(mock), STORED) as running:
        yield running


def ask(
    gateway: RunningGateway,
    dialect: str = "chat",
    *,
    stream: bool = False,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    path, body = ASKED[dialect]
    named = {"anthropic-version": "2023-06-01"} if dialect == "messages" else {}
    with RawClient(gateway.port) as client:
        client.post({**body, "stream": stream}, path=path, headers={**named, **(headers or {})})
        return client.response()


def status(gateway: RunningGateway, plain: str, address: str = "192.0.2.1") -> int:
    return ask(gateway, headers={"authorization": f"Bearer {plain}", "x-forwarded-for": address})[0]


# ── refusals ────────────────────────────────────────────────────────────────────────────────────────

REFUSALS: dict[str, tuple[str, int, str, str, str]] = {
    # what: name of the key, status, code, type as OpenAI's APIs have it, and as Anthropic's
    "unknown": ("nobody", 401, "invalid_api_key", "authentication_error", "unknown API key"),
    "expired": ("stale", 401, "invalid_api_key", "authentication_error", "has expired"),
    "revoked": ("revoked", 401, "invalid_api_key", "authentication_error", "was revoked"),
    "replaced": ("replaced", 401, "invalid_api_key", "authentication_error", "was replaced"),
    "model": ("mini", 403, "forbidden", "permission_error", "mock-gpt"),
    "address": ("office", 403, "forbidden", "permission_error", "198.51.100."),
    "rate": ("rare", 429, "rate_limited", "rate_limit_error", "requests_per_minute"),
    "budget": ("poor", 429, "budget_exceeded", "rate_limit_error", "tokens_per_day"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("dialect", ASKED)
@pytest.mark.parametrize("why", REFUSALS)
def test_a_refusal_has_the_shape_of_the_clients_own_api(
    gateway: RunningGateway, mock: RunningMock, why: str, dialect: str, stream: bool
) -> None:
    name, expected, code, kind, words = REFUSALS[why]
    address = f"198.51.100.{list(ASKED).index(dialect) + 10 * stream}"  # one's wrong keys are not another's
    if why in ("rate", "budget"):
        name = f"{name}-{dialect}"
        before = len(gateway.records)
        ask(gateway, dialect, headers={**bearer(name), "x-forwarded-for": address})
        wait_until(lambda: len(gateway.records) > before)
    asked = len(mock.requests)
    got, headers, body = ask(
        gateway, dialect, stream=stream, headers={**bearer(name), "x-forwarded-for": address}
    )
    assert got == expected
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"].startswith("req_")
    document = msgspec.json.decode(body)
    error = document["error"]
    assert (error["code"], error["type"]) == (code, kind)
    assert words in error["message"]
    if dialect == "messages":
        assert document["type"] == "error"
        assert document["request_id"] == headers["x-request-id"]
    else:
        assert set(error) == {"message", "type", "param", "code"}
        assert error["param"] == ("model" if why == "model" else None)
    assert ("retry-after" in headers) == (expected == 429)
    assert (headers.get("www-authenticate") == "Bearer") == (expected == 401)
    assert ("x-ratelimit-limit-requests" in headers) == (why == "rate")
    assert len(mock.requests) == asked


def test_no_key_at_all_is_asked_for(gateway: RunningGateway) -> None:
    got, headers, body = ask(gateway, headers={"x-forwarded-for": "192.0.2.2"})
    assert (got, headers["www-authenticate"]) == (401, "Bearer")
    assert b"Authorization: Bearer KEY" in body


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
def test_an_api_that_the_key_may_not_use_is_forbidden_in_its_own_shape(
    gateway: RunningGateway, dialect: str
) -> None:
    got, _, body = ask(gateway, dialect, headers=bearer("speaks-only-images"))
    assert got == 403
    assert f"the {dialect} API" in msgspec.json.decode(body)["error"]["message"]
    assert (b'"type":"error"' in body) == (dialect == "messages")


def test_paths_of_no_api_are_forbidden_to_keys_that_are_limited_to_some(gateway: RunningGateway) -> None:
    with RawClient(gateway.port) as client:
        client.send(
            b"GET /v1/models HTTP/1.1\r\nhost: g\r\nauthorization: Bearer sk-writes-only-chat\r\n\r\n"
        )
        assert client.response()[0] == 403
        client.send(b"GET /v1/models HTTP/1.1\r\nhost: g\r\nauthorization: Bearer sk-good\r\n\r\n")
        assert client.response()[0] == 200


def test_a_key_may_come_in_either_header_on_every_path(gateway: RunningGateway) -> None:
    for dialect in ("chat", "messages"):
        assert ask(gateway, dialect, headers={"x-api-key": "sk-good"})[0] == 200
        assert ask(gateway, dialect, headers={"authorization": "bearer sk-good"})[0] == 200
        assert (
            ask(gateway, dialect, headers={"authorization": "Bearer sk-good", "x-api-key": "sk-nobody"})[0]
            == 200
        )


def test_a_replaced_key_works_as_long_as_it_was_promised(gateway: RunningGateway) -> None:
    assert status(gateway, "sk-rotating") == 200
    assert status(gateway, "sk-in-grace") == 200
    assert gateway.record_of("mock-gpt").key == "rotating"
    assert status(gateway, "sk-rotated") == 200


# ── the SDKs ────────────────────────────────────────────────────────────────────────────────────────

SDK_ERRORS = [
    ("nobody", 401, "invalid_api_key"),
    ("mini", 403, "forbidden"),
    ("rare-chat", 429, "rate_limited"),
    ("poor-chat", 429, "budget_exceeded"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(("name", "status", "code"), SDK_ERRORS)
def test_openais_client_raises_the_right_error(
    gateway: RunningGateway, name: str, status: int, code: str, stream: bool
) -> None:
    kinds = {401: openai.AuthenticationError, 403: openai.PermissionDeniedError, 429: openai.RateLimitError}
    with openai.OpenAI(
        base_url=gateway.base_url,
        api_key=f"sk-{name}",
        max_retries=0,
        default_headers={"x-forwarded-for": "203.0.113.1"},
    ) as client:
        used_up(gateway, name)
        with pytest.raises(kinds[status]) as caught:
            client.chat.completions.create(model="mock-gpt", messages=HELLO, stream=stream)
    assert caught.value.code == code
    assert caught.value.request_id == caught.value.response.headers["x-request-id"]
    retry_after = caught.value.response.headers.get("retry-after")
    assert (retry_after is not None and int(retry_after) >= 1) == (status == 429)


@pytest.mark.parametrize(("name", "status", "code"), SDK_ERRORS)
def test_anthropics_client_raises_the_right_error(
    gateway: RunningGateway, name: str, status: int, code: str
) -> None:
    kinds = {
        401: (anthropic.AuthenticationError, "authentication_error"),
        403: (anthropic.PermissionDeniedError, "permission_error"),
        429: (anthropic.RateLimitError, "rate_limit_error"),
    }
    kind, type_name = kinds[status]
    with anthropic.Anthropic(
        base_url=gateway.url,
        api_key=f"sk-{name}",
        max_retries=0,
        default_headers={"x-forwarded-for": "203.0.113.2"},
    ) as client:
        used_up(gateway, name)
        with pytest.raises(kind) as caught:
            client.messages.create(model="mock-gpt", max_tokens=99, messages=HELLO)
    error: Any = caught.value.body
    assert (error["error"]["type"], error["error"]["code"]) == (type_name, code)
    assert error["request_id"] == caught.value.response.headers["x-request-id"]
    retry_after = caught.value.response.headers.get("retry-after")
    assert (retry_after is not None and int(retry_after) >= 1) == (status == 429)


def used_up(gateway: RunningGateway, name: str) -> None:
    """Whatever that key may use, it has."""
    if name.startswith(("rare", "poor")):
        before = len(gateway.records)
        ask(gateway, headers=bearer(name))
        wait_until(lambda: len(gateway.records) > before)


# ── addresses, and guessing ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("10.1.2.3", 200),
        ("10.2.2.3", 403),
        ("2001:db8::1", 200),
        ("2001:db9::1", 403),
        ("10.2.2.3, 10.1.2.3", 200),  # what the client itself claims comes first, and counts for nothing
        ("10.1.2.3, 10.2.2.3", 403),
        ("10.1.2.3, 127.0.0.1", 200),  # a proxy before the proxy
    ],
)
def test_the_address_that_a_trusted_proxy_names_is_the_clients(
    gateway: RunningGateway, forwarded: str, expected: int
) -> None:
    assert status(gateway, "sk-office", forwarded) == expected


def test_a_stranger_who_names_an_address_is_not_believed(mock: RunningMock) -> None:
    with running_gateway(config(mock, trusted_proxies=[])) as gateway:
        assert status(gateway, "sk-office", "10.1.2.3") == 403
        assert gateway.record().client == "127.0.0.1"
        local = [key_table("office", allowed_ips=["127.0.0.0/8"])]
        gateway.apply({**config(mock, trusted_proxies=[]), "keys": local})
        assert status(gateway, "sk-office", "10.1.2.3") == 200


def test_guessing_is_slowed_and_whoever_was_right_before_is_not_locked_out(gateway: RunningGateway) -> None:
    assert status(gateway, "sk-good", "192.0.2.50") == 200
    for guess in range(GUESSES):
        assert status(gateway, f"sk-guess-{guess}", "192.0.2.50") == 401
    got, headers, body = ask(
        gateway, headers={"authorization": "Bearer sk-guess-9", "x-forwarded-for": "192.0.2.50"}
    )
    assert got == 429
    assert 30 <= int(headers["retry-after"]) <= 60
    assert msgspec.json.decode(body)["error"]["code"] == "rate_limited"
    assert status(gateway, "sk-good", "192.0.2.50") == 200
    assert status(gateway, "sk-other", "192.0.2.50") == 429  # right, but never seen from there
    assert status(gateway, "sk-guess-9", "192.0.2.51") == 401  # somebody else is not slowed
    assert status(gateway, "sk-other", "192.0.2.51") == 200


def test_repeating_one_wrong_key_is_one_guess(gateway: RunningGateway) -> None:
    for _ in range(3 * GUESSES):
        assert status(gateway, "sk-left-over", "192.0.2.60") == 401


def test_a_reload_forgives_no_guesses(gateway: RunningGateway, mock: RunningMock) -> None:
    for guess in range(GUESSES):
        status(gateway, f"sk-guess-{guess}", "192.0.2.70")
    gateway.apply(config(mock), STORED)
    assert status(gateway, "sk-guess-9", "192.0.2.70") == 429


# ── under load ──────────────────────────────────────────────────────────────────────────────────────


HALF = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'


def held_config(mock: RunningMock, upstream: ScriptedUpstream) -> dict[str, Any]:
    """One model is that upstream's; all keys are in the keys file."""
    (usual,) = config(mock)["upstreams"]
    tables = [usual, {"name": "held", "base_url": upstream.base_url}]
    models = [{"name": "held", "upstreams": ["held"]}, {"name": "*", "upstreams": ["mock"]}]
    return {**config(mock), "keys": [], "upstreams": tables, "models": models}


def test_keys_are_rotated_and_revoked_under_load_and_no_stream_breaks(mock: RunningMock) -> None:
    keys = add(add((), stored_key("ann").settings, 1.0), stored_key("bob").settings, 1.0)
    grace_s = 3.0
    is_over = threading.Event()

    def held(asked: Asked) -> None:
        """An answer that lasts until all of it has happened."""
        asked.body_bytes()
        asked.answer(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + HALF
        )
        is_over.wait(40)
        asked.answer(b"data: [DONE]\n\n")
        raise EOFError

    with scripted_upstream(held) as upstream, running_gateway(held_config(mock, upstream), keys) as gateway:
        plain = held_config(mock, upstream)
        ends = Ends()

        async def main() -> None:
            body = chat("held")
            streams = [one(gateway.port, body, ends, key) for key in ["sk-ann", "sk-bob"] * 25]
            await asyncio.gather(*streams, asyncio.to_thread(change))

        def change() -> None:
            try:
                change_keys()
            finally:
                is_over.set()

        def change_keys() -> None:
            wait_until(lambda: gateway.in_flight == 50)
            rotated = rotate(keys, "ann", digest("sk-ann-2"), time.time(), grace_s)
            gateway.apply(plain, rotated)
            assert status(gateway, "sk-ann") == 200
            assert status(gateway, "sk-ann-2") == 200
            gateway.apply(plain, revoke(rotated, "bob", time.time()))
            assert status(gateway, "sk-bob") == 401
            wait_until(lambda: status(gateway, "sk-ann") == 401)
            assert status(gateway, "sk-ann-2") == 200
            wait_until(lambda: gateway.in_flight == 50)  # all of this happened before one of them was over

        asyncio.run(asyncio.wait_for(main(), 50))
        assert ends == {"ok": 50}
        wait_until(lambda: gateway.idle)
        streams = [record for record in gateway.records if record.stream]
        assert sorted(str(record.key) for record in streams) == ["ann"] * 25 + ["bob"] * 25


def test_an_empty_keys_file_lets_nobody_in(mock: RunningMock) -> None:
    with running_gateway({**config(mock), "keys": []}) as gateway:
        assert ask(gateway)[0] == 200
        gateway.apply({**config(mock), "keys": []}, ())
        assert ask(gateway)[0] == 401


# ── what nobody gets to see ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dialect", ASKED)
@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_the_gateways_key_stays_at_the_gateway(
    gateway: RunningGateway, mock: RunningMock, caplog: pytest.LogCaptureFixture, dialect: str, header: str
) -> None:
    value = "Bearer sk-good" if header == "authorization" else "sk-good"
    before = len(gateway.records)
    assert ask(gateway, dialect, headers={header: value, "cookie": "session=sk-good"})[0] == 200
    assert ask(gateway, dialect, headers={header: value.replace("good", "secret-guess")})[0] == 401
    wait_until(lambda: len(gateway.records) == before + 2)
    assert mock.last.header("authorization") == "Bearer sk-upstream"
    assert not any("sk-good" in value for _, value in mock.last.headers)
    for record in gateway.records[before:]:
        assert b"sk-" not in msgspec.json.encode(record)
        assert "sk-" not in str(record.as_log())
    assert "sk-" not in caplog.text
