"""The real anthropic client against the simulated provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from mock_wire import Raw, connected, read_answer, request, told

from sluiceway.mock.testing import RunningMock, running_mock

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
TOOLS: list[Any] = [
    {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
]


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.fixture(scope="module")
def client(mock: RunningMock) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=mock.url, api_key="any", max_retries=0) as client:
        yield client


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("mock-claude", {}),
        ("m?reasoning=3", {}),
        ("m?tools=2&reasoning=1", {"tools": TOOLS}),
        ("m?tokens=0", {}),
        ("m", {"max_tokens": 3}),
        ("m?echo=true", {"stop_sequences": ["l"]}),
        ("m", {"max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ("fault-crlf", {}),
    ],
)
def test_the_stream_helper_gathers_what_the_json_says(
    client: anthropic.Anthropic, model: str, fields: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {"max_tokens": 100, "messages": HELLO, **fields}
    whole = client.messages.create(model=model, **asked)
    with client.messages.stream(model=model, **asked) as stream:
        final = stream.get_final_message()
    assert told(final) == told(whole)


def test_thinking_is_asked_for_and_given(client: anthropic.Anthropic) -> None:
    message = client.messages.create(
        model="m", max_tokens=2000, messages=HELLO, thinking={"type": "enabled", "budget_tokens": 1024}
    )
    assert [block.type for block in message.content] == ["thinking", "text"]


def test_raw_events_and_pings_are_understood(client: anthropic.Anthropic) -> None:
    with client.messages.create(model="m", max_tokens=100, messages=HELLO, stream=True) as stream:
        kinds = [event.type for event in stream]
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"


def test_tokens_are_counted(client: anthropic.Anthropic) -> None:
    counted = client.messages.count_tokens(model="m", messages=HELLO)
    assert (
        counted.input_tokens
        == client.messages.create(model="m", max_tokens=9, messages=HELLO).usage.input_tokens
    )


@pytest.mark.parametrize(
    ("fault", "error", "kind"),
    [
        ("http-429", anthropic.RateLimitError, "rate_limit_error"),
        ("http-500", anthropic.InternalServerError, "api_error"),
        ("http-400", anthropic.BadRequestError, "invalid_request_error"),
        ("role-null", anthropic.BadRequestError, "invalid_request_error"),
        ("nonsense", anthropic.BadRequestError, "invalid_request_error"),
    ],
)
def test_errors_have_anthropics_shape(
    client: anthropic.Anthropic, fault: str, error: type[anthropic.APIStatusError], kind: str
) -> None:
    with pytest.raises(error) as caught:
        client.messages.create(model=f"fault-{fault}", max_tokens=9, messages=HELLO)
    body: Any = caught.value.body
    assert (body["type"], body["error"]["type"], body["request_id"]) == ("error", kind, "req_mock")


@pytest.mark.parametrize(("fault", "kind"), [("error-first", "overloaded_error"), ("error-mid", "api_error")])
def test_an_error_event_reaches_the_caller(client: anthropic.Anthropic, fault: str, kind: str) -> None:
    with (
        pytest.raises(anthropic.APIStatusError) as caught,
        client.messages.stream(model=f"fault-{fault}", max_tokens=9, messages=HELLO) as stream,
    ):
        stream.get_final_message()
    body: Any = caught.value.body
    assert body["error"]["type"] == kind


def post(mock: RunningMock, path: str, body: bytes, *lines: str) -> Raw:
    with connected(mock) as sock:
        sock.sendall(request(body, path, "POST", *lines))
        return read_answer(sock)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_the_version_of_the_api_must_be_named(mock: RunningMock, path: str) -> None:
    body = json.dumps({"model": "m", "messages": HELLO, "max_tokens": 9}).encode()
    raw = post(mock, path, body)
    assert raw.status == 400
    error = json.loads(raw.body)["error"]
    assert error == {"type": "invalid_request_error", "message": "anthropic-version: header is required"}
    assert post(mock, path, body, "anthropic-version: 2023-06-01").status == 200


def test_unknown_paths_below_messages_are_refused_in_anthropics_shape(mock: RunningMock) -> None:
    raw = post(mock, "/v1/messages/nonsense", b"{}")
    assert raw.status == 404
    assert json.loads(raw.body)["error"]["type"] == "not_found_error"
