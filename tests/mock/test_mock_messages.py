"""Messages answers: the same seed, the same answer, in both forms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.errors import InvalidRequest
from sluiceway.mock.messages import count_for, events_for, message_for, read_request
from sluiceway.mock.scene import Event
from sluiceway.mock.settings import MockSettings

Json = dict[str, Any]
HELLO: list[Json] = [{"role": "user", "content": "Hello"}]
WEATHER: Json = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": HELLO, "max_tokens": 5000, **fields}).encode()


def ask(settings: MockSettings | None = None, **fields: Any) -> tuple[Json, tuple[Event, ...]]:
    request = read_request(body(**fields))
    settings = settings or MockSettings()
    return message_for(request, settings), events_for(request, settings)


def data_of(event: Event) -> Json:
    assert isinstance(event.data, dict)
    return event.data


def joined(events: tuple[Event, ...]) -> Json:
    """The message of a stream, joined the plain way."""
    message: Json = {}
    texts: dict[int, str] = {}
    for event in events:
        match data_of(event):
            case {"type": "message_start", "message": started}:
                message = json.loads(json.dumps(started))
            case {"type": "content_block_start", "index": index, "content_block": block}:
                assert index == len(message["content"])
                message["content"].append(dict(block))
            case {"type": "content_block_delta", "index": index, "delta": {"type": kind, **delta}}:
                block = message["content"][index]
                if kind == "input_json_delta":
                    texts[index] = texts.get(index, "") + str(delta["partial_json"])
                else:
                    for field, text in delta.items():
                        block[field] += str(text)
            case {"type": "message_delta", "delta": delta, **rest}:
                message |= delta
                message.setdefault("usage", {}).update(rest.get("usage", {}))
    for index, text in texts.items():
        message["content"][index]["input"] = json.loads(text)
    return message


@given(
    st.integers(min_value=0, max_value=40),
    st.integers(min_value=0, max_value=5),
    st.integers(min_value=0, max_value=3),
    st.integers(),
)
def test_stream_and_json_agree_exactly(tokens: int, reasoning: int, tools: int, seed: int) -> None:
    settings = MockSettings(tokens=tokens, reasoning=reasoning, tools=tools, seed=seed)
    message, events = ask(settings, tools=[WEATHER])
    assert joined(events) == message
    assert [event.name for event in events] == [data_of(event)["type"] for event in events]


def test_events_come_in_the_order_of_the_api() -> None:
    _, events = ask(MockSettings(tokens=2, reasoning=1))
    assert [event.name for event in events] == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert [event.kind for event in events if event.kind != "role"] == ["token"] * 3 + ["finish", "end"]


@pytest.mark.parametrize("thinking", [{"type": "enabled", "budget_tokens": 1024}, {"type": "adaptive"}])
def test_thinking_gives_a_signed_block_before_the_text(thinking: Json) -> None:
    message, _ = ask(thinking=thinking)
    assert [block["type"] for block in message["content"]] == ["thinking", "text"]
    assert message["content"][0]["signature"]
    assert message["usage"]["output_tokens_details"] == {"thinking_tokens": 8}
    assert len(ask(thinking={"type": "disabled"})[0]["content"]) == 1


def test_tools_are_called_with_input_that_fits() -> None:
    message, _ = ask(MockSettings(tools=2), tools=[WEATHER])
    assert [block["type"] for block in message["content"]] == ["tool_use", "tool_use"]
    assert list(message["content"][0]["input"]) == ["city"]
    assert message["content"][0]["id"].startswith("toolu_")
    assert message["stop_reason"] == "tool_use"


def test_tool_choice_is_obeyed() -> None:
    clock = {"name": "clock", "input_schema": {"type": "object"}}
    chosen, _ = ask(tools=[WEATHER, clock], tool_choice={"type": "tool", "name": "clock"})
    assert [block["name"] for block in chosen["content"]] == ["clock"]
    none, _ = ask(tools=[WEATHER], tool_choice={"type": "none"})
    assert none["stop_reason"] == "end_turn"


def test_after_a_tools_result_the_answer_is_text() -> None:
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": "7"}]}
    message, _ = ask(tools=[WEATHER], messages=[*HELLO, result])
    assert message["content"][0]["type"] == "text"


def test_max_tokens_cuts_the_answer() -> None:
    message, _ = ask(max_tokens=4)
    assert (message["stop_reason"], message["usage"]["output_tokens"]) == ("max_tokens", 4)


def test_a_stop_sequence_ends_the_text_and_is_named() -> None:
    said = [{"role": "user", "content": "one two three"}]
    message, events = ask(MockSettings(echo=True), messages=said, stop_sequences=["three", "two"])
    assert message["content"] == [{"type": "text", "text": "one "}]
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "two")
    assert joined(events) == message
    assert ask(stop_sequences=["nowhere"])[0]["stop_sequence"] is None


def test_usage_has_its_cache_fields_and_can_be_left_out() -> None:
    message, _ = ask()
    assert message["usage"] == {
        "input_tokens": 8,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 24,
        "service_tier": "standard",
    }
    message, events = ask(MockSettings(usage="off"))
    assert "usage" not in message
    assert not any("usage" in str(event.data) for event in events)


def test_tokens_are_counted_as_the_answer_counts_them() -> None:
    message, _ = ask(system="Be brief.")
    counted = count_for(json.dumps({"model": "m", "messages": HELLO, "system": "Be brief."}).encode())
    assert counted == {"input_tokens": message["usage"]["input_tokens"]}
    assert counted["input_tokens"] > ask()[0]["usage"]["input_tokens"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": None}, "max_tokens"),
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0]"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 100}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 5000}}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"stop_sequences": [""]}, "stop_sequences[0]"),
    ],
)
def test_a_bad_request_names_the_field_at_fault(fields: Json, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_request(body(**fields))
    assert caught.value.param == param


def test_max_tokens_must_be_there() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_request(json.dumps({"model": "m", "messages": HELLO}).encode())
    assert caught.value.param == "max_tokens"
