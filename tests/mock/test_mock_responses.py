"""Responses answers: the same seed, the same answer, in both forms."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sluiceway.mock.images import ImagesAnswer, Shot
from sluiceway.mock.responses import events_for, response_for
from sluiceway.mock.responses_request import read_request
from sluiceway.mock.settings import MockSettings

Json = dict[str, Any]
WEATHER: Json = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
PICTURE = ImagesAnswer(
    event="image_generation",
    created=1,
    shots=(Shot(("one", "two"), "final"),),
    about={"background": "opaque", "output_format": "png", "quality": "high", "size": "64x64"},
    usage=None,
    as_url=False,
    revised_prompt=None,
)


def ask(
    settings: MockSettings | None = None, picture: ImagesAnswer | None = None, **fields: Any
) -> tuple[Json, list[Json]]:
    request = read_request(json.dumps({"model": "m", "input": "Hello", **fields}).encode())
    settings = settings or MockSettings()
    events = events_for(request, settings, picture)
    assert all(isinstance(event.data, dict) and event.name == event.data["type"] for event in events)
    return response_for(request, settings, picture), [
        event.data for event in events if isinstance(event.data, dict)
    ]


def joined(events: list[Json]) -> list[Json]:
    """The texts that the deltas of each item add up to."""
    texts: dict[int, str] = {}
    for event in events:
        if event["type"].endswith(".delta"):
            texts[event["output_index"]] = texts.get(event["output_index"], "") + event["delta"]
    return [{"index": index, "text": text} for index, text in texts.items()]


def said(response: Json) -> list[Json]:
    """The text of each item of a whole response, but of empty ones."""
    texts = []
    for index, item in enumerate(response["output"]):
        parts = item.get("summary") or item.get("content") or [{"text": item.get("arguments", "")}]
        texts.append({"index": index, "text": parts[0]["text"]})
    return [text for text in texts if text["text"]]


@given(
    st.integers(min_value=0, max_value=40),
    st.integers(min_value=0, max_value=5),
    st.integers(min_value=0, max_value=3),
    st.integers(),
)
def test_stream_and_json_agree_exactly(tokens: int, reasoning: int, tools: int, seed: int) -> None:
    settings = MockSettings(tokens=tokens, reasoning=reasoning, tools=tools, seed=seed)
    response, events = ask(settings, tools=[WEATHER])
    assert events[-1]["response"] == response
    assert [event["item"] for event in events if event["type"] == "response.output_item.done"] == response[
        "output"
    ]
    assert joined(events) == said(response)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def kinds(events: list[Json]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_events_come_in_the_order_of_the_api() -> None:
    _, events = ask(MockSettings(tokens=1, reasoning=1))
    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert events[0]["response"]["status"] == "in_progress"
    assert events[0]["response"]["output"] == []


def test_thoughts_are_sealed_if_asked_for() -> None:
    sealed, events = ask(MockSettings(reasoning=2), include=["reasoning.encrypted_content"])
    thought = sealed["output"][0]
    assert thought["encrypted_content"]
    assert events[2]["item"] == {"id": thought["id"], "type": "reasoning", "summary": []}
    assert next(event["item"] for event in events if event["type"] == "response.output_item.done") == thought
    assert "encrypted_content" not in ask(MockSettings(reasoning=2))[0]["output"][0]


def test_tools_are_called_in_turn_each_as_an_item_of_its_own() -> None:
    response, events = ask(MockSettings(tools=2), tools=[WEATHER])
    assert [item["type"] for item in response["output"]] == ["function_call", "function_call"]
    assert len({item["call_id"] for item in response["output"]}) == 2
    assert kinds(events).count("function_call_arguments.done") == 2
    assert list(json.loads(response["output"][0]["arguments"])) == ["city"]


def test_a_limit_makes_the_response_incomplete() -> None:
    response, events = ask(max_output_tokens=4)
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"
    assert kinds(events)[-1] == "incomplete"


def test_usage_is_counted_in_detail_and_can_be_left_out() -> None:
    response, _ = ask(MockSettings(reasoning=2, tokens=3))
    assert response["usage"]["output_tokens"] == 5
    assert response["usage"]["output_tokens_details"] == {"reasoning_tokens": 2}
    assert response["usage"]["total_tokens"] == response["usage"]["input_tokens"] + 5
    assert ask(MockSettings(usage="off"))[0]["usage"] is None


def test_a_picture_comes_first_and_shows_itself_as_it_forms() -> None:
    response, events = ask(MockSettings(tokens=1), PICTURE)
    assert [item["type"] for item in response["output"]] == ["image_generation_call", "message"]
    assert response["output"][0]["result"] == "final"
    assert kinds(events)[2:8] == [
        "output_item.added",
        "image_generation_call.in_progress",
        "image_generation_call.generating",
        "image_generation_call.partial_image",
        "image_generation_call.partial_image",
        "image_generation_call.completed",
    ]
    partials = [event for event in events if "partial_image_index" in event]
    assert [(event["partial_image_index"], event["partial_image_b64"]) for event in partials] == [
        (0, "one"),
        (1, "two"),
    ]
    assert partials[0]["size"] == "64x64"
