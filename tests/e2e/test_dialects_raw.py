"""What holds in every dialect, over raw sockets: bytes untouched, aggregation exact, errors numbered, repairs."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from dialect_gateway import dialect_gateway
from harness import RawClient, RunningGateway

from sluiceway.mock.testing import RunningMock
from sluiceway.wire.sse import parse_events

CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}]}
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", CHAT | {"stream_options": {"include_usage": True}}),
    "responses": ("/v1/responses", {"input": "hello"}),
    "messages": ("/v1/messages", CHAT | {"max_tokens": 200}),
    "images": ("/v1/images/generations", {"prompt": "a river", "size": "64x64", "n": 2}),
}
EVERY = pytest.mark.parametrize("dialect", list(REQUESTS))
TALKING = ["chat", "responses", "messages"]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[RunningGateway, RunningMock]]:
    with dialect_gateway() as running:
        yield running


def ask(port: int, dialect: str, model: str, *, stream: bool, **extra: Any) -> tuple[int, bytes]:
    path, fields = REQUESTS[dialect]
    if dialect == "chat" and not stream:
        fields = {name: value for name, value in fields.items() if name != "stream_options"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    body = msgspec.json.encode(fields | {"model": model, "stream": stream} | extra)
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    taken = response.status, response.read()
    connection.close()
    return taken


def without_pings(body: bytes) -> bytes:
    return b"".join(event.raw for event in parse_events(body) if event.data and event.event != b"ping")


@EVERY
@pytest.mark.parametrize("knobs", ["seed=1", "seed=2&reasoning=4", "seed=3&fault=crlf"])
def test_a_stream_arrives_byte_for_byte(
    pair: tuple[RunningGateway, RunningMock], dialect: str, knobs: str
) -> None:
    gateway, mock = pair
    model = f"auto-m?{knobs}"
    _, sent = ask(mock.port, dialect, model, stream=True)
    status, received = ask(gateway.port, dialect, model, stream=True)
    assert status == 200
    assert without_pings(received) == without_pings(sent)
    assert gateway.record_of(model).error_code is None


@EVERY
@pytest.mark.parametrize(
    "knobs", ["seed=1", "seed=2&reasoning=4", "seed=3&tools=2", "seed=4&fault=no-final-blank-line"]
)
def test_a_forced_stream_is_aggregated_to_the_very_answer(
    pair: tuple[RunningGateway, RunningMock], dialect: str, knobs: str
) -> None:
    gateway, mock = pair
    plain = knobs.replace("&fault=no-final-blank-line", "")
    _, expected = ask(mock.port, dialect, f"forced-m?{plain}", stream=False)
    status, aggregated = ask(gateway.port, dialect, f"forced-m?{knobs}", stream=False)
    assert status == 200
    assert without_time(aggregated) == without_time(expected)
    assert mock.last_ended().stream


def without_time(body: bytes) -> Any:
    """The model's name carries the knobs, which differ; so does the time of an answer that is drawn anew."""
    document = msgspec.json.decode(body)
    return {
        name: value for name, value in document.items() if name not in ("model", "created", "completed_at")
    }


@EVERY
def test_json_becomes_the_stream_it_stands_for(
    pair: tuple[RunningGateway, RunningMock], dialect: str
) -> None:
    gateway, mock = pair
    status, body = ask(gateway.port, dialect, "auto-m?seed=1&fault=json-instead-of-stream", stream=True)
    assert status == 200
    kinds = [event.event for event in parse_events(body) if event.data]
    ends = {
        "chat": b"",
        "responses": b"response.completed",
        "messages": b"message_stop",
        "images": b"image_generation.completed",
    }
    assert kinds[-1] == ends[dialect]
    assert mock.last_ended().fault == "json-instead-of-stream"


