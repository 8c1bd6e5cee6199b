"""A JSON message becomes the stream that would have carried it, and collecting that gives it back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from messages_streams import ANSWERS, REQUEST, blocks, collect, sdk_message, without_nulls
from pydantic import TypeAdapter

from sluiceway.dialects.messages import MESSAGES
from sluiceway.errors import UpstreamInvalid, UpstreamReported
from sluiceway.wire.sse import parse_events

COUNTED = {"input_tokens": 7, "cache_read_input_tokens": 3, "output_tokens": 5, "service_tier": "standard"}
EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def explode(answer: Any) -> bytes:
    return MESSAGES.explode(json.dumps(answer).encode(), REQUEST, include_usage=True)


def events(stream: bytes) -> list[dict[str, Any]]:
    """The data of each event, which is named as its data say."""
    found = [(each.event.decode(), json.loads(each.data or b"")) for each in parse_events(stream)]
    assert all(name == document["type"] for name, document in found)
    return [document for _, document in found]


def message(*content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    envelope = {"id": "msg", "type": "message", "role": "assistant", "model": "m", "content": list(content)}
    return envelope | {"stop_reason": "end_turn", "stop_sequence": None, "usage": COUNTED} | fields


@pytest.mark.parametrize("name", ANSWERS)
def test_a_real_answer_comes_back_when_its_stream_is_collected(name: str) -> None:
    stream = explode(ANSWERS[name])
    assert collect(stream) == ANSWERS[name]
    follower = MESSAGES.follow(REQUEST, hide_usage=False)
    assert b"".join(follower.feed(whole) for whole in blocks([stream])) == stream
    assert follower.complete()
    assert follower.usage == MESSAGES.read_answer(json.dumps(ANSWERS[name]).encode())


@pytest.mark.parametrize("name", sorted(ANSWERS.keys() - {"unknown_kinds"}))
def test_the_official_sdk_takes_every_event_and_gathers_the_answer(name: str) -> None:
    stream = explode(ANSWERS[name])
    assert without_nulls(sdk_message(stream)) == without_nulls(ANSWERS[name])
    for each in parse_events(stream):
        EVENT.validate_json(each.data or b"", strict=True)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=3)
UNKNOWN = st.dictionaries(st.sampled_from(["x_one", "id", "name", "role", "Ünknown", ""]), VALUES, max_size=3)
KNOWN_BLOCKS = [
    st.fixed_dictionaries(
        {"type": st.just("text"), "text": st.text()},
        optional={"citations": st.none() | st.lists(OBJECTS, max_size=3)},
    ),
    st.fixed_dictionaries({"type": st.just("thinking"), "thinking": st.text(), "signature": st.text()}),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["tool_use", "server_tool_use", "mcp_tool_use"]),
            "id": st.text(),
            "name": st.text(),
            "input": OBJECTS,
        }
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["web_search_tool_result", "redacted_thinking", "new", ""])},
        optional={"content": VALUES, "data": VALUES, "input": VALUES, "text": VALUES, "citations": VALUES},
    ),
]
BLOCKS = st.one_of(*KNOWN_BLOCKS)
USAGE = st.fixed_dictionaries(
    {"output_tokens": st.integers(min_value=0)},
    optional={
        "input_tokens": st.integers(min_value=0),
        "cache_read_input_tokens": st.none() | st.integers(min_value=0),
        "server_tool_use": st.none() | OBJECTS,
        "x": VALUES,
    },
)


@st.composite
def answers(draw: st.DrawFn) -> dict[str, Any]:
    """A message, known and unknown members mixed."""
    content = [draw(UNKNOWN) | block for block in draw(st.lists(BLOCKS, max_size=4))]
    fields = draw(
        st.fixed_dictionaries(
            {"id": st.text(), "model": st.text(), "usage": USAGE},
            optional={
                "stop_reason": st.sampled_from([None, "end_turn", "max_tokens", "tool_use"]),
                "stop_sequence": st.none() | st.text(),
                "stop_details": st.none() | OBJECTS,
                "container": st.none() | OBJECTS,
                "context_management": VALUES,
            },
        )
    )
    known = fields | {"type": "message", "role": "assistant", "content": content}
    return draw(st.dictionaries(st.sampled_from(["x_one", "Ünknown", ""]), VALUES, max_size=2)) | known


@given(answers())
@settings(deadline=None)
def test_any_answer_comes_back_when_its_stream_is_collected(answer: dict[str, Any]) -> None:
    assert collect(explode(answer)) == answer


def test_a_message_comes_as_start_blocks_reason_and_stop() -> None:
    citation = {"type": "char_location", "cited_text": "c"}
    found = events(
        explode(
            message(
                {"type": "thinking", "thinking": "hm", "signature": "sig"},
                {"type": "text", "text": "hi", "citations": [citation]},
                {"type": "tool_use", "id": "t", "name": "n", "input": {"a": [1]}},
                {"type": "redacted_thinking", "data": "x"},
                {"type": "tool_use", "id": "u", "name": "n", "input": {}},
                stop_reason="tool_use",
                container={"id": "c"},
            )
        )
    )
    first, *middle, reason, stop = found
    assert first["message"] == message(stop_reason=None, container=None, usage=COUNTED | {"output_tokens": 0})
    assert [(each["index"], each.get("content_block"), each.get("delta")) for each in middle] == [
        (0, {"type": "thinking", "thinking": "", "signature": ""}, None),
        (0, None, {"type": "thinking_delta", "thinking": "hm"}),
        (0, None, {"type": "signature_delta", "signature": "sig"}),
        (0, None, None),
        (1, {"type": "text", "text": "", "citations": []}, None),
        (1, None, {"type": "text_delta", "text": "hi"}),
        (1, None, {"type": "citations_delta", "citation": citation}),
        (1, None, None),
        (2, {"type": "tool_use", "id": "t", "name": "n", "input": {}}, None),
        (2, None, {"type": "input_json_delta", "partial_json": '{"a":[1]}'}),
        (2, None, None),
        (3, {"type": "redacted_thinking", "data": "x"}, None),
        (3, None, None),
        (4, {"type": "tool_use", "id": "u", "name": "n", "input": {}}, None),
        (4, None, None),
    ]
    assert reason == {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None, "container": {"id": "c"}},
        "usage": COUNTED,
    }
    assert stop == {"type": "message_stop"}


def test_a_block_that_is_not_known_to_have_deltas_comes_whole() -> None:
    unknown = {"type": "hologram", "text": "a", "input": {"a": 1}, "citations": [1], "signature": "s"}
    _, started, *rest = events(explode(message(unknown)))
    assert started == {"type": "content_block_start", "index": 0, "content_block": unknown}
    assert [each["type"] for each in rest] == ["content_block_stop", "message_delta", "message_stop"]


def test_an_answer_that_counts_nothing_gets_the_zeros_that_the_official_sdk_can_not_do_without() -> None:
    answer = message({"type": "text", "text": "hi"})
    del answer["usage"], answer["stop_sequence"]
    for body in (answer, answer | {"usage": None}, answer | {"usage": {}}):
        stream = explode(body)
        assert sdk_message(stream)["usage"] == {"output_tokens": 0}
        assert collect(stream) == answer | {"usage": {"output_tokens": 0}}


def test_half_a_surrogate_pair_survives() -> None:
    body = b'{"content":[{"type":"text","text":"\\ud83d!"},{"type":"tool_use","input":{"a":"\\ud83d!"}}]}'
    stream = MESSAGES.explode(body, REQUEST, include_usage=True)
    assert collect(stream)["content"] == json.loads(body)["content"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"content":null}',
        b'{"content":"hi"}',
        b'{"content":{}}',
        b'{"content":["hi"]}',
        b'{"content":[{"type":"text","text":NaN}]}',
        b'{"choices":[{"message":{"content":"hi"}}]}',
        pytest.param(b'{"content":' + b"[" * 100_000, id="deep"),
    ],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        MESSAGES.explode(body, REQUEST, include_usage=True)


@pytest.mark.parametrize(
    "body",
    [
        {"type": "error", "error": {"type": "rate_limit_error", "message": "boom"}},
        {"error": {"type": "rate_limit_error", "message": "boom"}, "content": []},
        {"type": "error", "message": "boom", "status": 429},
    ],
)
def test_an_error_under_a_good_status_is_an_error(body: dict[str, Any]) -> None:
    with pytest.raises(UpstreamReported, match="boom") as caught:
        explode(body)
    assert caught.value.status == 429
