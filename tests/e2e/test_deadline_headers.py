"""Deadlines that clients set for themselves, and the operator's: which clock, which code, and whose fault it is."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import anthropic
import msgspec
import openai
import pytest
from harness import RawClient, RunningGateway, chat, running_gateway, wait_until
from upstreams import Asked, scripted_upstream

from sluiceway.mock.settings import MockSettings
from sluiceway.mock.testing import RunningMock, running_mock

FIRST_EVENT, IDLE, TOTAL = "x-sluiceway-first-event-s", "x-sluiceway-idle-s", "x-sluiceway-total-s"
HELLO: list[Any] = [{"role": "user", "content": "hello"}]
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": HELLO}),
    "responses": ("/v1/responses", {"input": "hello"}),
    "messages": ("/v1/messages", {"messages": HELLO, "max_tokens": 999}),
    "images": ("/v1/images/generations", {"prompt": "a hill", "size": "1024x1024"}),
}
LATE = {"commit_after_s": 10.0}  # so that an error is an error's status
SOON = {"commit_after_s": 0.0, "heartbeat_s": 0.05}
# One clock each: on a slow machine, of two short ones the other might run out.
HASTY: dict[str, dict[str, float]] = {
    "hasty-first": {**LATE, "first_event_s": 0.2},
    "hasty-idle": {**LATE, "idle_s": 0.2},
    "hasty-total": {**LATE, "total_s": 0.5},
}
BLAMED = HASTY["hasty-first"]


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(mock: RunningMock) -> Iterator[RunningGateway]:
    """A model goes to the upstream that it is named after; all of them are the same mock, but for `tls`."""
    with silent_port() as port:
        mocked = {"late": LATE, "soon": SOON, **HASTY, "blameless": LATE, "blamed": BLAMED}
        mocked["as-much-blamed"] = BLAMED
        tables: list[dict[str, Any]] = [
            {"name": name, "base_url": mock.base_url, "api_keys": ["sk-up"], "stream": stream}
            for name, stream in mocked.items()
        ]
        tables.append(
            {
                "name": "tls",
                "base_url": f"https://127.0.0.1:{port}/v1",
                "api_keys": ["sk-up"],
                "stream": {**LATE, "connect_s": 0.2},
            }
        )
        models = [{"name": f"{table['name']}*", "upstreams": [table["name"]]} for table in tables]
        config = {
            "upstreams": tables,
            "models": models,
            "failover": {"max_attempts": 1},
            "health": {"max_failures": 1, "open_s": 60},
        }
        with running_gateway(config) as running:
            yield running


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """Connections are taken, and nothing is ever said: no TLS handshake comes to an end there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def ask(
    gateway: RunningGateway,
    model: str,
    dialect: str = "chat",
    *,
    stream: bool = True,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    path, body = ASKED[dialect]
    named = {"anthropic-version": "2023-06-01"} if dialect == "messages" else {}
    with RawClient(gateway.port) as client:
        asked = {**body, "model": model, "stream": stream}
        client.post(asked, path=path, headers={**named, **(headers or {})})
        return client.response()


# ── each clock, and its code ────────────────────────────────────────────────────────────────────────

# A model that lets the clock run out on JSON and on streams, and the code that tells.
CLOCKS = [
    (FIRST_EVENT, "?ttft=30", "upstream_timeout_first_event"),
    (TOTAL, "?ttft=30", "upstream_timeout_total"),
]
STREAM_CLOCKS = [
    (IDLE, "?fault=stall-between", "upstream_timeout_idle"),
    (TOTAL, "?tokens=900&tps=30", "upstream_timeout_total"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
@pytest.mark.parametrize(("header", "knobs", "code"), CLOCKS)
def test_a_clients_own_deadline_is_a_504_before_anything_was_sent(
    gateway: RunningGateway, mock: RunningMock, header: str, knobs: str, code: str, dialect: str, stream: bool
) -> None:
    status, headers, body = ask(gateway, f"late{knobs}", dialect, stream=stream, headers={header: "0.2"})
    assert (status, headers["content-type"]) == (504, "application/json")
    document = msgspec.json.decode(body)
    assert document["error"]["code"] == code
    assert document.get("type") == ("error" if dialect == "messages" else None)
    assert mock.last_ended().outcome == "aborted"
    wait_until(lambda: gateway.idle)


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
@pytest.mark.parametrize(("header", "knobs", "code"), [*STREAM_CLOCKS, *CLOCKS])
def test_a_clients_own_deadline_is_an_error_in_band_after_that(
    gateway: RunningGateway, mock: RunningMock, header: str, knobs: str, code: str, dialect: str
) -> None:
    status, _, body = ask(gateway, f"soon{knobs}", dialect, headers={header: "0.3"})
    assert status == 200
    assert body.count(code.encode()) == (2 if b"response.failed" in body else 1)
    assert b"[DONE]" not in body
    assert b"message_stop" not in body
    assert mock.last_ended().outcome == "aborted"
    wait_until(lambda: gateway.idle)


def test_each_clock_has_its_code_where_it_is_the_operators(gateway: RunningGateway) -> None:
    for model, code in (
        ("hasty-first?ttft=30", "upstream_timeout_first_event"),
        ("hasty-idle?fault=stall-between", "upstream_timeout_idle"),
        ("hasty-total?tokens=900&tps=30", "upstream_timeout_total"),
        ("tls", "upstream_timeout_connect"),
    ):
        _, _, body = ask(gateway, model)
        assert f'"code":"{code}"'.encode() in body


def test_no_connection_in_time_is_a_504_of_its_own(gateway: RunningGateway) -> None:
    status, _, body = ask(gateway, "tls", stream=False)
    assert status == 504
    assert msgspec.json.decode(body)["error"]["code"] == "upstream_timeout_connect"


def test_the_sdks_raise_what_they_have_for_it(gateway: RunningGateway) -> None:
    with (
        openai.OpenAI(base_url=gateway.base_url, api_key="any", max_retries=0) as client,
        pytest.raises(openai.APIStatusError) as caught,
    ):
        client.chat.completions.create(
            model="late?ttft=30", messages=HELLO, stream=True, extra_headers={FIRST_EVENT: "0.1"}
        )
    assert (caught.value.status_code, caught.value.code) == (504, "upstream_timeout_first_event")
    with (
        anthropic.Anthropic(base_url=gateway.url, api_key="any", max_retries=0) as claude,
        pytest.raises(anthropic.APIStatusError) as told,
    ):
        claude.messages.create(
            model="late?ttft=30", messages=HELLO, max_tokens=99, extra_headers={TOTAL: "0.1"}
        )
    assert told.value.status_code == 504
    body: Any = told.value.body
    assert (body["error"]["type"], body["error"]["code"]) == ("timeout_error", "upstream_timeout_total")


# ── what a client may and may not ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf", "1s", ""])
@pytest.mark.parametrize("header", [FIRST_EVENT, IDLE, TOTAL])
def test_nonsense_is_a_400_that_names_the_header(
    gateway: RunningGateway, mock: RunningMock, header: str, value: str
) -> None:
    asked = len(mock.requests)
    status, _, body = ask(gateway, "late", headers={header: value})
    assert status == 400
    error = msgspec.json.decode(body)["error"]
    assert (error["code"], error["param"]) == ("invalid_request", header)
    assert header in error["message"]
    assert len(mock.requests) == asked


@pytest.mark.parametrize(
    ("header", "model", "code"),
    [
        (FIRST_EVENT, "hasty-first?ttft=30", "upstream_timeout_first_event"),
        (IDLE, "hasty-idle?fault=stall-between", "upstream_timeout_idle"),
        (TOTAL, "hasty-total?tokens=900&tps=30", "upstream_timeout_total"),
    ],
)
def test_no_client_raises_the_operators_clock(
    gateway: RunningGateway, header: str, model: str, code: str
) -> None:
    assert code.encode() in ask(gateway, model, headers={header: "3600"})[2]


def test_a_deadline_that_is_met_changes_nothing(gateway: RunningGateway) -> None:
    deadlines = {FIRST_EVENT: "20", IDLE: "20", TOTAL: "30.5"}
    status, _, body = ask(gateway, "late?seed=3", headers=deadlines)
    assert status == 200
    assert body == ask(gateway, "late?seed=3")[2]


@pytest.mark.parametrize("dialect", ASKED)
def test_deadlines_are_never_sent_on(gateway: RunningGateway, mock: RunningMock, dialect: str) -> None:
    status, _, _ = ask(
        gateway, "late", dialect, stream=False, headers={FIRST_EVENT: "20", IDLE: "20", TOTAL: "20"}
    )
    assert status == 200
    assert not [name for name, _ in mock.last.headers if name.startswith("x-sluiceway")]


def test_paths_of_no_dialect_have_deadlines_too() -> None:
    def silent(asked: Asked) -> None:
        asked.body_bytes()
        asked.connection.recv(1)

    with (
        scripted_upstream(silent) as upstream,
        running_gateway({"upstreams": [{"name": "silent", "base_url": upstream.base_url}]}) as gateway,
        RawClient(gateway.port) as client,
    ):
        client.post({"model": "any", "input": "hello"}, path="/v1/embeddings", headers={FIRST_EVENT: "0.2"})
        status, _, answer = client.response()
        assert (status, b"upstream_timeout_first_event" in answer) == (504, True)
        assert FIRST_EVENT not in upstream.heads[0]


# ── whose fault it is ───────────────────────────────────────────────────────────────────────────────


def test_a_clients_impatience_does_not_count_against_the_upstream(gateway: RunningGateway) -> None:
    breaker = gateway.server.gateway.upstreams["blameless"].breaker
    for header, knobs in (
        (FIRST_EVENT, "?ttft=30"),
        (IDLE, "?fault=stall-between"),
        (TOTAL, "?ttft=30"),
        (TOTAL, "?tokens=900&tps=30"),
    ):
        body = ask(gateway, f"blameless{knobs}", headers={header: "0.2"})[2]
        assert b"upstream_timeout" in body
        wait_until(lambda: gateway.idle)
        assert breaker.closed


@pytest.mark.parametrize(
    ("upstream", "headers"),
    [("blamed", {}), ("as-much-blamed", {FIRST_EVENT: "3600"})],
    ids=["plain", "asked"],
)
def test_the_operators_clock_does_whatever_the_client_asked_for(
    gateway: RunningGateway, upstream: str, headers: dict[str, str]
) -> None:
    breaker = gateway.server.gateway.upstreams[upstream].breaker
    assert b"upstream_timeout_first_event" in ask(gateway, f"{upstream}?ttft=30", headers=headers)[2]
    wait_until(lambda: gateway.idle)
    assert not breaker.closed


# ── the whole request counts ────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def two_upstreams(mock: RunningMock, **first: Any) -> Iterator[RunningGateway]:
    tables = [
        {"name": "first", "base_url": mock.base_url, **first},
        {"name": "second", "base_url": mock.base_url},
    ]
    with running_gateway({"upstreams": tables}) as gateway:
        yield gateway


def test_the_first_event_is_waited_for_once_and_not_once_for_each_attempt(mock: RunningMock) -> None:
    with two_upstreams(mock, stream={"first_event_s": 0.2}) as gateway:
        status, _, body = ask(gateway, "late?ttft=30", headers={FIRST_EVENT: "2.0"})
        assert status == 504
        assert b"upstream_timeout_first_event" in body
        record = gateway.record()
        assert [one.upstream for one in record.attempts] == ["first", "second"]
        assert record.attempts[0].error_code == "upstream_timeout_first_event"
        assert gateway.server.gateway.upstreams["second"].breaker.closed


def test_a_client_that_will_not_wait_is_not_kept_waiting_by_another_upstream(mock: RunningMock) -> None:
    with two_upstreams(mock) as gateway:
        status, _, body = ask(gateway, "late?ttft=30", headers={FIRST_EVENT: "0.2"})
        assert (status, b"upstream_timeout_first_event" in body) == (504, True)
        assert [one.upstream for one in gateway.record().attempts] == ["first"]


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(
    ("header", "code"),
    [(TOTAL, "upstream_timeout_total"), (FIRST_EVENT, "upstream_timeout_first_event")],
)
def test_the_time_in_the_queue_counts(mock: RunningMock, header: str, code: str, stream: bool) -> None:
    upstream = {"name": "mock", "base_url": mock.base_url, "stream": {**LATE, "heartbeat_s": 0}}
    with (
        running_gateway({"upstreams": [upstream], "server": {"max_in_flight": 1}}) as gateway,
        RawClient(gateway.port) as occupant,
    ):
        occupant.post(chat("fault-stall-between"))
        occupant.read_until(b"\n\n")
        status, _, body = ask(gateway, "late", stream=stream, headers={header: "0.3"})
        assert status == 504
        assert msgspec.json.decode(body)["error"]["code"] == code
        assert gateway.record().attempts == ()
        wait_until(lambda: gateway.waiting == 0)


def test_a_first_event_that_came_in_time_is_not_asked_for_again_when_a_broken_answer_is_taken_up(
    mock: RunningMock,
) -> None:
    broken = MockSettings(fault="rst:9", tps=5)  # it breaks after 1.8 s
    with running_mock(broken) as breaks:
        tables = [
            {"name": "breaks", "base_url": breaks.base_url},
            {"name": "goes-on", "base_url": mock.base_url, "prefill": "plain"},
        ]
        models = [{"name": "*", "upstreams": ["breaks"], "continue_on": ["goes-on"]}]
        with running_gateway({"upstreams": tables, "models": models}) as gateway:
            status, _, body = ask(gateway, "mock-gpt", headers={FIRST_EVENT: "1.5"})
            assert (status, gateway.record().continued) == (200, 1)
            assert body.endswith(b"data: [DONE]\n\n")
