"""The real `openai` client's chat, over upstreams that speak messages or responses only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from dialect_gateway import dialect_gateway
from harness import RunningGateway

from sluiceway.mock.testing import RunningMock

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
HELLO: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
OTHERS = ["messages", "responses"]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[RunningGateway, RunningMock]]:
    with dialect_gateway() as running:
        yield running


@pytest.fixture(scope="module")
def client(pair: tuple[RunningGateway, RunningMock]) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=pair[0].base_url, api_key="any", max_retries=0) as made:
        yield made


@pytest.mark.parametrize("upstream", OTHERS)
def test_an_answer_is_that_of_a_native_upstream(client: openai.OpenAI, upstream: str) -> None:
    native = client.chat.completions.create(model="auto-m?seed=3", messages=HELLO)
    answer = client.chat.completions.create(model=f"{upstream}-m?seed=3", messages=HELLO)
    assert answer.choices[0].message.content == native.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert native.usage is not None
    assert answer.usage.completion_tokens == native.usage.completion_tokens


@pytest.mark.parametrize("upstream", OTHERS)
@pytest.mark.parametrize("include_usage", [True, False])
def test_a_stream_says_the_same_piece_by_piece(
    client: openai.OpenAI, upstream: str, include_usage: bool
) -> None:
    whole = client.chat.completions.create(model=f"{upstream}-m?seed=3", messages=HELLO)
    options: Any = {"stream_options": {"include_usage": True}} if include_usage else {}
    chunks = list(
        client.chat.completions.create(model=f"{upstream}-m?seed=3", messages=HELLO, stream=True, **options)
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert len([piece for piece in pieces if piece]) > 3
    assert len({chunk.id for chunk in chunks}) == 1
    counted = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert counted == ([whole.usage] if include_usage else [])


@pytest.mark.parametrize("upstream", OTHERS)
def test_a_tool_is_called_and_its_result_taken(client: openai.OpenAI, upstream: str) -> None:
    asked: dict[str, Any] = {"model": f"{upstream}-m?seed=5&tools=2", "tools": TOOLS}
    whole = client.chat.completions.create(messages=HELLO, **asked)
    calls = whole.choices[0].message.tool_calls or []
    assert whole.choices[0].finish_reason == "tool_calls"
    assert [call.type for call in calls] == ["function"] * 2
    with client.chat.completions.stream(messages=HELLO, **asked) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_completion().choices[0].message.tool_calls or []
    assert [(call.id, call.function.arguments) for call in streamed] == [
        (call.id, call.function.arguments) for call in calls if call.type == "function"
    ]
    turns = [
        *HELLO,
        whole.choices[0].message.model_dump(exclude_none=True),
        *({"role": "tool", "tool_call_id": call.id, "content": "rain"} for call in calls),
    ]
    answer = client.chat.completions.create(messages=turns, **asked)
    assert answer.choices[0].message.content


@pytest.mark.parametrize("upstream", OTHERS)
def test_thoughts_arrive_under_the_name_that_most_clients_know(client: openai.OpenAI, upstream: str) -> None:
    answer = client.chat.completions.create(
        model=f"{upstream}-m?seed=7&reasoning=6", messages=HELLO, reasoning_effort="low"
    )
    extra = answer.choices[0].message.model_extra or {}
    assert extra["reasoning_content"]
    assert answer.choices[0].message.content


@pytest.mark.parametrize("upstream", OTHERS)
def test_a_broken_stream_raises(client: openai.OpenAI, upstream: str) -> None:
    stream = client.chat.completions.create(
        model=f"{upstream}-m?fault=eof&tokens=9", messages=HELLO, stream=True
    )
    with pytest.raises(openai.APIError, match="complete"):
        list(stream)


@pytest.mark.parametrize("upstream", OTHERS)
@pytest.mark.parametrize("fault", ["error-first", "http-500", "http-429"])
def test_an_upstream_that_fails_before_it_speaks_is_a_real_http_error(
    client: openai.OpenAI, upstream: str, fault: str
) -> None:
    for stream in (True, False):
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(model=f"{upstream}-m?fault={fault}", messages=HELLO, stream=stream)
        body: Any = caught.value.body
        assert body["message"]


@pytest.mark.parametrize("upstream", OTHERS)
def test_what_another_api_has_no_words_for_is_refused_by_name(client: openai.OpenAI, upstream: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=f"{upstream}-m", messages=HELLO, n=2)
    assert caught.value.param == "n"


def test_a_picture_reaches_an_upstream_of_another_api(
    client: openai.OpenAI, pair: tuple[RunningGateway, RunningMock]
) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    asked: list[Any] = [{"role": "user", "content": [{"type": "text", "text": "what?"}, picture]}]
    for upstream in OTHERS:
        client.chat.completions.create(model=f"{upstream}-m", messages=asked)
        sent = pair[1].last_ended()
        assert sent.path == f"/v1/{upstream}"
        assert "aGk=" in sent.body
        assert "authorization" not in dict(sent.headers) or upstream == "responses"