@EVERY
def test_a_stream_becomes_the_json_it_stands_for(
    pair: tuple[RunningGateway, RunningMock], dialect: str
) -> None:
    gateway, mock = pair
    _, expected = ask(mock.port, dialect, "auto-m?seed=1&usage=on", stream=False)
    status, body = ask(
        gateway.port, dialect, "auto-m?seed=1&usage=on&fault=stream-instead-of-json", stream=False
    )
    assert status == 200
    assert without_time(body) == without_time(expected)


@EVERY
@pytest.mark.parametrize("fault", ["eof", "rst"])
def test_a_truncated_answer_is_never_whole(
    pair: tuple[RunningGateway, RunningMock], dialect: str, fault: str
) -> None:
    gateway, _mock = pair
    _, body = ask(gateway.port, dialect, f"auto-m?fault={fault}", stream=True)
    text = body.decode()
    assert "upstream_truncated" in text
    for marker in ("[DONE]", "response.completed", "message_stop", "image_generation.completed"):
        if dialect != "images" or marker != "image_generation.completed":
            assert marker not in text
    status, body = ask(gateway.port, dialect, f"forced-m?fault={fault}", stream=False)
    assert status == 502
    assert "upstream_truncated" in body.decode()


def test_an_injected_error_has_the_next_sequence_number(pair: tuple[RunningGateway, RunningMock]) -> None:
    gateway, _mock = pair
    for upstream in ("auto", "chat", "messages"):
        _, body = ask(gateway.port, "responses", f"{upstream}-m?fault=eof&tokens=9", stream=True)
        events = [msgspec.json.decode(event.data) for event in parse_events(body) if event.data]
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
        assert events[-1]["response"]["status"] == "failed"
        assert events[-1]["response"]["id"] == events[0]["response"]["id"]


@pytest.mark.parametrize("dialect", TALKING)
def test_repairs_touch_what_they_mend_and_nothing_else(
    pair: tuple[RunningGateway, RunningMock], dialect: str
) -> None:
    gateway, _mock = pair
    _, body = ask(gateway.port, dialect, "mended-m?seed=1", stream=True)
    _, plain = ask(gateway.port, dialect, "auto-m?seed=1", stream=True)
    assert b"system_fingerprint" not in body
    assert b'"model":"mended-m?seed=1"' in body
    assert b'"model":"mended-m?seed=1"' in ask(gateway.port, dialect, "mended-m?seed=1", stream=False)[1]
    untouched = [event.raw for event in parse_events(plain) if event.data and b'"model"' not in event.data]
    assert [raw for raw in untouched if raw not in body] == []


@pytest.mark.parametrize("client", TALKING)
@pytest.mark.parametrize("upstream", TALKING)
def test_a_translated_stream_comes_event_by_event(
    pair: tuple[RunningGateway, RunningMock], client: str, upstream: str
) -> None:
    """Half of the answer is here while the other half has not been said: nobody waits for the whole."""
    gateway, _mock = pair
    path, fields = REQUESTS[client]
    with RawClient(gateway.port) as raw:
        raw.post(
            fields | {"model": f"{upstream}-m?fault=stall-between&tokens=12", "stream": True},
            path=path,
            headers={"anthropic-version": "2023-06-01"},
        )
        raw.read_head()
        for _ in range(3):
            raw.read_until(b'delta"')


@pytest.mark.parametrize("client", TALKING)
@pytest.mark.parametrize("upstream", TALKING)
def test_a_record_says_what_was_translated_and_dropped(
    pair: tuple[RunningGateway, RunningMock], client: str, upstream: str
) -> None:
    gateway, _mock = pair
    model = f"{upstream}-m?tokens={10 + TALKING.index(client)}"
    status, body = ask(gateway.port, client, model, stream=True, service_tier="auto")
    assert status == 200, body
    record = gateway.record_of(model)
    assert record.dialect == client
    assert record.translated_to == (None if client == upstream else upstream)
    assert record.dropped == (() if client == upstream else ("service_tier",))
    assert record.usage is not None
    assert record.usage.output_tokens
