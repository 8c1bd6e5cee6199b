"""A streaming client gets the upstream's own bytes; what is kept from it, and how an answer ends."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from chat_streams import DONE, REQUEST, STREAMS, blocks, chunk, event, piece
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.dialects.base import Usage
from sluiceway.dialects.chat import CHAT
from sluiceway.errors import GatewayError
from sluiceway.wire.sse import parse_events

COUNTED = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
USAGE = Usage(input_tokens=7, output_tokens=5, total_tokens=12)
COMMENT = b": OPENROUTER PROCESSING\n\n"
FINISHED = chunk(piece(finish="stop"))


def without_comments(stream: bytes) -> bytes:
    """What a client may see of it: every event that has data."""
    return b"".join(found.raw for found in parse_events(stream) if found.data)


# ── verbatim ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "block",
    [
        chunk(piece("hello")),
        chunk(piece("hello")).replace(b":", b": "),
        chunk(piece("hello")).replace(b"data: ", b"data:"),
        chunk(piece("hello", index=3)),
        chunk(piece(tool_calls=[{"index": 1, "function": {"arguments": "x"}}])),
        chunk(piece("hello"), usage=COUNTED),
        chunk(piece('{"error": "usage"} [DONE]\n\ndata: [DONE]')),
        chunk(piece("a")) + chunk(piece("b")) + FINISHED + DONE,
        b"id: 7\nevent: message\n: inside\nretry: 5\r\n" + chunk(piece("hello")),
        b'data: {"choices":\rdata: []}\r\r',
        b"data: not JSON at all\n\n",
        b'data: {"choices":[{"index":"0","delta":5}],"usage":[],"error":""}\n\n',
        b'data: {"choices":{},"error":null}\n\n',
        b"data: 5\n\n",
        pytest.param(b'data: {"x":' + b"[" * 100_000 + b"\n\n", id="deep"),
        b'data: {"x":"\xff \\ud83d half"}\n\n',
    ],
)
def test_a_block_in_which_nothing_is_dropped_is_returned_itself(block: bytes) -> None:
    follower = CHAT.follow(REQUEST, hide_usage=True)
    assert follower.feed(block) is block
    assert follower.error is None


@pytest.mark.parametrize("name", STREAMS)
def test_of_a_real_stream_only_comments_are_dropped_wherever_it_is_cut(name: str) -> None:
    stream = STREAMS[name]
    (whole,) = blocks([b"".join(blocks([stream]))])
    for cut in range(0, len(stream), max(1, len(stream) // 100)):
        follower = CHAT.follow(REQUEST, hide_usage=False)
        out = b"".join(follower.feed(block) for block in blocks([stream[:cut], stream[cut:]]))
        assert out == without_comments(whole)
        assert follower.complete()


@pytest.mark.parametrize(
    "nothing",
    [COMMENT, b":\n\n", b"\n", b"data:\n\n", b"data: \n\n", b"event: ping\n\n", b"retry: 9\r\n\r\n"],
)
def test_comments_and_events_without_data_are_not_forwarded(nothing: bytes) -> None:
    follower = CHAT.follow(REQUEST, hide_usage=False)
    assert follower.feed(nothing) == b""
    assert follower.feed(nothing + FINISHED + nothing) == FINISHED


KINDS = {
    "text": chunk(piece("text with \"usage\": and 'error'")),
    "spaced": chunk(piece("é")).replace(b":", b": "),
    "second": chunk(piece("two", index=1)),
    "named": b"event: x\nid: 1\n" + chunk(piece("n")),
    "crlf": chunk(piece("c")).replace(b"\n", b"\r\n"),
    "finish": FINISHED,
    "usage": chunk(usage=COUNTED),
    "usage in choices": chunk(piece("u"), usage=COUNTED),
    "bad": b"data: {{{\n\n",
    "comment": COMMENT,
    "empty": b"data:\n\n",
    "error": event({"error": {"message": "no"}}),
    "done": DONE,
}


@given(
    st.lists(st.sampled_from(sorted(KINDS)), max_size=12),
    st.lists(st.integers(min_value=0, max_value=2000), max_size=6),
    st.booleans(),
)
def test_any_stream_is_its_events_less_the_hidden_ones_up_to_done(
    kinds: list[str], cuts: list[int], hide: bool
) -> None:
    hidden = {"comment", "empty"} | ({"usage"} if hide else set())
    shown = kinds[: kinds.index("done") + 1] if "done" in kinds else kinds
    stream = b"".join(KINDS[kind] for kind in kinds)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    follower = CHAT.follow(REQUEST, hide_usage=hide)
    reads = [stream[a:b] for a, b in pairwise(edges)]
    out = b"".join(follower.feed(block) for block in blocks(reads))
    assert out == b"".join(KINDS[kind] for kind in shown if kind not in hidden)
    assert follower.ended == ("done" in kinds)
    assert (follower.usage is not None) == any(kind.startswith("usage") for kind in shown)
    assert (follower.error is not None) == ("error" in shown)


# ── usage ───────────────────────────────────────────────────────────────────────────────────────────


def test_usage_only_the_gateway_asked_for_is_hidden_but_counted() -> None:
    follower = CHAT.follow(REQUEST, hide_usage=True)
    assert follower.feed(FINISHED + chunk(usage=COUNTED) + DONE) == FINISHED + DONE
    assert follower.usage == USAGE


def test_a_usage_event_without_any_choices_member_is_hidden_too() -> None:
    assert CHAT.follow(REQUEST, hide_usage=True).feed(event({"usage": COUNTED})) == b""
    shown = event({"usage": COUNTED})
    assert CHAT.follow(REQUEST, hide_usage=False).feed(shown) is shown


def test_an_event_without_choices_and_without_usage_is_no_usage_event() -> None:
    azure = event({"choices": [], "prompt_filter_results": [], "usage": None})
    assert CHAT.follow(REQUEST, hide_usage=True).feed(azure) is azure


def test_the_last_usage_wins_and_a_stub_does_not() -> None:
    follower = CHAT.follow(REQUEST, hide_usage=False)
    follower.feed(chunk(piece("a"), usage={"prompt_tokens": 7, "completion_tokens": 1}))
    follower.feed(chunk(piece("b"), usage=COUNTED))
    stubs: list[Any] = [{}, "none", [], {"prompt_tokens": "7"}, True]
    for stub in stubs:
        follower.feed(chunk(piece("c"), usage=stub))
    assert follower.usage == USAGE


# ── ends ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_ends_with_done_and_nothing_follows() -> None:
    follower = CHAT.follow(REQUEST, hide_usage=False)
    assert not follower.complete()
    assert follower.feed(DONE + chunk(piece("late")) + DONE) == DONE
    assert follower.ended
    assert follower.complete()
    assert follower.feed(chunk(piece("later"))) == b""


def test_without_done_an_answer_is_complete_once_every_choice_has_a_reason() -> None:
    follower = CHAT.follow(REQUEST, hide_usage=False)
    follower.feed(chunk(piece("a")))
    follower.feed(chunk(piece("b", index=1)))
    follower.feed(chunk(piece(index=1, finish="stop")))
    assert not follower.complete()
    follower.feed(chunk(piece(finish="length"), piece(index=1)))
    assert follower.complete()
    assert not follower.ended


def test_a_choice_without_an_index_is_the_first() -> None:
    follower = CHAT.follow(REQUEST, hide_usage=False)
    follower.feed(event({"choices": [{"delta": {}, "finish_reason": "stop"}]}))
    assert follower.complete()


@pytest.mark.parametrize(
    "block",
    [
        chunk(piece(finish="")),
        chunk(piece(' "finish_reason":"stop" ')),
        chunk(piece("[DONE]")),
        chunk(piece("a"), piece(finish="stop", index=1)),
        chunk({"index": None, "delta": {}, "finish_reason": 1}),
        chunk(usage=COUNTED),
        b"data: {}\n\n",
        COMMENT,
    ],
)
def test_nothing_else_completes_an_answer(block: bytes) -> None:
    follower = CHAT.follow(REQUEST, hide_usage=False)
    follower.feed(block)
    assert not follower.complete()


def test_fields_of_the_wrong_type_do_not_hide_the_reason_beside_them() -> None:
    follower = CHAT.follow(REQUEST, hide_usage=False)
    follower.feed(chunk({"index": None, "delta": 5, "finish_reason": "stop"}))
    assert follower.complete()


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_cut_anywhere_is_complete_exactly_if_its_answer_can_be_collected(name: str) -> None:
    stream = STREAMS[name]
    for cut in range(0, len(stream), max(1, len(stream) // 150)):
        follower = CHAT.follow(REQUEST, hide_usage=False)
        collector = CHAT.collect(REQUEST, max_bytes=0)
        for block in blocks([stream[:cut]], flush=False):
            follower.feed(block)
            try:
                collector.feed(block)
            except GatewayError:
                assert follower.error is not None
        if follower.error is not None:
            continue
        if follower.complete():
            collector.result()
        else:
            with pytest.raises(GatewayError, match="before the answer was complete"):
                collector.result()


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "frame",
    [
        event({"error": {"message": "boom"}}),
        event({"error": "boom"}),
        event({"object": "error", "message": "boom", "type": "BadRequestError", "code": 400}),
        event({"error": {"message": "boom"}, "choices": [piece(finish="error")]}),
        b"event: error\n" + event({"message": "boom"}),
        b"event: error\n" + event({"message": "boom", "choices": [piece()]}),
        b"event: error\ndata: boom\n\n",
        b'data: {"error":\ndata: {"message":"boom"}}\n\n',
        b'data: {"\\u0065rror":"boom"}\n\n',
        b'data: {"error":{"message":"boom"},"x":"\\ud83d"}\n\n',
    ],
)
def test_an_error_frame_is_forwarded_and_remembered(frame: bytes) -> None:
    follower = CHAT.follow(REQUEST, hide_usage=True)
    assert follower.feed(frame) is frame
    assert follower.error is not None
    assert follower.error.message == "boom"
    assert not follower.complete()


def test_the_first_error_is_kept() -> None:
    follower = CHAT.follow(REQUEST, hide_usage=False)
    follower.feed(event({"error": {"message": "first"}}) + event({"error": {"message": "second"}}) + DONE)
    assert follower.error is not None
    assert follower.error.message == "first"
    assert follower.ended


def test_content_that_merely_speaks_of_errors_is_none() -> None:
    follower = CHAT.follow(REQUEST, hide_usage=True)
    for text in ('{"error":"x"}', "event: error", '"error"', "error"):
        follower.feed(chunk(piece(text)))
        follower.feed(b"id: 1\n" + chunk(piece(text, error="x")))
    assert follower.error is None


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("last", [DONE, event({"usage": COUNTED}), event({"error": {"message": "no"}})])
def test_several_events_in_one_block_are_judged_like_one_by_one(line_end: bytes, last: bytes) -> None:
    events = [
        found.replace(b"\n", line_end)
        for found in (
            chunk(piece("a")),
            b": note\n\n",
            chunk(piece("b", finish="stop")),
            last,
            chunk(piece("c")),
        )
    ]
    one_by_one = CHAT.follow(REQUEST, hide_usage=True)
    expected = b"".join(one_by_one.feed(found) for found in events)
    for start in range(len(events)):
        follower = CHAT.follow(REQUEST, hide_usage=True)
        out = b"".join(follower.feed(found) for found in events[:start]) + follower.feed(
            b"".join(events[start:])
        )
        assert out == expected
        assert (follower.ended, follower.usage) == (one_by_one.ended, one_by_one.usage)
        assert (follower.error, one_by_one.error) == (None, None) or follower.error is not None
        assert follower.complete() == one_by_one.complete()
