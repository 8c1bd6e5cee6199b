"""The real `anthropic` client: native, forced, and over upstreams that speak something else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from dialect_gateway import dialect_gateway
from harness import RunningGateway, running_gateway

from sluiceway.mock.testing import RunningMock, running_mock

TOOLS: list[Any] = [
    {
        "name": "get_weather",
        "description": "The weather somewhere.",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
]
EVERYWHERE = ["auto", "forced", "chat", "responses", "slow"]
HELLO: list[Any] = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[RunningGateway, RunningMock]]:
    with dialect_gateway() as running:
        yield running


@pytest.fixture(scope="module")
def client(pair: tuple[RunningGateway, RunningMock]) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=pair[0].url, api_key="any", max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def provider(pair: tuple[RunningGateway, RunningMock]) -> Iterator[anthropic.Anthropic]:
    """The mock itself."""
    with anthropic.Anthropic(base_url=pair[1].url, api_key="any", max_retries=0) as made:
        yield made


def text_of(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@pytest.mark.parametrize("upstream", EVERYWHERE)
def test_a_message_says_what_the_provider_says(
    client: anthropic.Anthropic, provider: anthropic.Anthropic, upstream: str
) -> None:
    expected = provider.messages.create(model="m?seed=3", max_tokens=100, messages=HELLO)
    message = client.messages.create(model=f"{upstream}-m?seed=3", max_tokens=100, messages=HELLO)
    assert text_of(message) == text_of(expected)
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens == expected.usage.output_tokens


@pytest.mark.parametrize("upstream", EVERYWHERE)
def test_the_stream_helper_gathers_what_a_plain_request_gets(
    client: anthropic.Anthropic, upstream: str
) -> None:
    model = f"{upstream}-m?seed=3" + ("&ttft=0.3" if upstream == "slow" else "")
    whole = client.messages.create(model=model, max_tokens=100, messages=HELLO)
    with client.messages.stream(model=model, max_tokens=100, messages=HELLO) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert "".join(pieces) == text_of(final) == text_of(whole)
    assert len(pieces) > 3
    assert final.stop_reason == whole.stop_reason
    assert final.usage.output_tokens == whole.usage.output_tokens


@pytest.mark.parametrize("upstream", EVERYWHERE)
def test_raw_events_come_in_the_apis_order(client: anthropic.Anthropic, upstream: str) -> None:
    with client.messages.create(
        model=f"{upstream}-m?seed=6", max_tokens=100, messages=HELLO, stream=True
    ) as stream:
        kinds = [event.type for event in stream]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 1


def test_pings_are_taken_even_before_the_message_starts(
    client: anthropic.Anthropic, pair: tuple[RunningGateway, RunningMock]
) -> None:
    with client.messages.stream(model="slow-m?ttft=0.8", max_tokens=100, messages=HELLO) as stream:
        message = stream.get_final_message()
    assert text_of(message)
    record = pair[0].record_of("slow-m?ttft=0.8")
    assert record.committed_by == "silence"
    assert record.heartbeats >= 3


@pytest.mark.parametrize("upstream", EVERYWHERE)
def test_a_tool_is_called_and_its_result_taken(client: anthropic.Anthropic, upstream: str) -> None:
    model = f"{upstream}-m?seed=5&tools=2"
    whole = client.messages.create(model=model, max_tokens=500, messages=HELLO, tools=TOOLS)
    with client.messages.stream(model=model, max_tokens=500, messages=HELLO, tools=TOOLS) as stream:
        streamed = stream.get_final_message()
    calls = [block for block in whole.content if block.type == "tool_use"]
    assert [call.name for call in calls] == ["get_weather"] * 2
    assert whole.stop_reason == streamed.stop_reason == "tool_use"
    assert [b.input for b in streamed.content if b.type == "tool_use"] == [call.input for call in calls]
    results: Any = [{"type": "tool_result", "tool_use_id": call.id, "content": "rain"} for call in calls]
    turns: Any = [
        *HELLO,
        {"role": "assistant", "content": whole.content},
        {"role": "user", "content": results},
    ]
    answer = client.messages.create(model=model, max_tokens=500, messages=turns, tools=TOOLS)
    assert text_of(answer)


@pytest.mark.parametrize("upstream", EVERYWHERE)
def test_thoughts_come_before_the_text(client: anthropic.Anthropic, upstream: str) -> None:
    model = f"{upstream}-m?seed=7&reasoning=6"
    asked: Any = {
        "model": model,
        "max_tokens": 4000,
        "messages": HELLO,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
    }
    whole = client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()
    for message in (whole, streamed):
        assert [block.type for block in message.content] == ["thinking", "text"]
    assert getattr(whole.content[0], "thinking", "") == getattr(streamed.content[0], "thinking", None) != ""


@pytest.mark.parametrize("upstream", ["auto", "chat", "responses"])
def test_a_broken_stream_raises(
    client: anthropic.Anthropic, pair: tuple[RunningGateway, RunningMock], upstream: str
) -> None:
    model = f"{upstream}-m?fault=eof&tokens=9"
    with (
        pytest.raises(anthropic.APIStatusError) as caught,
        client.messages.stream(model=model, max_tokens=100, messages=HELLO) as stream,
    ):
        stream.get_final_message()
    assert "complete" in str(caught.value)
    assert pair[0].record_of(model).error_code == "upstream_truncated"


def test_errors_have_anthropics_shape_whoever_makes_them(client: anthropic.Anthropic) -> None:
    for upstream in ("auto", "chat", "responses"):
        with pytest.raises(anthropic.RateLimitError) as caught:
            client.messages.create(model=f"{upstream}-m?fault=http-429", max_tokens=9, messages=HELLO)
        body: Any = caught.value.body
        assert body["type"] == "error"
        assert body["error"]["type"] == "rate_limit_error"
    with pytest.raises(anthropic.NotFoundError) as missing:
        client.messages.create(model="nobody", max_tokens=9, messages=HELLO)
    unknown: Any = missing.value.body
    assert (unknown["error"]["type"], unknown["error"]["code"]) == ("not_found_error", "invalid_request")


@pytest.mark.parametrize("upstream", ["chat", "responses"])
def test_a_server_tool_is_refused_by_name_where_it_can_not_be_had(
    client: anthropic.Anthropic, upstream: str
) -> None:
    tool: Any = {"type": "web_search_20250305", "name": "web_search"}
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.create(model=f"{upstream}-m", max_tokens=9, messages=HELLO, tools=[tool])
    assert "tools[0].type" in str(caught.value)


def test_tokens_are_counted_by_an_upstream_that_can(client: anthropic.Anthropic) -> None:
    assert client.messages.count_tokens(model="auto-m", messages=HELLO).input_tokens > 0
    with running_mock() as mock:
        other = {"name": "other", "base_url": "http://127.0.0.1:9/v1", "dialects": ["chat", "responses"]}
        own = {"name": "own", "base_url": mock.base_url, "dialects": ["messages"]}
        with (
            running_gateway({"upstreams": [other, own]}) as gateway,
            anthropic.Anthropic(base_url=gateway.url, api_key="any", max_retries=0) as another,
        ):
            assert another.messages.count_tokens(model="m", messages=HELLO).input_tokens > 0
