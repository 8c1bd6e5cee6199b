"""There and back through the chat API: streams tell what JSON does, and OpenAI's own helper takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from neutral_samples import (
    ANSWERS,
    CONVERSATIONS,
    STREAMS,
    calls,
    conversations,
    counts,
    gather,
    names,
    refusals,
    signed_thoughts,
    some_tokens,
    streamed,
    texts,
    thoughts,
    words,
)
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from sluiceway.dialects.base import DialectRequest
from sluiceway.dialects.chat import CHAT
from sluiceway.translate.chat import CHAT_TRANSLATOR
from sluiceway.translate.neutral import (
    Answer,
    Call,
    Conversation,
    Delta,
    Refusal,
    Stop,
    Text,
    Thinking,
)
from sluiceway.wire.sse import SseParser

REQUEST: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsNonStreaming)
GOLDEN = Path(__file__).parents[1] / "golden" / "chat"
# Errors, speech, and tools that take no JSON have no answer that could be translated.
UNTRANSLATED = ("audio", "openrouter_error", "tool_calls_parallel")
GOLDENS = {
    path.stem: path.read_bytes()
    for path in sorted(GOLDEN.glob("*.sse"))
    if path.stem not in UNTRANSLATED
}  # fmt: skip
bounded = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def written(deltas: list[Delta]) -> bytes:
    writer = CHAT_TRANSLATOR.write_stream(include_usage=True)
    return b"".join(map(writer.feed, deltas))


def read(*pieces: bytes) -> list[Delta]:
    """What the reader makes of a stream that comes in these pieces."""
    parser, reader = SseParser(0), CHAT_TRANSLATOR.read_stream()
    events = [event for piece in pieces for event in parser.feed(piece)] + parser.flush()
    return [delta for event in events for delta in reader.feed(event)] + reader.finish()


def chat_order(answer: Answer) -> Answer:
    """As a chat message can say it: one thought, one text, one refusal, then the calls; no signatures."""
    thought = "".join(part.text for part in answer.parts if isinstance(part, Thinking))
    text = "".join(part.text for part in answer.parts if isinstance(part, Text))
    refusal = "".join(part.text for part in answer.parts if isinstance(part, Refusal))
    parts: list[Any] = [Thinking(thought)] if thought else []
    parts += [Text(text)] if text else []
    parts += [Refusal(refusal)] if refusal else []
    parts += [part for part in answer.parts if isinstance(part, Call)]
    return msgspec.structs.replace(answer, parts=tuple(parts))


def as_said(answer: Answer) -> Answer:
    """As a chat stream can say it: parts in their order, but neighbours of one kind are one."""
    parts: list[Any] = []
    for part in answer.parts:
        if isinstance(part, Thinking) and not part.text:
            continue
        if isinstance(part, Thinking):
            part = Thinking(part.text)
        last = parts[-1] if parts else None
        if isinstance(part, Text | Thinking | Refusal) and type(last) is type(part):
            parts[-1] = type(part)(last.text + part.text)
        else:
            parts.append(part)
    return msgspec.structs.replace(answer, parts=tuple(parts))


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """Anything that ends in a way that a chat answer can say, parts in any order."""
    parts = tuple(draw(st.lists(thoughts | signed_thoughts | texts | refusals | calls, max_size=5)))
    whole: Stop = "calls" if any(isinstance(part, Call) for part in parts) else "end"
    whole = "refusal" if any(isinstance(part, Refusal) for part in parts) else whole
    return Answer(
        id=draw(names),
        model=draw(words),
        parts=parts,
        stop=draw(st.sampled_from([whole, "length", "filter"])),
        created=draw(counts),
        tokens=draw(st.none() | some_tokens),
    )


@pytest.mark.parametrize("name", GOLDENS)
def test_every_split_of_a_stream_gives_the_same_deltas(name: str) -> None:
    stream = GOLDENS[name]
    whole = read(stream)
    gather(whole)
    for cut in range(0, len(stream), 7):
        assert read(stream[:cut], stream[cut:]) == whole


@bounded
@given(streamed(answers()))
def test_a_written_stream_reads_as_the_answer_it_carries(case: tuple[Answer, list[Delta]]) -> None:
    answer, deltas = case
    assert gather(deltas) == answer
    assert gather(read(written(deltas))) == as_said(answer)


@bounded
@given(answers())
def test_a_written_answer_reads_as_it_was_but_for_the_order_of_its_parts(answer: Answer) -> None:
    document = json.loads(json.dumps(CHAT_TRANSLATOR.write_answer(answer)))
    assert CHAT_TRANSLATOR.read_answer(document) == chat_order(answer)


@bounded
@given(streamed(answers()))
def test_a_stream_collects_to_the_json_of_its_answer(case: tuple[Answer, list[Delta]]) -> None:
    answer, deltas = case
    collector = CHAT.collect(DialectRequest(body=b"{}", fields={}, model="m", stream=True), max_bytes=0)
    collector.feed(written(deltas))
    collected = json.loads(collector.result())
    whole = CHAT_TRANSLATOR.write_answer(answer)
    for document in (collected, whole):  # null and empty text, null and missing refusal, say the same
        message = document["choices"][0]["message"]
        message["content"] = message["content"] or None
        message["refusal"] = message.get("refusal")
    assert collected == whole


@bounded
@given(streamed(answers()))
def test_openais_helper_takes_every_stream(case: tuple[Answer, list[Delta]]) -> None:
    answer, deltas = case
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    events = SseParser(0).feed(written(deltas))
    for event in events[:-1]:
        # The helper raises for answers that are cut, by intention, so it hears of those as whole.
        data = json.loads(event.data or b"")
        for choice in data["choices"]:
            if choice["finish_reason"] in ("length", "content_filter"):
                choice["finish_reason"] = "stop"
        list(state.handle_chunk(ChatCompletionChunk.model_validate(data, strict=True)))
    message = state.get_final_completion().choices[0].message
    expected = CHAT_TRANSLATOR.write_answer(answer)["choices"][0]["message"]
    assert (message.content or "") == (expected["content"] or "")
    assert (message.refusal or "") == (expected["refusal"] or "")
    found = [
        (call.id, call.function.name, call.function.arguments)
        for call in message.tool_calls or ()
        if call.type == "function"
    ]
    assert found == [(call.id, call.name, call.arguments) for call in answer.parts if isinstance(call, Call)]


@bounded
@given(conversations() | st.sampled_from(list(CONVERSATIONS.values())))
def test_a_conversation_comes_back_from_its_request(conversation: Conversation) -> None:
    request = json.loads(json.dumps(CHAT_TRANSLATOR.write_request(conversation)))
    REQUEST.validate_python({name: value for name, value in request.items() if name != "stream"})
    asked = conversation.stream and conversation.include_usage
    expected = msgspec.structs.replace(conversation, include_usage=asked)
    assert CHAT_TRANSLATOR.read_request(request) == expected


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_comes_back_from_its_json_and_from_its_stream(name: str) -> None:
    answer = ANSWERS[name]
    assert gather(read(written(STREAMS[name]))) == answer
    assert CHAT_TRANSLATOR.read_answer(CHAT_TRANSLATOR.write_answer(answer)) == answer


def test_calls_that_are_open_side_by_side_keep_their_pieces() -> None:
    assert gather(read(written(STREAMS["calls side by side"]))) == ANSWERS["calls"]
