"""There and back: what the Responses API can say keeps its meaning, and its streams tell what its JSON does."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter
from responses_samples import (
    EVENTS,
    answer_of,
    answers,
    conversations,
    data_of,
    deltas_of,
    names,
    sealed,
    stream_of,
    streamed,
    words,
)

from sluiceway.dialects.base import DialectRequest
from sluiceway.dialects.responses import RESPONSES
from sluiceway.translate.neutral import Answer, Conversation, Delta, Refusal, Thinking
from sluiceway.translate.responses import RESPONSES_TRANSLATOR

bounded = settings(max_examples=60, deadline=None)

REQUEST = DialectRequest(body=b"{}", fields={}, model="m", stream=True)
PARAMS: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsNonStreaming)

# An item of an answer always has an id, so that of a thought is among what comes back.
shown = st.builds(Thinking, text=words, id=names)
opaque = st.builds(lambda thinking, name: Thinking(*_fields(thinking), id=name), sealed, names)


def _fields(thinking: Thinking) -> tuple[str, str, str, str]:
    return thinking.text, thinking.signature, thinking.sealed, thinking.sealed_by


@bounded
@given(conversations())
def test_a_conversation_comes_back_from_its_request(conversation: Conversation) -> None:
    request = RESPONSES_TRANSLATOR.write_request(conversation)
    assert RESPONSES_TRANSLATOR.read_request(json.loads(json.dumps(request))) == conversation


@bounded
@given(conversations())
def test_the_official_types_take_every_request(conversation: Conversation) -> None:
    """All but refusals and thoughts without their ids, which OpenAI takes and its types do not."""
    parts = [part for message in conversation.messages for part in message.parts]
    assume(not any(isinstance(part, Refusal) for part in parts))
    assume(all(part.id for part in parts if isinstance(part, Thinking)))
    request = RESPONSES_TRANSLATOR.write_request(conversation)
    taken = PARAMS.validate_python({name: value for name, value in request.items() if name != "stream"})
    assert len(taken["input"]) == len(request["input"])
    assert len(list(taken.get("tools", ()))) == len(conversation.tools)


@bounded
@given(answers(thoughts=shown | opaque))
def test_an_answer_comes_back_from_its_json_and_the_official_type_takes_it(answer: Answer) -> None:
    written = RESPONSES_TRANSLATOR.write_answer(answer)
    Response.model_validate_json(json.dumps(written), strict=True)
    assert RESPONSES_TRANSLATOR.read_answer(written) == answer


@bounded
@given(streamed())
def test_an_answer_comes_back_from_its_stream(case: tuple[Answer, list[Delta]]) -> None:
    answer, deltas = case
    assert answer_of(deltas_of(stream_of(deltas))) == answer


@bounded
@given(streamed())
def test_a_stream_ends_with_the_response_that_its_json_is(case: tuple[Answer, list[Delta]]) -> None:
    answer, deltas = case
    assert data_of(stream_of(deltas))[-1]["response"] == RESPONSES_TRANSLATOR.write_answer(answer)


@bounded
@given(streamed())
def test_the_official_types_and_helper_take_every_stream(case: tuple[Answer, list[Delta]]) -> None:
    answer, deltas = case
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    fired: list[Any] = []
    for data in data_of(stream_of(deltas)):
        fired += state.handle_event(EVENTS.validate_json(json.dumps(data), strict=True))
    last = fired[-1]
    cut = answer.stop in ("length", "filter")
    assert last.type == ("response.incomplete" if cut else "response.completed")
    assert [item.type for item in last.response.output] == [
        item["type"] for item in RESPONSES_TRANSLATOR.write_answer(answer)["output"]
    ]


@bounded
@given(streamed())
def test_the_dialect_agrees_about_every_stream(case: tuple[Answer, list[Delta]]) -> None:
    """Its follower sees the end, its collector makes the JSON, and what it makes of the JSON is the answer."""
    answer, deltas = case
    stream, whole = stream_of(deltas), RESPONSES_TRANSLATOR.write_answer(answer)
    follower = RESPONSES.follow(REQUEST, hide_usage=False)
    assert follower.feed(stream) == stream
    assert follower.complete()
    collector = RESPONSES.collect(REQUEST, max_bytes=0)
    collector.feed(stream)
    assert json.loads(collector.result()) == whole
    exploded = RESPONSES.explode(json.dumps(whole).encode(), REQUEST, include_usage=True)
    assert answer_of(deltas_of(exploded)) == answer
