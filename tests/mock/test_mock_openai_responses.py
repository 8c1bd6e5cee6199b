"""The real openai client's Responses API, and its images, against the simulated provider."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from mock_wire import told

from sluiceway.mock.testing import RunningMock, running_mock

TOOLS: list[Any] = [
    {
        "type": "function",
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": False,
    }
]


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.fixture(scope="module")
def client(mock: RunningMock) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=mock.base_url, api_key="any", max_retries=0) as client:
        yield client


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("mock-gpt", {}),
        ("m?reasoning=3", {"include": ["reasoning.encrypted_content"]}),
        ("m?tools=2&reasoning=1", {"tools": TOOLS}),
        ("m?tokens=0", {}),
        ("m", {"max_output_tokens": 3}),
        ("m", {"tools": [{"type": "image_generation", "size": "64x64", "partial_images": 1}]}),
        ("fault-crlf", {}),
    ],
)
def test_stream_and_helper_say_what_the_json_says(
    client: openai.OpenAI, model: str, fields: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {"model": model, "input": "Hello", **fields}
    whole = client.responses.create(**asked)
    events: list[Any] = list(client.responses.create(**asked, stream=True))
    assert events[-1].response == whole
    with client.responses.stream(**asked) as stream:
        seen: list[Any] = list(stream)
        if whole.status == "completed":  # the helper knows no other end
            assert stream.get_final_response() == seen[-1].response
    assert told(seen[-1].response) == told(whole)


def test_it_says_what_chat_says(client: openai.OpenAI) -> None:
    chat = client.chat.completions.create(
        model="m?seed=4", messages=[{"role": "user", "content": "Something else"}]
    )
    assert (
        client.responses.create(model="m?seed=4", input="Hello").output_text
        == chat.choices[0].message.content
    )


def test_after_a_functions_output_comes_text(client: openai.OpenAI) -> None:
    asked: list[Any] = [{"role": "user", "content": "weather?"}]
    first = client.responses.create(model="m", input=asked, tools=TOOLS)
    (call,) = [item for item in first.output if item.type == "function_call"]
    asked += [
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": "rain"},
    ]
    assert client.responses.create(model="m", input=asked, tools=TOOLS).output_text


def test_a_picture_is_drawn_as_one_watches(client: openai.OpenAI) -> None:
    painter: Any = {"type": "image_generation", "size": "96x64", "partial_images": 3, "output_format": "webp"}
    events: list[Any] = list(
        client.responses.create(model="m", input="a river", tools=[painter], stream=True)
    )
    partials = [event for event in events if event.type == "response.image_generation_call.partial_image"]
    assert [partial.partial_image_index for partial in partials] == [0, 1, 2]
    final = events[-1].response.output[0]
    for picture in (*(partial.partial_image_b64 for partial in partials), final.result):
        assert base64.b64decode(picture)[8:12] == b"WEBP"
    whole = client.responses.create(model="m", input="a river", tools=[painter])
    assert whole == events[-1].response
    assert whole.output_text


def test_the_image_tool_draws_what_the_images_api_draws(client: openai.OpenAI) -> None:
    painter: Any = {"type": "image_generation", "size": "64x64"}
    response: Any = client.responses.create(model="m?seed=3", input="a river", tools=[painter])
    images = client.images.generate(model="m?seed=3", prompt="a river", size="64x64")
    assert images.data
    assert response.output[0].result == images.data[0].b64_json


def test_errors_reach_the_caller(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="fault-no-finish", input="Hello", stream=True)
    assert caught.value.param == "fault"
    painter: Any = {"type": "image_generation", "size": "1x1"}
    with pytest.raises(openai.BadRequestError, match="size is"):
        client.responses.create(model="m", input="Hello", tools=[painter])
    (error,) = client.responses.create(model="fault-error-first", input="Hello", stream=True)
    assert error.type == "error"
    assert (error.code, error.sequence_number) == ("overloaded", 0)


def test_a_picture_takes_the_time_of_a_text_and_shows_itself_meanwhile(client: openai.OpenAI) -> None:
    painter: Any = {"type": "image_generation", "size": "64x64", "partial_images": 2}
    stream = client.responses.create(model="m?tps=50&tokens=30", input="a lake", tools=[painter], stream=True)
    times = {event.type: time.monotonic() for event in stream}
    drawing_s = (
        times["response.image_generation_call.completed"] - times["response.image_generation_call.generating"]
    )
    assert drawing_s > 0.3  # of 0.6: its beginning may have been heard late
