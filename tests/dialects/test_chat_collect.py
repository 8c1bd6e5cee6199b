"""A stream becomes the JSON answer it stands for, or an error: never an answer that was not given."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from chat_streams import ANSWERS, DONE, REQUEST, STREAMS, blocks, chunk, collect, event, piece, small_stack
from openai.types.chat import ChatCompletion

from sluiceway.dialects.base import Usage
from sluiceway.dialects.chat import CHAT
from sluiceway.errors import EventTooLarge, GatewayError, UpstreamInvalid, UpstreamReported, UpstreamTruncated

COUNTED = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def feed(*parts: bytes, max_bytes: int = 0) -> None:
    collector = CHAT.collect(REQUEST, max_bytes=max_bytes)
    for part in parts:
        collector.feed(part)


# ── real streams ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ANSWERS)
def test_a_real_stream_becomes_its_answer_wherever_it_is_cut(name: str) -> None:
    stream = STREAMS[name]
    assert collect(stream) == ANSWERS[name]
    assert collect(*(stream[at : at + 1] for at in range(len(stream)))) == ANSWERS[name]
    for cut in range(0, len(stream), max(1, len(stream) // 100)):
        assert collect(stream[:cut], stream[cut:]) == ANSWERS[name]


@pytest.mark.parametrize("name", sorted(ANSWERS.keys() - {"mistral_thinking"}))
def test_the_official_sdk_takes_the_answer(name: str) -> None:
    parsed = ChatCompletion.model_validate(ANSWERS[name], strict=True)
    assert parsed.choices[0].message.role == "assistant"


@pytest.mark.parametrize("flush", [True, False])
@pytest.mark.parametrize("name", ANSWERS)
def test_a_stream_cut_off_anywhere_is_an_error_or_the_whole_answer(name: str, flush: bool) -> None:
    stream = STREAMS[name]
    for cut in range(len(stream)):
        try:
            answer = collect(stream[:cut], flush=flush)
        except (UpstreamTruncated, UpstreamInvalid):
            continue
        # Usage comes after the last finish reason, so a stream may lose it and still be complete.
        assert answer | {"usage": None} == ANSWERS[name] | {"usage": None}


def test_a_real_error_frame_becomes_the_error_with_the_upstreams_words() -> None:
    with pytest.raises(UpstreamReported) as caught:
        collect(STREAMS["openrouter_error"])
    assert caught.value.message == "Provider is out of breath"
    assert (caught.value.status, caught.value.code) == (429, "429")


# ── ends ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_missing_reason_is_inferred_only_after_done() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "f"}}
    assert collect(chunk(piece("a")), DONE)["choices"][0]["finish_reason"] == "stop"
    assert collect(chunk(piece(tool_calls=[call])), DONE)["choices"][0]["finish_reason"] == "tool_calls"
    for stream in (chunk(piece("a")), chunk(piece(tool_calls=[call]))):
        with pytest.raises(UpstreamTruncated):
            collect(stream)


def test_a_reason_that_came_is_never_replaced() -> None:
    answer = collect(chunk(piece("a", finish="stop", tool_calls=[{"id": "c"}])), chunk(piece("b", finish="")))
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_one_choice_without_a_reason_truncates_all() -> None:
    with pytest.raises(UpstreamTruncated):
        collect(chunk(piece("a")), chunk(piece("b", index=1, finish="stop")))


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"", UpstreamTruncated),
        (chunk(usage=COUNTED), UpstreamTruncated),
        (DONE, UpstreamInvalid),
        (chunk() + DONE, UpstreamInvalid),
    ],
)
def test_a_stream_without_a_choice_is_no_answer(stream: bytes, error: type[GatewayError]) -> None:
    with pytest.raises(error):
        collect(stream)


def test_nothing_after_done_is_part_of_the_answer() -> None:
    collector = CHAT.collect(REQUEST, max_bytes=0)
    assert collector.feed(chunk(piece("a")) + DONE + b"data: garbage\n\n")
    assert collector.ended
    assert not collector.feed(chunk(piece("b")))
    assert json.loads(collector.result())["choices"][0]["message"]["content"] == "a"


def test_comments_and_empty_events_are_no_progress() -> None:
    collector = CHAT.collect(REQUEST, max_bytes=0)
    assert not collector.feed(b": ping\n\ndata:\n\nevent: ping\n\n\n")
    assert collector.feed(b": ping\n\n" + chunk())


# ── fields ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_whole_message_instead_of_deltas_is_the_message() -> None:
    whole = {"index": 0, "message": {"role": "assistant", "content": "all"}, "finish_reason": "stop"}
    assert collect(chunk(whole))["choices"][0]["message"]["content"] == "all"
    beside = whole | {"delta": {"content": "all"}}
    assert collect(chunk(beside))["choices"][0]["message"]["content"] == "all"


def test_nulls_in_the_place_of_objects_and_lists_are_nothing() -> None:
    bare = {"index": 0, "delta": None, "logprobs": None, "finish_reason": "stop"}
    answer = collect(event({"choices": None}), chunk(bare), chunk(piece(tool_calls=None)))
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": None}


def test_usage_is_the_last_that_came_in_the_answer_and_for_the_records() -> None:
    collector = CHAT.collect(REQUEST, max_bytes=0)
    collector.feed(chunk(piece("a"), usage={"prompt_tokens": 1}) + chunk(piece(finish="stop"), usage=COUNTED))
    collector.feed(chunk(usage=None) + DONE)
    assert json.loads(collector.result())["usage"] == COUNTED
    assert collector.usage == Usage(input_tokens=7, output_tokens=5, total_tokens=12)


def test_bytes_that_are_not_utf_8_are_replaced_as_every_reader_of_events_does() -> None:
    stream = chunk(piece("a?b", finish="stop")).replace(b"?", b"\xff")
    assert collect(stream)["choices"][0]["message"]["content"] == "a�b"


# ── limits and bad input ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"data: {oops\n\n", "event 2 of the upstream's stream is not a JSON object"),
        (b"data: [DON\n\n", "event 2 of the upstream's stream is not a JSON object"),
        (b"data: 5\n\n", "event 2"),
        (b'data: {"choices":[{"logprobs":{"content":[{"logprob":NaN}]}}]}\n\n', "event 2"),
        (event({"choices": {}}), "event 2 of the upstream's stream has choices that are no list"),
        (event({"choices": [5]}), "a choice that is no object"),
        (chunk({"delta": "text"}), "a delta that is no object"),
        (chunk({"logprobs": [1]}), "logprobs that are no object"),
        (chunk({"delta": {"tool_calls": {"id": "x"}}}), "tool calls that are no list"),
        (chunk({"delta": {"tool_calls": ["x"]}}), "a tool call that is no object"),
    ],
)
def test_an_event_that_cannot_be_read_is_named_by_its_number(bad: bytes, says: str) -> None:
    with pytest.raises(UpstreamInvalid) as caught:
        feed(chunk(piece("a")) + b": comment\n\n", bad)
    assert says in caught.value.message


def test_nesting_without_end_is_an_error_of_the_upstream() -> None:
    with pytest.raises(UpstreamInvalid):
        feed(b'data: {"choices":' + b"[" * 100_000 + b"\n\n")


def test_an_answer_nested_too_deeply_to_be_written_is_an_error_too() -> None:
    collector = CHAT.collect(REQUEST, max_bytes=0)
    deep = b"[" * 150 + b"]" * 150
    collector.feed(b'data: {"choices":[{"delta":{"x":{"y":' + deep + b"}}}]}\n\n" + DONE)
    with small_stack(), suppress(UpstreamInvalid):
        collector.result()
    assert deep in collector.result()


def test_an_error_event_raises_the_upstreams_message() -> None:
    for frame in (event({"error": {"message": "boom"}}), b"event: error\ndata: boom\n\n"):
        with pytest.raises(UpstreamReported, match="boom"):
            feed(chunk(piece("a")), frame)


def test_an_answer_over_the_limit_is_given_up() -> None:
    first = chunk(piece("a"))
    room = 2 * (len(first) - len(b"data: \n\n"))
    feed(first, b": comments do not count\n\n" * 100, first, max_bytes=room)
    with pytest.raises(EventTooLarge, match=rf"max_answer_bytes \({room} bytes\)"):
        feed(first, first, first, max_bytes=room)


def test_collecting_takes_linear_time() -> None:
    def seconds(count: int) -> float:
        block = chunk(piece("x" * 50, tool_calls=[{"index": 0, "function": {"arguments": "y" * 50}}])) * 100
        collector = CHAT.collect(REQUEST, max_bytes=0)
        begin = time.process_time()
        for _ in range(count):
            collector.feed(block)
        collector.feed(DONE)
        collector.result()
        return time.process_time() - begin

    seconds(10)
    assert seconds(400) < 40 * max(seconds(40), 0.001)


def test_a_result_can_be_asked_for_twice() -> None:
    collector = CHAT.collect(REQUEST, max_bytes=0)
    for block in blocks([STREAMS["tool_calls_parallel"]]):
        collector.feed(block)
    answer: dict[str, Any] = json.loads(collector.result())
    assert json.loads(collector.result()) == answer == ANSWERS["tool_calls_parallel"]
