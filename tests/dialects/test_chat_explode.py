"""A JSON answer becomes the stream that would have carried it, and collecting that gives it back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chat_streams import ANSWERS, DONE, REQUEST, blocks, collect
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from sluiceway.dialects.chat import CHAT
from sluiceway.errors import UpstreamInvalid, UpstreamReported
from sluiceway.wire.sse import parse_events


def explode(answer: Any, *, include_usage: bool = True) -> bytes:
    return CHAT.explode(json.dumps(answer).encode(), REQUEST, include_usage=include_usage)


def chunks(stream: bytes) -> list[dict[str, Any]]:
    *events, last = parse_events(stream)
    assert last.data == b"[DONE]"
    return [json.loads(found.data or b"") for found in events]


@pytest.mark.parametrize("name", ANSWERS)
def test_a_real_answer_comes_back_when_its_stream_is_collected(name: str) -> None:
    stream = explode(ANSWERS[name])
    assert collect(stream) == ANSWERS[name]
    follower = CHAT.follow(REQUEST, hide_usage=False)
    assert b"".join(follower.feed(block) for block in blocks([stream])) == stream
    assert follower.complete()


# The SDK's chunks know neither lists of content parts nor custom tool calls.
@pytest.mark.parametrize("name", sorted(ANSWERS.keys() - {"mistral_thinking", "tool_calls_parallel"}))
def test_the_official_sdk_takes_every_chunk(name: str) -> None:
    for found in chunks(explode(ANSWERS[name])):
        ChatCompletionChunk.model_validate(found, strict=True)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
TEXT = st.none() | st.text()
UNKNOWN = st.dictionaries(st.sampled_from(["x_one", "x_two", "Ünknown", ""]), VALUES, max_size=3)
CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.text(min_size=1),
            "type": st.just("function"),
            "function": st.fixed_dictionaries({"name": st.text(min_size=1), "arguments": st.text()}),
        }
    ),
    min_size=1,
    max_size=3,
)
TOKENS = st.none() | st.lists(
    st.fixed_dictionaries({"token": st.text(), "logprob": st.floats(-9, 0)}), max_size=3
)
LOGPROBS = st.none() | st.fixed_dictionaries({"content": TOKENS, "refusal": TOKENS})


@st.composite
def answers(draw: st.DrawFn) -> dict[str, Any]:
    """A `chat.completion`, known and unknown members mixed."""
    choices = []
    for index in range(draw(st.integers(1, 3))):
        optional = {
            "refusal": TEXT,
            "reasoning_content": TEXT,
            "reasoning": TEXT,
            "tool_calls": CALLS,
            "annotations": st.lists(VALUES, max_size=2),
            "audio": st.fixed_dictionaries({"id": st.text(), "data": st.text(), "expires_at": st.integers()}),
        }
        known = draw(st.fixed_dictionaries({"content": TEXT}, optional=optional))
        choices.append(
            draw(UNKNOWN)
            | {
                "index": index,
                "message": draw(UNKNOWN) | {"role": "assistant"} | known,
                "logprobs": draw(LOGPROBS),
                "finish_reason": draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter"])),
            }
        )
    envelope = {"id": st.text(), "created": st.integers(), "model": st.text()}
    extras = {"usage": st.dictionaries(st.text(), VALUES, min_size=1), "system_fingerprint": TEXT}
    fields = draw(st.fixed_dictionaries(envelope, optional=extras))
    return draw(UNKNOWN) | fields | {"object": "chat.completion", "choices": choices}


@given(answers())
def test_any_answer_comes_back_when_its_stream_is_collected(answer: dict[str, Any]) -> None:
    assert collect(explode(answer)) == answer


def test_a_choice_comes_as_role_thoughts_text_calls_and_reason() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {
        "role": "assistant",
        "content": "text",
        "tool_calls": [call],
        "reasoning_content": "hm",
        "refusal": None,
    }
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": "tool_calls",
        "native_finish_reason": "tool_use",
    }
    found = chunks(
        explode({"id": "x", "created": 1, "model": "m", "object": "chat.completion", "choices": [choice]})
    )
    assert [one["choices"][0]["delta"] for one in found] == [
        {"role": "assistant"},
        {"reasoning_content": "hm"},
        {"content": "text", "refusal": None},
        {"tool_calls": [{"index": 0} | call]},
        {},
    ]
    assert [one["choices"][0]["finish_reason"] for one in found] == [None, None, None, None, "tool_calls"]
    assert found[-1]["choices"][0]["native_finish_reason"] == "tool_use"
    assert {(one["id"], one["created"], one["model"], one["object"]) for one in found} == {
        ("x", 1, "m", "chat.completion.chunk")
    }


def test_usage_is_sent_only_to_those_who_asked() -> None:
    answer = ANSWERS["openai_usage"]
    *_, last = chunks(explode(answer, include_usage=True))
    assert (last["choices"], last["usage"]) == ([], answer["usage"])
    assert b'"usage":' not in explode(answer, include_usage=False).replace(rb"\"usage\"", b"")


def test_asking_for_usage_that_did_not_come_makes_none() -> None:
    assert b'"usage"' not in explode(ANSWERS["no_done"], include_usage=True)


def test_a_reason_that_is_missing_is_not_made_up() -> None:
    stream = explode({"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}]})
    found = chunks(stream)
    assert {one["choices"][0]["finish_reason"] for one in found} == {None}
    assert {one["choices"][0]["index"] for one in found} == {0, 1}
    assert stream.endswith(DONE)


def test_half_a_surrogate_pair_survives() -> None:
    body = b'{"choices":[{"message":{"content":"\\ud83d!"},"finish_reason":"stop"}]}'
    stream = CHAT.explode(body, REQUEST, include_usage=False)
    assert rb"\ud83d!" in stream


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"choices":null}',
        b'{"choices":[]}',
        b'{"choices":{}}',
        b'{"choices":[null]}',
        b'{"choices":[{}]}',
        b'{"choices":[{"message":"hi"}]}',
        b'{"choices":[{"message":{"tool_calls":["x"]}}]}',
        b'{"choices":[{"message":{"content":NaN}}]}',
        pytest.param(b'{"choices":' + b"[" * 100_000, id="deep"),
    ],
)
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        CHAT.explode(body, REQUEST, include_usage=False)


def test_an_error_under_a_good_status_is_an_error() -> None:
    with pytest.raises(UpstreamReported, match="boom") as caught:
        explode({"error": {"message": "boom", "code": 429}, "choices": []})
    assert caught.value.status == 429
    with pytest.raises(UpstreamReported, match="boom"):
        explode({"object": "error", "message": "boom"})
