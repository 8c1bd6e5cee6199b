"""A streaming client gets the upstream's own bytes; what is kept from it, and how a message ends."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages_streams import (
    ANSWERS,
    BLOCK_END,
    DEEP,
    OVERLOADED,
    PING,
    REQUEST,
    STOP,
    STREAMS,
    block,
    blocks,
    end,
    event,
    part,
    start,
    text,
)

from sluiceway.dialects.base import Follower, Usage
from sluiceway.dialects.messages import MESSAGES
from sluiceway.errors import GatewayError
from sluiceway.wire.sse import parse_events

COMMENT = b": keep-alive\n\n"


def follow() -> Follower:
    return MESSAGES.follow(REQUEST, hide_usage=False)


def run(*pieces: bytes) -> tuple[bytes, Usage | None, bool, str | None]:
    """What a client gets of a stream, and what was noted on the way."""
    follower = follow()
    out = b"".join(follower.feed(whole) for whole in blocks(pieces))
    assert follower.rest() == b""
    assert follower.complete() == (follower.ended and follower.error is None)
    message = follower.error.message if follower.error is not None else None
    return out, follower.usage, follower.ended, message


def shown(stream: bytes) -> bytes:
    """What a client may see of a golden stream: up to its end all events but pings and those without data."""
    kept = b""
    for found in parse_events(b"".join(blocks([stream]))):
        if found.data and b'"ping"' not in found.data and found.event != b"ping":
            kept += found.raw
        if found.data and b'{"type":"message_stop"' in found.data[:22]:
            break
    return kept


# ── real streams ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", STREAMS)
def test_of_a_real_stream_only_pings_and_comments_are_dropped_wherever_it_is_cut(name: str) -> None:
    stream = STREAMS[name]
    whole = run(stream)
    assert whole[0] == shown(stream)
    assert whole[2] == (name in ANSWERS or name == "error_midway")
    assert run(*(stream[at : at + 1] for at in range(len(stream)))) == whole
    for cut in range(len(stream)):
        assert run(stream[:cut], stream[cut:]) == whole


@pytest.mark.parametrize(
    "name", sorted(ANSWERS.keys() - {"text", "pings_and_comments", "without_event_names"})
)
def test_a_proper_stream_passes_byte_for_byte(name: str) -> None:
    assert run(STREAMS[name])[0] == b"".join(blocks([STREAMS[name]]))


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("text", Usage(input_tokens=25, output_tokens=31, total_tokens=56, cached_tokens=0)),
        (
            "cache_usage_overridden",
            Usage(input_tokens=17 + 2048 + 20480, output_tokens=7, total_tokens=22552, cached_tokens=20480),
        ),
        (
            "thinking_signature",
            Usage(input_tokens=25, output_tokens=64, total_tokens=89, cached_tokens=0, reasoning_tokens=41),
        ),
        ("truncated", Usage(input_tokens=25, output_tokens=12, total_tokens=37, cached_tokens=0)),
        ("error_midway", Usage(input_tokens=25, output_tokens=1, total_tokens=26, cached_tokens=0)),
    ],
)
def test_usage_is_what_came_last_of_each_count(name: str, usage: Usage) -> None:
    assert run(STREAMS[name])[1] == usage


def test_a_real_error_is_forwarded_and_noted() -> None:
    follower = follow()
    assert follower.feed(STREAMS["error_midway"]) == STREAMS["error_midway"]
    assert follower.error is not None
    assert (follower.error.message, follower.error.type) == ("Overloaded", "overloaded_error")
    assert follower.error.status == 529
    assert not follower.complete()


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_cut_anywhere_is_complete_exactly_if_its_answer_can_be_collected(name: str) -> None:
    stream = STREAMS[name]
    for cut in range(0, len(stream), max(1, len(stream) // 150)):
        follower = follow()
        collector = MESSAGES.collect(REQUEST, max_bytes=0)
        for whole in blocks([stream[:cut]], flush=False):
            follower.feed(whole)
            try:
                collector.feed(whole)
            except GatewayError:
                assert follower.error is not None
        if follower.error is None and not follower.complete():
            with pytest.raises(GatewayError, match="before the answer was complete"):
                collector.result()
        elif follower.error is None:
            collector.result()
        assert follower.usage == collector.usage


# ── verbatim ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "whole",
    [
        text("hello"),
        text("hello").replace(b"data: ", b"data:"),
        text("hello").replace(b"\n", b"\r\n"),
        text("hello").replace(b"\n", b"\r"),
        block() + text("a") + text("b") + BLOCK_END,
        start() + block() + text("a") + BLOCK_END + end() + STOP,
        b"id: 7\nretry: 5\n: inside\n" + text("hello"),
        text("event: message_stop\n\ndata: {}\n\n"),
        event({"type": "brand_new", "x": 1}),
        event({"type": "content_block_delta", "error": {"message": "part of an answer"}}),
        b"event: content_block_delta\ndata: {{{\n\n",
        b"event: message_start\ndata: not JSON\n\n",
        b'event: message_start\ndata: {"message":{"usage":5}}\n\n',
        b'event: message_start\ndata: {"message":[]}\n\n',
        b'event: message_delta\ndata: {"usage":"many"}\n\n',
        b"data: 5\n\n",
        b"data: [DONE]\n\n",
        b'data: {"type":["message_stop"]}\n\n',
        b'event: \xff\ndata: {"x":"\xff \\ud83d half"}\n\n',
        pytest.param(b"event: message_delta\ndata: " + DEEP + b"\n\n", id="deep"),
    ],
)
def test_a_block_in_which_nothing_is_dropped_is_returned_itself(whole: bytes) -> None:
    follower = follow()
    assert follower.feed(whole) is whole
    assert follower.error is None


@pytest.mark.parametrize(
    "nothing",
    [
        COMMENT,
        PING,
        PING.replace(b"\n", b"\r\n"),
        b"event: ping\n\n",
        b"event: ping\ndata: {}\n\n",
        b"event: ping\ndata: pong\n\n",
        b'data: {"type": "ping"}\n\n',
        b'event: message\ndata: {"type": "ping"}\n\n',
        b"\n",
        b"data:\n\n",
        b"data: \n\n",
        b"event: content_block_delta\n\n",
        b"event: content_block_delta\ndata:\n\n",
        b"event: message_stop\ndata:\n\n",
        b"retry: 9\r\n\r\n",
    ],
)
def test_pings_comments_and_events_without_data_are_neither_forwarded_nor_progress(nothing: bytes) -> None:
    follower = follow()
    assert follower.feed(nothing) == b""
    assert not follower.progressed
    assert follower.feed(nothing + text("a") + nothing + end() + nothing) == text("a") + end()
    assert follower.feed(text("a") + nothing) == text("a")


def test_a_piece_of_content_is_not_even_read() -> None:
    """Neither of these is JSON, which nobody here finds out; and a large one is not copied."""
    for line_end in (b"\n", b"\r\n"):
        broken = b"event: content_block_delta\ndata: {\xff\xfe nonsense\n\n".replace(b"\n", line_end)
        assert follow().feed(broken) is broken
    large = text("A" * 3_000_000)
    assert follow().feed(large) is large


@pytest.mark.parametrize("first", [text("a"), block(), BLOCK_END, text("a") + text("b")])
@pytest.mark.parametrize(
    "last",
    [
        STOP,
        b"event: message_stop\r\ndata: {}\r\n\r\n",
        b"event: content_block_delta\ndata: {}\nevent: message_stop\n\n",
        b"event: content_block_delta\ndata: {}\revent: message_stop\n\n",
        b"id: 1\n" + STOP,
        b"\n" + STOP,
    ],
)
def test_no_end_hides_behind_a_piece_of_content(first: bytes, last: bytes) -> None:
    follower = follow()
    assert follower.feed(first + last + text("late")).endswith(last.lstrip())
    assert follower.ended


# ── ends ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_ends_with_message_stop_and_nothing_follows() -> None:
    follower = follow()
    assert follower.feed(start() + end()) == start() + end()
    assert not follower.complete(), "a stop reason is not the end"
    assert follower.feed(STOP + text("late") + STOP) == STOP
    assert follower.ended
    assert follower.complete()
    assert follower.feed(text("later")) == b""


@pytest.mark.parametrize(
    "stop",
    [
        STOP,
        STOP.replace(b"\n", b"\r\n"),
        b"event: message_stop\ndata: {}\n\n",
        b"event: message_stop\ndata: bye\n\n",
        event({"type": "message_stop"}, ""),
        event({"type": "message_stop"}, "message"),
        b'data: {"type":\ndata: "message_stop"}\n\n',
    ],
)
def test_an_end_is_an_end_however_it_is_written(stop: bytes) -> None:
    follower = follow()
    assert follower.feed(stop) is stop
    assert follower.complete()


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "frame",
    [
        event({"type": "error", "error": {"type": "api_error", "message": "boom"}}),
        event({"type": "error", "error": {"message": "boom"}}, ""),
        event({"type": "error", "error": {"message": "boom"}}, "message"),
        event({"error": "boom"}, ""),
        event({"message": "boom"}, "error"),
        b"event: error\ndata: boom\n\n",
        b'event: error\ndata: {"error":{"message":"boom"},"x":"\\ud83d"}\n\n',
    ],
)
def test_an_error_event_is_forwarded_and_remembered(frame: bytes) -> None:
    follower = follow()
    assert follower.feed(frame) is frame
    assert follower.error is not None
    assert follower.error.message == "boom"
    assert not follower.complete()


def test_the_first_error_is_kept() -> None:
    follower = follow()
    follower.feed(OVERLOADED + event({"type": "error", "error": {"message": "second"}}) + STOP)
    assert follower.error is not None
    assert follower.error.message == "Overloaded"
    assert follower.ended


# ── properties ──────────────────────────────────────────────────────────────────────────────────────

KINDS = {
    "start": start(),
    "text": text("with \"error\" and 'message_stop'"),
    "input": part('{"error":'),
    "block": block(),
    "block end": BLOCK_END,
    "nameless": event({"type": "content_block_delta", "index": 0, "delta": {}}, ""),
    "crlf": text("c").replace(b"\n", b"\r\n"),
    "cr": text("c").replace(b"\n", b"\r"),
    "id": b"id: 1\n" + text("n"),
    "end": end(),
    "bad": b"data: {{{\n\n",
    "new": event({"type": "new"}),
    "comment": COMMENT,
    "empty": b"data:\n\n",
    "ping": PING,
    "error": OVERLOADED,
    "stop": STOP,
    "nameless stop": event({"type": "message_stop"}, ""),
}
SILENT = {"comment", "empty", "ping"}


@given(
    st.lists(st.sampled_from(sorted(KINDS)), max_size=12),
    st.lists(st.integers(min_value=0, max_value=2000), max_size=6),
)
@settings(deadline=None)
def test_any_stream_is_its_events_less_the_silent_ones_up_to_its_end(
    kinds: list[str], cuts: list[int]
) -> None:
    stops = [at for at, kind in enumerate(kinds) if kind.endswith("stop") or kind == "error"]
    seen = kinds[: stops[0] + 1] if stops else kinds
    stream = b"".join(KINDS[kind] for kind in kinds)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    out, usage, ended, error = run(*(stream[a:b] for a, b in pairwise(edges)))
    assert out == b"".join(KINDS[kind] for kind in seen if kind not in SILENT)
    assert ended == bool(stops)
    assert (usage is not None) == bool({"start", "end"} & set(seen))
    assert (error is not None) == ("error" in seen)


@given(st.lists(st.binary(max_size=80) | st.sampled_from(sorted(KINDS.values())), max_size=6))
@settings(max_examples=150, deadline=None)
def test_no_stream_at_all_makes_a_follower_raise(pieces: list[bytes]) -> None:
    run(*pieces)


VALUES: Any = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["usage", "type", "delta"]), inner)
    ),
    max_leaves=5,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["message_start", "message_delta", "content_block_start", "error"])},
            optional={"message": VALUES, "usage": VALUES, "error": VALUES, "index": VALUES},
        ),
        max_size=4,
    )
)
@settings(deadline=None)
def test_no_event_at_all_makes_a_follower_raise(documents: list[Any]) -> None:
    out, _usage, ended, error = run(*map(event, documents))
    assert b"".join(map(event, documents)).startswith(out)
    assert ended == (error is not None)
