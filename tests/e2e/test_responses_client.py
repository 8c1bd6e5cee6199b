"""The real `openai` client's Responses API: native, forced, and over upstreams that speak something else."""

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
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": False,
    }
]
EVERYWHERE = ["auto", "forced", "chat", "messages", "slow"]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[RunningGateway, RunningMock]]:
    with dialect_gateway() as running:
        yield running


@pytest.fixture(scope="module")
def client(pair: tuple[RunningGateway, RunningMock]) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=pair[0].base_url, api_key="any", max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def provider(pair: tuple[RunningGateway, RunningMock]) -> Iterator[openai.OpenAI]:
    """The mock itself."""
    with openai.OpenAI(base_url=pair[1].base_url, api_key="any", max_retries=0) as made:
        yield made


@pytest.mark.parametrize("upstream", EVERYWHERE)
def test_an_answer_says_what_the_provider_says(
    client: openai.OpenAI, provider: openai.OpenAI, upstream: str
) -> None:
    expected = provider.responses.create(model="m?seed=3", input="hello").output_text
    answer = client.responses.create(model=f"{upstream}-m?seed=3", input="hello")
    assert answer.output_text == expected
    assert answer.status == "completed"
    assert answer.usage is not None
    assert answer.usage.output_tokens > 0


@pytest.mark.parametrize("upstream", EVERYWHERE)
def test_a_stream_says_the_same_piece_by_piece(
    client: openai.OpenAI, provider: openai.OpenAI, upstream: str
) -> None:
    expected = provider.responses.create(model="m?seed=3", input="hello").output_text
    model = f"{upstream}-m?seed=3" + ("&ttft=0.3" if upstream == "slow" else "")
    with client.responses.create(model=model, input="hello", stream=True) as stream:
        events = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == expected
    assert len(deltas) > 3
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"


@pytest.mark.parametrize("upstream", EVERYWHERE)
def test_the_stream_helper_gathers_the_whole_response(client: openai.OpenAI, upstream: str) -> None:
    model = f"{upstream}-m?seed=4&reasoning=5"
    whole = client.responses.create(model=model, input="hello")
    with client.responses.stream(model=model, input="hello") as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert final.output_text == whole.output_text
    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert final.usage == whole.usage
    assert "response.output_text.delta" in kinds


@pytest.mark.parametrize("upstream", EVERYWHERE)
def test_a_tool_is_called_and_its_result_taken(client: openai.OpenAI, upstream: str) -> None:
    model = f"{upstream}-m?seed=5"
    asked: Any = [{"role": "user", "content": "weather?"}]
    with client.responses.stream(model=model, input=asked, tools=TOOLS) as stream:
        for _ in stream:
            pass
        first = stream.get_final_response()
    calls = [item for item in first.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["get_weather"]
    assert calls[0].arguments.startswith("{")
    whole = client.responses.create(model=model, input=asked, tools=TOOLS)
    assert [item.arguments for item in whole.output if item.type == "function_call"] == [calls[0].arguments]
    results: Any = [
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
        for call in calls
    ] + [{"type": "function_call_output", "call_id": call.call_id, "output": "rain"} for call in calls]
    answer = client.responses.create(model=model, input=asked + results, tools=TOOLS)
    assert answer.output_text


@pytest.mark.parametrize("upstream", ["auto", "chat", "messages"])
def test_an_answer_that_is_cut_short_is_incomplete(client: openai.OpenAI, upstream: str) -> None:
    answer = client.responses.create(model=f"{upstream}-m?tokens=50", input="hello", max_output_tokens=16)
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize("upstream", ["auto", "chat", "messages"])
def test_a_broken_stream_ends_in_an_error(
    client: openai.OpenAI, pair: tuple[RunningGateway, RunningMock], upstream: str
) -> None:
    model = f"{upstream}-m?fault=eof&tokens=9"
    with client.responses.create(model=model, input="hello", stream=True) as stream:
        events: list[Any] = []
        with pytest.raises(openai.APIError) as caught:  # noqa: PT012 - the stream breaks while it is read
            events.extend(event for event in stream)
            if events[-1].type in ("error", "response.failed"):
                raise openai.APIError(events[-1].type, request=stream.response.request, body=None)
    assert caught.value is not None
    assert pair[0].record_of(model).error_code == "upstream_truncated"


@pytest.mark.parametrize("upstream", ["chat", "messages"])
def test_what_another_api_has_no_words_for_is_refused_by_name(client: openai.OpenAI, upstream: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=f"{upstream}-m", input="x", previous_response_id="resp_1")
    assert caught.value.param == "previous_response_id"


def test_the_provider_that_refuses_is_heard_in_the_clients_own_dialect(client: openai.OpenAI) -> None:
    for upstream in ("auto", "chat", "messages"):
        with pytest.raises(openai.RateLimitError) as caught:
            client.responses.create(model=f"{upstream}-m?fault=http-429", input="x")
        assert caught.value.response.headers["retry-after"]
        with (
            pytest.raises(openai.RateLimitError),
            client.responses.stream(model=f"{upstream}-m?fault=http-429", input="x") as stream,
        ):
            stream.get_final_response()


@pytest.mark.parametrize("partials", [0, 2])
def test_the_image_tool_shows_its_pictures_as_they_form(client: openai.OpenAI, partials: int) -> None:
    tool: Any = {"type": "image_generation", "partial_images": partials, "size": "64x64"}
    with client.responses.create(model="auto-m", input="a river", tools=[tool], stream=True) as stream:
        events: list[Any] = list(stream)
    previews = [event for event in events if event.type == "response.image_generation_call.partial_image"]
    assert [preview.partial_image_index for preview in previews] == list(range(partials))
    final = events[-1].response
    assert final.status == "completed"
    assert final.output[0].type == "image_generation_call"
    assert final.output[0].result
