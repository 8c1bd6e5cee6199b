"""What is written and read again is the same, and Anthropic's own types take it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from anthropic.types import Message as SdkMessage
from anthropic.types import RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from messages_samples import (
    answer_of,
    answers,
    conversations,
    data_of,
    deltas_of,
    json_objects,
    stream_of,
    streamed,
)
from pydantic import TypeAdapter

from sluiceway.errors import GatewayError, InvalidRequest, UpstreamInvalid
from sluiceway.translate.messages import MESSAGES_TRANSLATOR
from sluiceway.translate.neutral import Answer, Conversation, Delta, Thinking
from sluiceway.wire.sse import SseEvent

settings.register_profile(
    "translate", max_examples=60, deadline=None, suppress_health_check=list(HealthCheck)
)
bounded = settings(settings.get_profile("translate"))

REQUEST: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsNonStreaming)
EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def without_sealed(answer: Answer) -> Answer:
    parts = tuple(part for part in answer.parts if not (isinstance(part, Thinking) and part.sealed))
    return msgspec.structs.replace(answer, parts=parts)


@bounded
@given(conversations())
def test_a_conversation_that_the_api_can_say_comes_back_as_it_was(conversation: Conversation) -> None:
    request = MESSAGES_TRANSLATOR.write_request(conversation)
    assert MESSAGES_TRANSLATOR.read_request(request) == conversation


@bounded
@given(conversations())
def test_the_sdk_takes_every_request_that_is_written(conversation: Conversation) -> None:
    request = MESSAGES_TRANSLATOR.write_request(conversation)
    REQUEST.validate_python({name: value for name, value in request.items() if name != "stream"})


@bounded
@given(answers())
def test_an_answer_comes_back_as_it_was_and_the_sdk_takes_it(answer: Answer) -> None:
    written = MESSAGES_TRANSLATOR.write_answer(answer)
    SdkMessage.model_validate(written, strict=True)
    assert MESSAGES_TRANSLATOR.read_answer(written) == answer


@bounded
@given(streamed())
def test_a_written_stream_reads_as_the_answer_it_carries(both: tuple[Answer, list[Delta]]) -> None:
    answer, deltas = both
    stream = stream_of(deltas)
    for data in data_of(stream):
        EVENT.validate_python(data)
    assert answer_of(deltas) == answer
    assert answer_of(deltas_of(stream)) == without_sealed(answer)


@bounded
@given(streamed())
def test_blocks_come_one_after_the_other(both: tuple[Answer, list[Delta]]) -> None:
    opened: int | None = None
    count = 0
    for data in data_of(stream_of(both[1])):
        if data["type"] == "content_block_start":
            assert opened is None
            assert data["index"] == count
            opened, count = count, count + 1
        elif data["type"] == "content_block_delta":
            assert data["index"] == opened
        elif data["type"] == "content_block_stop":
            assert data["index"] == opened
            opened = None
    assert opened is None


TYPES = [
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "text",
    "tool_use",
    "thinking",
    "text_delta",
    "input_json_delta",
    "image",
    "tool_result",
    "user",
]
MEMBERS = [
    "type",
    "text",
    "content",
    "index",
    "delta",
    "message",
    "content_block",
    "usage",
    "input",
    "role",
    "messages",
    "source",
    "id",
    "name",
    "partial_json",
]
JUNK = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.sampled_from(TYPES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=5),
    max_leaves=12,
)


@bounded
@given(st.dictionaries(st.sampled_from(["model", "messages", "system", "tools", "tool_choice"]), JUNK) | JUNK)
def test_nothing_that_a_client_sends_is_worse_than_an_invalid_request(request: Any) -> None:
    with suppress(InvalidRequest):
        MESSAGES_TRANSLATOR.read_request(request if isinstance(request, dict) else {"messages": request})


@bounded
@given(JUNK)
def test_nothing_that_an_upstream_answers_is_worse_than_invalid(answer: Any) -> None:
    with suppress(UpstreamInvalid):
        MESSAGES_TRANSLATOR.read_answer(answer if isinstance(answer, dict) else {"content": answer})


@bounded
@given(st.lists(JUNK, max_size=6))
def test_whatever_an_upstream_streams_its_deltas_keep_the_contract(events: list[Any]) -> None:
    reader = MESSAGES_TRANSLATOR.read_stream()
    try:
        deltas = [d for data in events for d in reader.feed(SseEvent(b"", msgspec.json.encode(data)))]
    except GatewayError:
        return
    answer_of(deltas + reader.finish())


@bounded
@given(json_objects)
def test_unknown_members_are_always_lost(unknown: dict[str, Any]) -> None:
    asked = {f"x{name}": value for name, value in unknown.items() if value not in (None, [])}
    conversation = MESSAGES_TRANSLATOR.read_request({"model": "m", "messages": []} | asked)
    assert sorted(conversation.lost) == sorted(asked)


@pytest.mark.parametrize("name", ["read_request", "read_answer"])
def test_an_empty_object_is_refused(name: str) -> None:
    with pytest.raises(GatewayError):
        getattr(MESSAGES_TRANSLATOR, name)({})
