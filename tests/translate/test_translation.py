"""A crossing between dialects: requests sent, streams, answers and errors brought back, limits kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from messages_samples import calls, texts, words

from sluiceway.dialects.base import DialectRequest, Usage
from sluiceway.errors import (
    EventTooLarge,
    InvalidRequest,
    UpstreamInvalid,
    UpstreamReported,
    UpstreamTruncated,
)
from sluiceway.translate.crossing import Translated, Translation, translate
from sluiceway.translate.neutral import Answer, Call, CallResult, Conversation, Message, Text, Tokens
from sluiceway.translate.table import SIDES
from sluiceway.wire.sse import encode_event, parse_events

CHAT = {"model": "mine", "messages": [{"role": "user", "content": "Hi"}]}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "theirs",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
bounded = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
USAGE = Usage(input_tokens=3, output_tokens=2, total_tokens=5)


def crossed(client: str = "chat", upstream: str = "messages", **changes: Any) -> Translated:
    """The request of a client that speaks `client` to an upstream that speaks `upstream`."""
    how: dict[str, Any] = {
        "model": None,
        "force_stream": False,
        "ask_usage": True,
        "drop_lost": False,
        "max_bytes": 1000,
    }
    fields = CHAT | {name: value for name, value in changes.items() if name not in how}
    how |= {name: value for name, value in changes.items() if name in how}
    body = json.dumps(fields).encode()
    request = DialectRequest(body=body, fields={}, model="mine", stream=bool(fields.get("stream")))
    return translate(request, client=SIDES[client], upstream=SIDES[upstream], **how)


def stream() -> list[bytes]:
    """The message as its events."""
    request = DialectRequest(body=b"{}", fields={}, model="m", stream=True)
    whole = SIDES["messages"].dialect.explode(json.dumps(MESSAGE).encode(), request, include_usage=True)
    return [event.raw for event in parse_events(whole)]


def test_a_request_is_written_for_its_upstream() -> None:
    sent = json.loads(crossed(model="theirs", force_stream=True, seed=1).body)
    assert sent["model"] == "theirs"
    assert sent["stream"] is True
    assert sent["messages"] == [{"role": "user", "content": "Hi"}]
    assert crossed(seed=1).dropped == ("seed",)
    assert "stream" not in json.loads(crossed().body)


def test_usage_is_asked_for_unless_the_operator_says_that_the_upstream_refuses_it() -> None:
    said: dict[str, Any] = {"client": "messages", "upstream": "chat", "max_tokens": 9, "stream": True}
    assert "stream_options" in json.loads(crossed(**said).body)
    assert "stream_options" not in json.loads(crossed(**said, ask_usage=False).body)


def test_what_can_not_be_carried_is_refused_by_name_or_dropped_where_the_operator_says_so() -> None:
    with pytest.raises(InvalidRequest) as caught:
        crossed(n=2)
    assert caught.value.param == "n"
    assert "messages" in caught.value.message
    assert crossed(n=2, drop_lost=True).dropped == ("n",)


def test_a_request_that_is_nested_beyond_the_stack_is_refused() -> None:
    body = (
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"x":'
        + b'{"a":' * 100_000
        + b"1"
        + b"}" * 100_001
    )
    request = DialectRequest(body=body, fields={}, model="m", stream=False)
    with pytest.raises(InvalidRequest):
        translate(
            request,
            client=SIDES["chat"],
            upstream=SIDES["messages"],
            model=None,
            force_stream=False,
            ask_usage=True,
            drop_lost=True,
            max_bytes=0,
        )


def test_events_are_carried_over_one_by_one() -> None:
    follower = crossed(stream=True, stream_options={"include_usage": True}).crossing.follow()
    told = [follower.feed(event) for event in stream()]
    assert [bool(out) for out in told] == [True, False, True, False, False, True]
    assert follower.progressed  # the last event
    assert b"Hello" in told[2]
    assert told[-1].endswith(b"data: [DONE]\n\n")
    assert b'"usage"' in told[-1]
    assert (follower.ended, follower.usage, follower.error) == (True, USAGE, None)


def test_an_event_that_means_nothing_to_the_client_is_progress_and_a_ping_is_none() -> None:
    follower = crossed(stream=True).crossing.follow()
    events = stream()
    follower.feed(events[0])
    assert follower.feed(events[1]) == b""
    assert follower.progressed
    assert follower.feed(b'event: ping\ndata: {"type":"ping"}\n\n') == b""
    assert not follower.progressed


def test_a_chat_stream_that_ends_without_its_marker_is_told_to_the_end() -> None:
    follower = crossed("messages", "chat", max_tokens=9, stream=True).crossing.follow()
    chunk = {"id": "c", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}
    begun = follower.feed(encode_event(json.dumps(chunk).encode()))
    assert b"message_start" in begun
    assert not follower.ended
    assert follower.complete()
    assert follower.rest().endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


def test_an_error_of_the_upstream_is_told_once_in_the_clients_words() -> None:
    follower = crossed(stream=True).crossing.follow()
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "too much"}}
    events = stream()
    out = follower.feed(events[0] + encode_event(json.dumps(error).encode(), event=b"error"))
    assert json.loads(parse_events(out)[-1].data or b"")["error"]["message"] == "too much"
    assert follower.error is not None
    assert follower.ended
    assert follower.feed(events[1]) == b""


def test_the_gateways_own_error_is_in_the_clients_words_too() -> None:
    follower = crossed("responses", "chat", input="Hi", messages=None, stream=True).crossing.follow()
    block = follower.error_event(UpstreamTruncated("It stopped."))
    assert parse_events(block)[0].event == b"error"


def test_a_stream_is_collected_into_the_clients_json() -> None:
    collector = crossed(force_stream=True).crossing.collect()
    for event in stream():
        assert collector.feed(event)
    assert collector.ended
    assert collector.usage == USAGE
    answer = json.loads(collector.result())
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"] == "Hello"
    assert not crossed().crossing.collect().feed(b": only a comment\n\n")
    with pytest.raises(UpstreamTruncated):
        crossed().crossing.collect().result()
    with pytest.raises(EventTooLarge):
        crossed(max_bytes=10).crossing.collect().feed(stream()[0])


def test_a_json_answer_is_carried_over_whole_or_as_a_stream() -> None:
    crossing = crossed().crossing
    assert not crossing.passes_unread
    assert not crossing.passes_errors
    whole, usage = crossing.read_answer(json.dumps(MESSAGE).encode())
    assert usage == USAGE
    assert json.loads(whole)["choices"][0]["finish_reason"] == "stop"
    events, usage = crossing.explode(json.dumps(MESSAGE).encode())
    assert usage == USAGE
    assert events.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    "body", [b"[]", b"<html>", b'{"a":', b"5", b'{"content": [{"type": "server_tool_use"}]}']
)
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        crossed().crossing.read_answer(body)


def test_an_error_keeps_its_status_and_message() -> None:
    crossing = crossed().crossing
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}'
    error = crossing.read_error(429, body)
    assert (error.status, error.message) == (429, "slow down")
    with pytest.raises(UpstreamReported):
        crossing.read_answer(body)


# ── there and back ──────────────────────────────────────────────────────────────────────────────────

PAIRS = [(first, second) for first in SIDES for second in SIDES]


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """What all three APIs can say: a text, and calls."""
    said = draw(st.lists(texts, max_size=1))
    called = draw(st.lists(calls, max_size=2, unique_by=lambda call: call.id))
    stops: list[Any] = ["length"] + (["calls"] if called else ["end"])
    return Answer(
        id="a",
        model="m",
        parts=(*said, *called),
        stop=draw(st.sampled_from(stops)),
        tokens=Tokens(draw(st.integers(1, 9)), draw(st.integers(1, 9))),
    )


def meaning(answer: Answer) -> Any:
    """All of it that every API has words for."""
    tokens = answer.tokens
    return answer.parts, answer.stop, tokens and (tokens.input, tokens.output)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@bounded
@given(answers())
def test_an_answer_keeps_its_meaning_there_and_back(pair: tuple[str, str], answer: Answer) -> None:
    for name in pair:
        translator = SIDES[name].translator
        told = translator.read_answer(json.loads(json.dumps(translator.write_answer(answer))))
        assert meaning(told) == meaning(answer)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@bounded
@given(answers())
def test_a_stream_keeps_its_meaning_there_and_back(pair: tuple[str, str], answer: Answer) -> None:
    """The answer as the second API's stream, translated for a client of the first, collected there."""
    client, upstream = (SIDES[name] for name in pair)
    request = DialectRequest(body=b"{}", fields={}, model="m", stream=True)
    body = json.dumps(upstream.translator.write_answer(answer)).encode()
    told = upstream.dialect.explode(body, request, include_usage=True)
    crossing = Translation(request, request, client, upstream, include_usage=True, max_bytes=0)
    follower = crossing.follow()
    heard = b"".join(follower.feed(event.raw) for event in parse_events(told)) + follower.rest()
    assert follower.complete()
    collector = client.dialect.collect(request, max_bytes=0)
    collector.feed(heard)
    assert meaning(client.translator.read_answer(json.loads(collector.result()))) == meaning(answer)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@bounded
@given(st.lists(words, min_size=1, max_size=3), st.lists(calls, max_size=2))
def test_a_request_keeps_its_turns_there_and_back(
    pair: tuple[str, str], said: list[str], called: list[Call]
) -> None:
    turns = [Message("system", (Text("Be brief."),))]
    for text in said:
        turns.append(Message("user", (Text(text),)))
        turns.append(Message("assistant", (Text(text), *called)))
        if called:
            turns.append(Message("user", tuple(CallResult(call.id, (Text(text),)) for call in called)))
            turns.append(Message("assistant", (Text("done"),)))
    conversation = Conversation(model="m", messages=tuple(turns), max_tokens=9)
    for name in pair:
        translator = SIDES[name].translator
        conversation = translator.read_request(json.loads(json.dumps(translator.write_request(conversation))))
    assert conversation.messages == tuple(turns)
    assert (conversation.max_tokens, conversation.lost) == (9, ())
