"""A stream becomes the message it stands for, or an error: never an answer that was not given."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from anthropic.types import Message
from chat_streams import small_stack
from hypothesis import given, settings
from hypothesis import strategies as st
from messages_streams import (
    ANSWERS,
    BLOCK_END,
    OVERLOADED,
    PING,
    REQUEST,
    STOP,
    STREAMS,
    block,
    blocks,
    collect,
    content_of,
    delta,
    end,
    event,
    part,
    sdk_message,
    start,
    text,
    without_nulls,
)

from sluiceway.dialects.base import Usage
from sluiceway.dialects.messages import MESSAGES
from sluiceway.errors import EventTooLarge, GatewayError, UpstreamInvalid, UpstreamReported, UpstreamTruncated


def feed(*parts: bytes, max_bytes: int = 0) -> None:
    collector = MESSAGES.collect(REQUEST, max_bytes=max_bytes)
    for each in parts:
        collector.feed(each)


# ── real streams ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ANSWERS)
def test_a_real_stream_becomes_its_answer_wherever_it_is_cut(name: str) -> None:
    stream = STREAMS[name]
    assert collect(stream) == ANSWERS[name]
    assert collect(*(stream[at : at + 1] for at in range(len(stream)))) == ANSWERS[name]
    for cut in range(len(stream)):
        assert collect(stream[:cut], stream[cut:]) == ANSWERS[name]


# The SDK skips events without names, knows none of the blocks that are yet to be invented, and leaves the halves
# of a surrogate pair apart.
@pytest.mark.parametrize(
    "name", sorted(ANSWERS.keys() - {"without_event_names", "unknown_kinds", "multibyte"})
)
def test_the_official_sdk_gathers_the_same_answer(name: str) -> None:
    assert without_nulls(sdk_message(STREAMS[name])) == without_nulls(ANSWERS[name])
    Message.model_validate_json(json.dumps(ANSWERS[name]), strict=True)


@pytest.mark.parametrize("flush", [True, False])
@pytest.mark.parametrize("name", ANSWERS)
def test_a_stream_cut_off_anywhere_is_an_error_or_the_whole_answer(name: str, flush: bool) -> None:
    stream = STREAMS[name]
    for cut in range(len(stream)):
        try:
            answer = collect(stream[:cut], flush=flush)
        except (UpstreamTruncated, UpstreamInvalid):
            continue
        assert answer == ANSWERS[name]


def test_a_real_error_event_becomes_the_error_with_the_upstreams_words() -> None:
    with pytest.raises(UpstreamReported) as caught:
        collect(STREAMS["error_midway"])
    assert (caught.value.status, caught.value.type) == (529, "overloaded_error")
    assert caught.value.message == "Overloaded"


def test_a_stop_reason_alone_is_no_end() -> None:
    with pytest.raises(UpstreamTruncated):
        collect(STREAMS["truncated"])


# ── ends ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"", UpstreamTruncated),
        (start() + block() + text("a"), UpstreamTruncated),
        (STOP, UpstreamInvalid),
        (block() + text("a") + STOP, UpstreamInvalid),
        (end() + STOP, UpstreamInvalid),
    ],
)
def test_a_stream_without_its_begin_or_end_is_no_answer(stream: bytes, error: type[GatewayError]) -> None:
    with pytest.raises(error):
        collect(stream)


def test_nothing_after_the_end_is_part_of_the_answer() -> None:
    collector = MESSAGES.collect(REQUEST, max_bytes=0)
    assert collector.feed(start() + block() + text("a") + STOP + b"data: garbage\n\n")
    assert collector.ended
    assert not collector.feed(text("b") + OVERLOADED)
    assert json.loads(collector.result())["content"] == [{"type": "text", "text": "a"}]


def test_pings_and_comments_are_no_progress() -> None:
    collector = MESSAGES.collect(REQUEST, max_bytes=0)
    assert not collector.feed(b": x\n\ndata:\n\n\n" + PING + event({"type": "ping"}, "") + b"event: ping\n\n")
    assert not collector.feed(b"event: ping\ndata: pong\n\n")
    assert collector.feed(PING + start() + PING)
    assert collector.feed(event({"type": "brand_new"}))


# ── fields ──────────────────────────────────────────────────────────────────────────────────────────


def test_blocks_stand_in_the_order_of_their_index() -> None:
    content = content_of(block(2), block(0), text("c", 2), text("a"), block(1), text("b", 1), text("C", 2))
    assert [found["text"] for found in content] == ["a", "b", "cC"]


def test_blocks_that_the_message_began_with_come_first() -> None:
    began = {"type": "text", "text": "before"}
    for index in (0, 1):
        answer = collect(start(content=[began]), block(index), text("after", index), end(), STOP)
        assert answer["content"] == [began, {"type": "text", "text": "after"}]
    assert collect(start(content=None), STOP)["content"] == []


def test_what_the_end_says_is_the_messages_unless_it_is_null() -> None:
    answer = collect(
        start(container={"id": "c"}, x=None),
        end("stop_sequence", stop_sequence="END", container=None, x=5, type="delta"),
        event({"type": "message_delta", "delta": None, "usage": None, "context_management": {"edits": []}}),
        STOP,
    )
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "END")
    assert (answer["container"], answer["x"], answer["type"]) == ({"id": "c"}, 5, "message")
    assert answer["context_management"] == {"edits": []}


def test_an_end_that_gives_no_reason_is_given_none() -> None:
    assert collect(start(), STOP)["stop_reason"] is None


def test_usage_is_in_the_answer_and_for_the_records() -> None:
    assert MESSAGES.collect(REQUEST, max_bytes=0).usage is None
    collector = MESSAGES.collect(REQUEST, max_bytes=0)
    collector.feed(start() + end(counts={"output_tokens": 5, "cache_read_input_tokens": 9}) + STOP)
    assert collector.usage == Usage(input_tokens=16, output_tokens=5, total_tokens=21, cached_tokens=9)
    assert json.loads(collector.result())["usage"] == {
        "input_tokens": 7,
        "output_tokens": 5,
        "cache_read_input_tokens": 9,
    }
    assert collect(start(usage=None), STOP)["usage"] is None


def test_a_message_that_starts_twice_is_the_first() -> None:
    answer = collect(start(), block(), text("a"), start(id="other", usage={"output_tokens": 3}), STOP)
    assert (answer["id"], answer["content"][0]["text"]) == ("msg", "a")


def test_bytes_that_are_not_utf_8_are_replaced_as_every_reader_of_events_does() -> None:
    assert content_of(block(), text("a?b").replace(b"?", b"\xff"))[0]["text"] == "a�b"


# ── limits and bad input ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"data: {oops\n\n", "event 2 of the upstream's stream is not a JSON object"),
        (b"data: [DONE]\n\n", "event 2 of the upstream's stream is not a JSON object"),
        (b"event: content_block_delta\ndata: 5\n\n", "event 2 of the upstream's stream is not a JSON object"),
        (b"event: message_delta\ndata: x\n\n", "event 2 of the upstream's stream is not a JSON object"),
        (b'event: brand_new\ndata: {"x":NaN}\n\n', "event 2"),
        (
            event({"type": "message_start", "message": []}),
            "event 2 of the upstream's stream has a message_start",
        ),
        (event({"type": "message_delta", "delta": 5}), "a delta that is no object"),
        (event({"type": "content_block_start", "index": 0}), "a content block that is no object"),
        (event({"type": "content_block_start", "content_block": {}}), "no index"),
        (event({"type": "content_block_start", "index": True, "content_block": {}}), "no index"),
        (event({"type": "content_block_delta", "index": "0", "delta": {}}), "no index"),
        (text("a", 1), "a delta of a content block that never began"),
        (block(0) + block(0), "event 3 of the upstream's stream has a content block that begins twice"),
        (block(0) + event({"type": "content_block_delta", "index": 0}), "event 3"),
    ],
)
def test_an_event_that_cannot_be_read_is_named_by_its_number(bad: bytes, says: str) -> None:
    with pytest.raises(UpstreamInvalid) as caught:
        feed(start() + b": comment\n\n" + PING, bad)
    assert says in caught.value.message


def test_nesting_without_end_is_an_error_of_the_upstream() -> None:
    with pytest.raises(UpstreamInvalid):
        feed(b'event: message_start\ndata: {"message":' + b"[" * 100_000 + b"\n\n")


def test_an_answer_nested_too_deeply_to_be_written_is_an_error_too() -> None:
    collector = MESSAGES.collect(REQUEST, max_bytes=0)
    deep = b"[" * 150 + b"]" * 150
    collector.feed(start(x="DEEP").replace(b'"DEEP"', deep) + STOP)
    with small_stack(), suppress(UpstreamInvalid):
        collector.result()
    assert deep in collector.result()


@pytest.mark.parametrize(
    "frame",
    [OVERLOADED, b"event: error\ndata: Overloaded\n\n", event({"error": "Overloaded"}, "")],
)
def test_an_error_event_raises_the_upstreams_message(frame: bytes) -> None:
    with pytest.raises(UpstreamReported, match="Overloaded"):
        feed(start(), frame)


def test_an_answer_over_the_limit_is_given_up() -> None:
    first = start()
    room = 2 * (len(first) - len(b"event: message_start\ndata: \n\n"))
    feed(first, (b": comments do not count\n\n" + PING) * 100, first, max_bytes=room)
    with pytest.raises(EventTooLarge, match=rf"max_answer_bytes \({room} bytes\)"):
        feed(first, first, first, max_bytes=room)


def test_collecting_takes_linear_time() -> None:
    def seconds(count: int) -> float:
        collector = MESSAGES.collect(REQUEST, max_bytes=0)
        collector.feed(start() + block(0) + block(1, type="tool_use", input={}) + part('{"a":"', 1))
        cited = delta(kind="citations_delta", citation={"n": 1})
        many = (text("x" * 50) + part("y" * 50, 1) + cited) * 100
        begin = time.process_time()
        for _ in range(count):
            collector.feed(many)
        collector.feed(part('"}', 1) + STOP)
        collector.result()
        return time.process_time() - begin

    seconds(10)
    assert seconds(300) < 40 * max(seconds(30), 0.001)


def test_a_result_can_be_asked_for_twice() -> None:
    collector = MESSAGES.collect(REQUEST, max_bytes=0)
    for whole in blocks([STREAMS["resumed_in_a_container"]]):
        collector.feed(whole)
    first = collector.result()
    assert collector.result() == first


# ── properties ──────────────────────────────────────────────────────────────────────────────────────

PIECES = st.sampled_from(
    [start(), block(), block(1, type="tool_use", input={}), text("a"), part("{", 1), BLOCK_END, end(), STOP]
)
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "text", "usage", "content", "partial_json", "id"]), inner)
    ),
    max_leaves=5,
)
EVENTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["message_start", "message_delta", "content_block_start", "content_block_delta"]
        ),
        "index": st.just(0) | VALUES,
    },
    optional={"message": VALUES, "usage": VALUES, "delta": VALUES, "content_block": VALUES},
).map(event)


@given(st.lists(PIECES | EVENTS | st.binary(max_size=60), max_size=8))
@settings(max_examples=300, deadline=None)
def test_no_stream_at_all_makes_a_collector_raise_anything_but_its_own_errors(pieces: list[bytes]) -> None:
    collector = MESSAGES.collect(REQUEST, max_bytes=0)
    with suppress(GatewayError):
        for whole in blocks(pieces):
            collector.feed(whole)
        json.loads(collector.result())
