"""Chat as it is really sent: what must not be lost, invented, or said of a broken answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sluiceway.dialects.base import DialectRequest
from sluiceway.errors import InvalidRequest, UpstreamInvalid
from sluiceway.translate.chat import CHAT_TRANSLATOR
from sluiceway.translate.crossing import Translation
from sluiceway.translate.neutral import (
    Answer,
    Call,
    CallResult,
    Conversation,
    Delta,
    End,
    File,
    Message,
    PartDelta,
    Text,
    Thinking,
    Tokens,
)
from sluiceway.translate.table import SIDES
from sluiceway.wire.sse import encode_event, parse_events

DONE = b"data: [DONE]\n\n"
REQUEST = DialectRequest(body=b"{}", fields={}, model="m", stream=True)


def chunk(delta: Any, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return encode_event(json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode())


def read(stream: bytes) -> list[Delta]:
    reader = CHAT_TRANSLATOR.read_stream()
    return [delta for event in parse_events(stream) for delta in reader.feed(event)] + reader.finish()


def answer(message: dict[str, Any], **fields: Any) -> Answer:
    return CHAT_TRANSLATOR.read_answer({"id": "c", "choices": [{"message": message}]} | fields)


def parts_of(*content: dict[str, Any]) -> tuple[Any, ...]:
    request = {"model": "m", "messages": [{"role": "user", "content": list(content)}]}
    return CHAT_TRANSLATOR.read_request(request).messages[0].parts


@pytest.mark.parametrize(
    "error",
    [
        b'data: {"error":{"message":"boom"}}\n\n',
        b'data: {"object":"error","message":"boom"}\n\n',
        b"event: error\ndata: boom\n\n",
    ],
    ids=["OpenAI", "vLLM", "named"],
)
@pytest.mark.parametrize("client", ["messages", "responses"])
def test_a_broken_answer_is_never_said_to_be_whole(client: str, error: bytes) -> None:
    """Though `[DONE]` follows the error, and even in the same read."""
    crossing = Translation(REQUEST, REQUEST, SIDES[client], SIDES["chat"], include_usage=True, max_bytes=0)
    follower = crossing.follow()
    said = follower.feed(chunk({"content": "half"})) + follower.feed(error + DONE)
    assert follower.ended
    assert b"boom" in said
    assert b"message_stop" not in said
    assert b"response.completed" not in said


def test_after_an_error_nothing_is_read() -> None:
    deltas = read(chunk({"content": "half"}) + b'data: {"error":{"message":"boom"}}\n\n' + DONE)
    assert not any(isinstance(delta, End) for delta in deltas)


def test_a_stream_without_a_choice_is_no_answer() -> None:
    with pytest.raises(UpstreamInvalid):
        read(DONE)
    with pytest.raises(UpstreamInvalid):
        CHAT_TRANSLATOR.read_stream().finish()


def test_arguments_that_are_an_object_are_carried_as_json() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": 1}}}
    assert answer({"tool_calls": [call]}).parts == (Call("a", "f", '{"x":1}'),)
    assert PartDelta(0, '{"x":1}') in read(chunk({"tool_calls": [call]}) + DONE)


@pytest.mark.parametrize("message", [{"images": [{"type": "image_url"}]}, {"audio": {"id": "a"}}])
def test_pictures_and_speech_in_an_answer_do_not_vanish_from_it(message: dict[str, Any]) -> None:
    with pytest.raises(UpstreamInvalid):
        answer(message | {"content": "x"})
    with pytest.raises(UpstreamInvalid):
        read(chunk(message) + DONE)


def test_tokens_that_were_written_to_the_cache_are_counted() -> None:
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 5},
    }
    found = answer({"content": "x"}, usage=usage)
    assert found.tokens == Tokens(input=9, output=1, cached=2, cache_written=5)
    assert CHAT_TRANSLATOR.write_answer(found)["usage"] == usage | {"total_tokens": 10}


def test_usage_that_says_nothing_which_has_a_place_is_no_usage() -> None:
    assert answer({"content": "x"}, usage={"total_tokens": 9}).tokens is None


def test_a_refusal_without_a_finish_reason_ends_as_one_with_stop_does() -> None:
    assert read(chunk({"refusal": "No."}) + DONE)[-1] == End("refusal")
    assert answer({"refusal": "No."}).stop == "refusal"


def test_thoughts_within_thoughts_are_not_followed() -> None:
    nested: Any = {"type": "text", "text": "deep"}
    for _ in range(5000):
        nested = {"type": "thinking", "thinking": [nested]}
    plain = {"type": "thinking", "thinking": "plain"}
    assert answer({"content": [plain, nested]}).parts == (Thinking("plain"),)


def test_empty_text_is_no_part() -> None:
    assert parts_of({"type": "text", "text": ""}, {"type": "text", "text": "x"}) == (Text("x"),)


@pytest.mark.parametrize("url", ["aGVsbG8=", "ftp://x/a.png", "data:;base64,", "data:image/png;base64,"])
def test_a_picture_that_nobody_can_open_is_refused_by_name(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parts_of({"type": "image_url", "image_url": {"url": url}})
    assert caught.value.param == "messages[0].content[0].image_url.url"


def test_a_file_is_data_a_url_or_refused_by_name() -> None:
    assert parts_of({"type": "file", "file": {"file_data": "https://x/a.pdf", "filename": "a"}}) == (
        File(url="https://x/a.pdf", name="a"),
    )
    with pytest.raises(InvalidRequest) as caught:
        parts_of({"type": "file", "file": {"filename": "a.pdf"}})
    assert caught.value.param == "messages[0].content[0].file.file_data"


def test_a_web_search_is_asked_for_by_an_empty_object_too() -> None:
    request = {"model": "m", "messages": [{"role": "user", "content": "x"}], "web_search_options": {}}
    assert CHAT_TRANSLATOR.read_request(request).lost == ("web_search_options",)


def test_the_highest_effort_is_the_highest_that_all_know() -> None:
    request = {"model": "m", "messages": [{"role": "user", "content": "x"}], "reasoning_effort": "max"}
    assert CHAT_TRANSLATOR.read_request(request).effort == "xhigh"


def test_no_arguments_are_written_as_an_empty_object_for_upstreams_that_parse_them() -> None:
    turns = (Message("assistant", (Call("a", "f", ""),)), Message("user", (CallResult("a", ()),)))
    call = CHAT_TRANSLATOR.write_request(Conversation(model="m", messages=turns))["messages"][0]["tool_calls"]
    assert call[0]["function"]["arguments"] == "{}"
