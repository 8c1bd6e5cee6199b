"""Chat answers, whole and streamed: read, written, and read again."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from responses_samples import answer_of, calls, refusals, texts, words

from sluiceway.errors import UpstreamInvalid, UpstreamTruncated
from sluiceway.translate.chat import CHAT_TRANSLATOR
from sluiceway.translate.neutral import (
    Answer,
    Begin,
    Call,
    Delta,
    End,
    Image,
    PartBegin,
    PartDelta,
    PartEnd,
    PartSignature,
    Refusal,
    Stop,
    Text,
    Thinking,
    Tokens,
)
from sluiceway.wire.sse import SseEvent, encode_event, parse_events

GOLDEN = Path(__file__).parents[1] / "golden" / "chat"
ANSWERS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob("*.json"))}
# Speech, and tools that take no JSON, have no place in a translation.
TRANSLATED = [name for name in ANSWERS if name not in ("audio", "tool_calls_parallel")]
DONE = b"data: [DONE]\n\n"
bounded = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


def deltas_of(stream: bytes, *, finish: bool = True) -> list[Delta]:
    reader = CHAT_TRANSLATOR.read_stream()
    found = [delta for event in parse_events(stream) for delta in reader.feed(event)]
    return found + (reader.finish() if finish else [])


def written(deltas: list[Delta], *, include_usage: bool = True) -> bytes:
    writer = CHAT_TRANSLATOR.write_stream(include_usage=include_usage)
    return b"".join(map(writer.feed, deltas))


def joined(answer: Answer) -> Answer:
    """With the halves of a character joined that came in two events, as they are when JSON is read again."""
    parts = tuple(
        Text(part.text.encode("utf-16", "surrogatepass").decode("utf-16")) if isinstance(part, Text) else part
        for part in answer.parts
    )
    return msgspec.structs.replace(answer, parts=parts)


def chunk(delta: Any, finish: str | None = None, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return encode_event(
        json.dumps({"id": "c", "model": "m", "created": 5, "choices": [choice]} | fields).encode()
    )


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_stream_means_what_its_json_means(name: str) -> None:
    stream = (GOLDEN / f"{name}.sse").read_bytes()
    expected = CHAT_TRANSLATOR.read_answer(ANSWERS[name])
    assert joined(answer_of(deltas_of(stream))) == expected


def test_an_answer_is_read() -> None:
    answer = {
        "id": "c",
        "created": 5,
        "model": "m",
        "choices": [
            {"index": 1, "message": {"content": "other"}},
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hi",
                    "reasoning": "hm",
                    "tool_calls": [{"id": "", "function": {"name": "f", "arguments": "{}"}}],
                    "function_call": {"name": "g", "arguments": ""},
                },
                "finish_reason": "stop",
            },
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}},
    }
    assert CHAT_TRANSLATOR.read_answer(answer) == Answer(
        id="c",
        model="m",
        created=5,
        parts=(Thinking("hm"), Text("Hi"), Call("call_c_0", "f", "{}"), Call("call_g", "g", "")),
        stop="calls",
        tokens=Tokens(input=3, output=2, cached=1),
    )


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": []},
        {"choices": [{"message": None}]},
        {"choices": [{"message": {"audio": {"id": "a"}}}]},
        {"choices": [{"message": {"tool_calls": [{"id": "c", "custom": {"name": "x"}}]}}]},
    ],
)
def test_what_is_no_text_answer_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(UpstreamInvalid):
        CHAT_TRANSLATOR.read_answer(answer)


@pytest.mark.parametrize(
    ("stop", "parts", "reason"),
    [
        ("end", (Text("a"),), "stop"),
        ("length", (), "length"),
        ("calls", (Call("c", "f", ""),), "tool_calls"),
        ("filter", (), "content_filter"),
        ("stop_sequence", (Text("a"),), "stop"),
        ("refusal", (Text("a"),), "content_filter"),
        ("refusal", (Refusal("no"),), "stop"),
        ("pause", (), "stop"),
        (None, (), "stop"),
        (None, (Call("c", "f", ""),), "tool_calls"),
    ],
)
def test_each_stop_has_its_finish_reason(stop: Stop | None, parts: Any, reason: str) -> None:
    answer = Answer(id="c", model="m", parts=parts, stop=stop)
    assert CHAT_TRANSLATOR.write_answer(answer)["choices"][0]["finish_reason"] == reason


def test_a_picture_has_no_place_in_an_answer() -> None:
    with pytest.raises(UpstreamInvalid):
        CHAT_TRANSLATOR.write_answer(Answer(id="c", model="m", parts=(Image(url="x"),), stop="end"))


def test_a_call_that_comes_in_turns_with_another_keeps_its_pieces() -> None:
    first = {"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}
    second = {"index": 1, "id": "b", "function": {"name": "g", "arguments": "2"}}
    stream = (
        chunk({"tool_calls": [first]})
        + chunk({"tool_calls": [second]})
        + chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1"}}]})
        + chunk({"tool_calls": [{"index": 1, "function": {"arguments": "3"}}]}, "tool_calls")
        + DONE
    )
    assert answer_of(deltas_of(stream)).parts == (Call("a", "f", "1"), Call("b", "g", "23"))


def test_a_call_whose_name_comes_late_is_held_until_it_does() -> None:
    stream = (
        chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"arguments": "1"}}]})
        + chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "2"}}]}, "tool_calls")
        + DONE
    )
    assert answer_of(deltas_of(stream)).parts == (Call("a", "f", "12"),)
    with pytest.raises(UpstreamInvalid):
        deltas_of(chunk({"tool_calls": [{"index": 0, "id": "a"}]}) + DONE)


def test_a_call_can_not_go_on_after_text() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "1"}}
    with pytest.raises(UpstreamInvalid):
        deltas_of(
            chunk({"tool_calls": [call]})
            + chunk({"content": "x"})
            + chunk({"tool_calls": [{"index": 0, "function": {"arguments": "2"}}]})
        )


def test_usage_counts_wherever_it_comes() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    for stream in (
        chunk({"content": "a"}, "stop", usage=usage),
        chunk({"content": "a"}, "stop") + chunk({}, choices=[], usage=usage),
    ):
        assert answer_of(deltas_of(stream + DONE)).tokens == Tokens(input=1, output=2)


def test_nothing_is_said_twice_at_the_end() -> None:
    reader = CHAT_TRANSLATOR.read_stream()
    reader.feed(SseEvent(b"", data=json.dumps({"choices": [{"delta": {"content": "a"}}]}).encode()))
    assert [type(delta) for delta in reader.feed(SseEvent(b"", data=b"[DONE]"))] == [PartEnd, End]
    assert reader.finish() == []
    assert reader.feed(SseEvent(b"", data=b"[DONE]")) == []


def test_an_event_that_is_not_json_can_not_be_translated() -> None:
    with pytest.raises(UpstreamInvalid):
        deltas_of(b"data: {oops\n\n")


def test_errors_are_chats_own() -> None:
    event = CHAT_TRANSLATOR.write_stream(include_usage=True).error_event(UpstreamTruncated("It stopped."))
    assert json.loads(parse_events(event)[0].data or b"")["error"]["code"] == "upstream_truncated"


def test_usage_is_written_only_for_those_who_asked() -> None:
    deltas: list[Delta] = [Begin("c", "m"), End("end", tokens=Tokens(1, 2))]
    assert b'"usage"' in written(deltas)
    assert b'"usage"' not in written(deltas, include_usage=False)
    assert b'"usage"' not in written([Begin("c", "m"), End("end", tokens=Tokens(input=1))])


def test_what_only_other_apis_know_is_left_out_of_a_stream() -> None:
    deltas: list[Delta] = [
        Begin("c", "m"),
        PartBegin(0, "sealed"),
        PartDelta(0, "secret"),
        PartEnd(0),
        PartBegin(1, "thinking"),
        PartDelta(1, "hm"),
        PartSignature(1, "signed"),
        PartEnd(1),
        End("end"),
    ]
    stream = written(deltas)
    assert b"secret" not in stream
    assert b"signed" not in stream
    assert b'"reasoning_content":"hm"' in stream


# ── anything that an answer can be ──────────────────────────────────────────────────────────────────


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """In the order in which a chat message has its parts, one of each but calls."""
    thinking = [Thinking(draw(words))] if draw(st.booleans()) else []
    said = [draw(texts)] if draw(st.booleans()) else []
    refused = [draw(refusals)] if draw(st.booleans()) else []
    called = draw(st.lists(calls, max_size=2, unique_by=lambda call: call.id))
    stops: list[Stop] = ["length", "filter"]
    stops.append("refusal" if refused else "calls" if called else "end")
    return Answer(
        id=draw(words),
        model=draw(words),
        created=draw(st.integers(0, 2**40)),
        parts=(*thinking, *said, *refused, *called),
        stop=draw(st.sampled_from(stops)),
        tokens=draw(st.none() | st.builds(Tokens, input=st.integers(1, 9), output=st.integers(1, 9))),
    )


@bounded
@given(answers())
def test_an_answer_that_is_written_is_read_as_it_was(answer: Answer) -> None:
    document = CHAT_TRANSLATOR.write_answer(answer)
    assert CHAT_TRANSLATOR.read_answer(document) == answer
    ChatCompletion.model_validate(document, strict=True)


@bounded
@given(answers(), st.data())
def test_a_stream_that_is_written_is_read_as_it_was(answer: Answer, data: st.DataObject) -> None:
    deltas: list[Delta] = [Begin(answer.id, answer.model, answer.created)]
    for index, part in enumerate(answer.parts):
        kind: Any = type(part).__name__.lower()
        text = part.arguments if isinstance(part, Call) else part.text  # type: ignore[union-attr]
        name, call_id = (part.name, part.id) if isinstance(part, Call) else ("", "")
        cut = data.draw(st.integers(0, len(text)))
        deltas.append(PartBegin(index, kind, call_id, name))
        deltas += [PartDelta(index, piece) for piece in (text[:cut], text[cut:]) if piece]
        deltas.append(PartEnd(index))
    deltas.append(End(answer.stop, tokens=answer.tokens))
    stream = written(deltas)
    assert stream.endswith(DONE)
    assert answer_of(deltas_of(stream)) == answer
    for event in parse_events(stream)[:-1]:
        ChatCompletionChunk.model_validate_json(event.data or b"", strict=True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=6,
)
deltas_or_junk = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("content", "reasoning", "tool_calls", "function_call", "refusal"), json_values),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(deltas_or_junk | json_values, max_size=4), json_values)
def test_no_stream_and_no_answer_does_worse_than_being_refused(found: list[Any], usage: Any) -> None:
    stream = b"".join(chunk(delta, usage=usage) for delta in found)
    with suppress(UpstreamInvalid):
        answer_of(deltas_of(stream))
    with suppress(UpstreamInvalid):
        CHAT_TRANSLATOR.read_answer({"choices": [{"message": delta} for delta in found], "usage": usage})
