"""A stream becomes the response it ends with, or an error: never an answer that was not given."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from chat_streams import small_stack
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response
from responses_streams import (
    ANSWERS,
    COUNTED,
    DEEP,
    DONE,
    REQUEST,
    STREAMS,
    added,
    blocks,
    collect,
    created,
    cut,
    delta,
    done,
    end,
    event,
    item,
    response,
    sdk_events,
)

from sluiceway.dialects.base import Usage
from sluiceway.dialects.responses import RESPONSES
from sluiceway.errors import (
    EventTooLarge,
    GatewayError,
    UpstreamInvalid,
    UpstreamReported,
    UpstreamTruncated,
)

PARTIAL = event("response.image_generation_call.partial_image", partial_image_b64="iVBORw0KGgo=")
BAD = {
    "error": event("error", code="server_error", message="boom"),
    "failed": event("response.failed", response=response("failed", error={"message": "boom"})),
}


def feed(*blocks: bytes, max_bytes: int = 0) -> None:
    collector = RESPONSES.collect(REQUEST, max_bytes=max_bytes)
    for block in blocks:
        collector.feed(block)


# ── real streams ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ANSWERS)
def test_a_real_stream_becomes_its_answer_wherever_it_is_cut(name: str) -> None:
    stream = STREAMS[name]
    assert collect(stream) == ANSWERS[name]
    assert collect(*(stream[at : at + 1] for at in range(len(stream)))) == ANSWERS[name]
    for at in range(0, len(stream), max(1, len(stream) // 100)):
        assert collect(*cut(stream, [at])) == ANSWERS[name]


# The imitator leaves out what OpenAI's types demand, and the last one has an item that is yet to be invented.
OFFICIAL = sorted(ANSWERS.keys() - {"done_marker", "mcp_and_unknown"})


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_official_sdk_takes_the_answer(name: str) -> None:
    parsed = Response.model_validate(ANSWERS[name])
    assert parsed.output


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_official_client_reads_the_same_from_the_stream(name: str) -> None:
    last = sdk_events(b"".join(blocks([STREAMS[name]])))[-1]
    answer = ANSWERS[name] if name != "output_empty" else ANSWERS[name] | {"output": []}
    assert last.response == Response.model_validate(answer)


@pytest.mark.parametrize("flush", [True, False])
@pytest.mark.parametrize("name", ANSWERS)
def test_a_stream_cut_off_anywhere_is_an_error_or_the_whole_answer(name: str, flush: bool) -> None:
    stream = STREAMS[name]
    for at in range(0, len(stream), 3):
        with suppress(UpstreamTruncated, UpstreamInvalid):
            assert collect(stream[:at], flush=flush) == ANSWERS[name]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_cut_off_anywhere_is_complete_exactly_if_its_answer_can_be_collected(name: str) -> None:
    stream = STREAMS[name]
    for at in range(0, len(stream), max(1, len(stream) // 150)):
        follower = RESPONSES.follow(REQUEST, hide_usage=False)
        collector = RESPONSES.collect(REQUEST, max_bytes=0)
        for block in blocks([stream[:at]], flush=False):
            follower.feed(block)
            try:
                collector.feed(block)
            except UpstreamReported:
                assert follower.error is not None
                break
        if follower.error is not None:
            continue
        assert follower.ended == collector.ended
        assert follower.usage == collector.usage
        if not follower.complete():
            with pytest.raises(UpstreamTruncated, match="before the answer was complete"):
                collector.result()


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [
        ("failed", "rate_limit_exceeded", 429),
        ("error_midway", "server_error", 502),
        ("error_alone", "context_length_exceeded", 400),
    ],
)
def test_a_real_error_is_raised_with_the_upstreams_words(name: str, code: str, status: int) -> None:
    with pytest.raises(UpstreamReported) as caught:
        collect(STREAMS[name])
    assert (caught.value.code, caught.value.status) == (code, status)
    assert caught.value.message in STREAMS[name].decode()


# ── ends ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "stream",
    [b"", created() + delta() + done(0, item("a")), created() + event("response.output_text.done"), DONE],
)
def test_without_its_last_event_a_stream_is_no_answer(stream: bytes) -> None:
    with pytest.raises(UpstreamTruncated):
        collect(stream)


def test_an_incomplete_response_is_an_answer() -> None:
    whole = response("incomplete", incomplete_details={"reason": "content_filter"}, output=[item("a")])
    assert collect(event("response.incomplete", response=whole)) == whole


@pytest.mark.parametrize("bad", BAD)
def test_an_error_raises_the_upstreams_message(bad: str) -> None:
    with pytest.raises(UpstreamReported, match="boom"):
        feed(created() + delta(), BAD[bad])


def test_nothing_after_the_end_is_part_of_the_answer() -> None:
    collector = RESPONSES.collect(REQUEST, max_bytes=0)
    assert collector.feed(created() + end(usage=COUNTED) + b"data: garbage\n\n" + DONE)
    assert collector.ended
    assert collector.usage == Usage(input_tokens=7, output_tokens=5, total_tokens=12)
    for late in (delta(), BAD["error"], done(0, item("late"))):
        assert not collector.feed(late)
    assert json.loads(collector.result()) == response(usage=COUNTED)


@pytest.mark.parametrize(
    "nothing",
    [b": ping\n\n", b"data:\n\n", b"\n", DONE, event("keepalive"), event("ping", name="")],
)
def test_comments_pings_and_empty_events_are_no_progress(nothing: bytes) -> None:
    collector = RESPONSES.collect(REQUEST, max_bytes=0)
    assert not collector.feed(nothing)
    for piece in (delta(), delta() * 2, delta(name=""), created(), PARTIAL):
        assert collector.feed(nothing + piece)
        assert collector.feed(piece)


# ── output ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "output", [{}, {"output": None}, {"output": []}, {"output": [item("b")]}, {"output": 5}]
)
def test_a_short_output_is_filled_with_the_items_in_their_order(output: dict[str, Any]) -> None:
    last = {"id": "r", "status": "completed"} | output
    answer = collect(
        created() + added(0, item("a", "")) + added(2, item("c", "")) + added(7, item("d", "")),
        done(2, item("c")) + done(0, item("a")) + done(7, item("d")),
        event("response.completed", response=last),
    )
    assert answer == last | {"output": [item("a"), item("c"), item("d")]}


def test_an_output_that_is_whole_is_taken_as_it_is() -> None:
    final = [item("a", "as it ended"), item("b")]
    stream = added(0, item("a")) + added(1, item("b")) + done(0, item("a", "as it was")) + end(output=final)
    assert collect(stream)["output"] == final


@pytest.mark.parametrize("output", [[], [item("a")]])
def test_an_item_that_began_and_never_came_whole_is_an_error_not_a_loss(output: list[Any]) -> None:
    stream = added(0, item("a")) + done(0, item("a")) + added(1, item("b")) + delta("b") + end(output=output)
    with pytest.raises(UpstreamInvalid, match="output item 1 began and never came whole"):
        collect(stream)


def test_of_an_incomplete_response_the_item_that_was_cut_off_may_be_missing() -> None:
    begin = added(0, item("a")) + added(1, item("b"))
    assert collect(begin + end("incomplete", output=[item("a")]))["output"] == [item("a")]
    assert collect(begin + done(0, item("a")) + end("incomplete"))["output"] == [item("a")]


def test_items_that_all_claim_the_same_place_are_all_kept() -> None:
    call = {"type": "function_call", "name": "f", "arguments": "{}"}
    calls = [call | {"call_id": "two"}, call | {"call_id": "one"}]
    came = [item("b"), item("a"), *calls]
    stream = b"".join(done(0, each) for each in [*came, item("a", "again")])
    assert collect(stream + end())["output"] == [item("b"), item("a", "again"), *calls]


@pytest.mark.parametrize("index", [None, "0", {}])
def test_items_without_a_place_stand_in_the_order_they_came(index: Any) -> None:
    stream = (
        added(index, item("a")) + done(index, item("a")) + added(index, item("b")) + done(index, item("b"))
    )
    assert collect(stream + end())["output"] == [item("a"), item("b")]


@pytest.mark.parametrize("nothing", [None, "x", []])
def test_where_nothing_is_added_nothing_is_missed(nothing: Any) -> None:
    assert collect(added(0, nothing) + done(1, nothing) + end())["output"] == []


def test_the_name_of_an_event_counts_unless_it_is_none_of_this_api() -> None:
    stream = created() + done(0, item("a")) + end()
    for name in (b"", b"event: message\n", b"event: data\n"):
        assert collect(re.sub(rb"event: .*\n", name, stream))["output"] == [item("a")]
    misnamed = event("response.in_progress", name="response.completed", response=response(output=[item("a")]))
    assert collect(misnamed)["output"] == [item("a")]


@given(st.permutations(range(5)), st.sets(st.integers(0, 4)), st.lists(st.integers(0, 4000), max_size=5))
def test_in_whatever_order_items_come_whole_the_output_is_in_theirs(
    order: list[int], begun: set[int], cuts: list[int]
) -> None:
    items = [item(f"item {index}") for index in range(5)]
    stream = b"".join(added(index, items[index]) for index in sorted(begun))
    stream += b"".join(delta() + done(index, items[index]) + b": x\n\n" for index in order) + end()
    assert collect(*cut(stream, cuts))["output"] == items


# ── limits and bad input ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"data: {oops\n\n", "event 5 of the upstream's stream is not a JSON object"),
        (b"data: 5\n\n", "event 5"),
        (b"event: response.completed\ndata: {oops\n\n", "event 5"),
        (b"event: response.output_item.done\ndata: []\n\n", "event 5"),
        (b'event: response.completed\ndata: {"response":{"top_p":NaN}}\n\n', "event 5"),
        (event("response.completed"), "the upstream's response.completed has no response in it"),
        (event("response.incomplete", response=None), "response.incomplete has no response"),
        (event("response.completed", response={}), "has no response"),
    ],
)
def test_an_event_that_cannot_be_read_is_named_by_its_number(bad: bytes, says: str) -> None:
    with pytest.raises(UpstreamInvalid) as caught:
        feed(created() + b": comment\n\n", delta() * 2, PARTIAL, bad)
    assert says in caught.value.message


@pytest.mark.parametrize("kind", ["output_text.delta", "in_progress", "created", "some.day"])
def test_what_is_not_read_is_not_judged(kind: str) -> None:
    stream = f"event: response.{kind}\ndata: {{oops\n\n".encode()
    assert collect(stream + end()) == response()


def test_nesting_without_end_is_an_error_of_the_upstream() -> None:
    with pytest.raises(UpstreamInvalid):
        feed(b'event: response.completed\ndata: {"response":' + DEEP + b"}\n\n")


def test_an_answer_nested_too_deeply_to_be_written_is_an_error_too() -> None:
    collector = RESPONSES.collect(REQUEST, max_bytes=0)
    deep = b"[" * 150 + b"]" * 150
    collector.feed(b'event: response.completed\ndata: {"response":{"x":' + deep + b"}}\n\n")
    with small_stack(), suppress(UpstreamInvalid):
        collector.result()
    assert deep in collector.result()


def test_the_limit_counts_items_and_the_last_event_and_nothing_that_is_not_held() -> None:
    whole, last = done(0, item("a")), end(output=[item("a")])
    held = [each.partition(b"data: ")[2].removesuffix(b"\n\n") for each in (whole, last)]
    room = sum(map(len, held))
    passing = created() + delta("x" * 500) * 9 + PARTIAL + b": comments do not count\n\n" * 99
    feed(passing, whole, passing, last, max_bytes=room)
    with pytest.raises(EventTooLarge, match=rf"stream.max_answer_bytes \({room - 1} bytes\)"):
        feed(passing, whole, passing, last, max_bytes=room - 1)


def test_half_a_surrogate_pair_and_bytes_that_are_not_utf_8_do_not_stop_an_answer() -> None:
    stream = end(output=[item("a", "one?two")])
    half = collect(stream.replace(b"?", b"\\ud83d"))
    assert half["output"][0]["content"][0]["text"] == "one\ud83dtwo"
    broken = collect(stream.replace(b"?", b"\xff"))
    assert broken["output"][0]["content"][0]["text"] == "one�two"


def test_a_result_can_be_asked_for_twice() -> None:
    collector = RESPONSES.collect(REQUEST, max_bytes=0)
    for block in blocks([STREAMS["output_empty"]]):
        collector.feed(block)
    assert json.loads(collector.result()) == json.loads(collector.result()) == ANSWERS["output_empty"]


LINES = [
    b"event: response.output_item.done",
    b"event: response.completed",
    b"event: response.failed",
    b"event: error",
    b"event: ping",
    b"id: 1",
    b": x",
    b"data: {}",
    b"data: []",
    b"data: [DONE]",
    b'data: {"type":"error"}',
    b'data: {"type":["response.completed"],"response":{"output":{}}}',
    b'data: {"response":{"output":[1],"error":7,"usage":[]},"output_index":0,"item":{"id":[]}}',
    b'data: {"type":"response.completed","response":{"status":[],"usage":{"input_tokens":1}}}',
    b'data: {"item":{"id":1},"output_index":-3}',
    b"data: \xff\xfe",
    b"data: {",
    b"",
    b"",
]
READERS: list[Callable[[bytes], object]] = [
    lambda block: feed(block),
    lambda block: collect(block),
    lambda block: RESPONSES.follow(REQUEST, hide_usage=False).feed(block),
    lambda block: RESPONSES.explode(block, REQUEST, include_usage=True),
]


@given(
    st.lists(st.sampled_from(LINES) | st.binary(max_size=9), max_size=14),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_whatever_comes_nothing_but_errors_of_the_gateway_is_raised(
    lines: list[bytes], line_end: bytes
) -> None:
    for reader in READERS:
        with suppress(GatewayError):
            reader(line_end.join([*lines, b"", b""]))
