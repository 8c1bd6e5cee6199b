"""A streaming client gets the upstream's own bytes; what is kept from it, and how a response ends."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from responses_streams import (
    COUNTED,
    DEEP,
    DONE,
    REQUEST,
    STREAMS,
    added,
    blocks,
    created,
    cut,
    delta,
    done,
    end,
    event,
    item,
    official_client,
    response,
    sdk_events,
)

from sluiceway.dialects.base import Follower, Usage
from sluiceway.dialects.responses import RESPONSES
from sluiceway.dialects.responses_follow import EDGE_BYTES
from sluiceway.errors import GatewayError, UpstreamReported, UpstreamTimeout, UpstreamTruncated
from sluiceway.wire.sse import parse_events

COMMENT = b": still there\n\n"
KEEPALIVE = event("keepalive", sequence_number=3)
PING = event("ping", name="")
ERROR = event("error", code="server_error", message="boom", param=None, sequence_number=4)
ERROR_INSIDE = event("error", error={"type": "invalid_request_error", "message": "boom"})
FAILED = event(
    "response.failed", response=response("failed", error={"code": "server_error", "message": "boom"})
)
PARTIAL = event("response.image_generation_call.partial_image", partial_image_b64="iVBORw0KGgo=")


def followed(*reads: bytes) -> Follower:
    follower = RESPONSES.follow(REQUEST, hide_usage=False)
    for block in blocks(reads):
        follower.feed(block)
    return follower


def told(follower: Follower, error: GatewayError | None = None) -> list[dict[str, Any]]:
    """The data of the events that end a broken stream."""
    block = follower.error_event(error or UpstreamTruncated("It\nstopped."))
    assert block.endswith(b"\n\n")
    found = [json.loads(one.data or b"") for one in parse_events(block)]
    assert [one.event.decode() for one in parse_events(block)] == [data["type"] for data in found]
    return found


def shown_of(stream: bytes) -> bytes:
    """What a client may see of a golden stream."""
    return b"".join(
        found.raw
        for found in parse_events(stream)
        if found.data
        and found.data != b"[DONE]"
        and not any(word in found.raw for word in (b"keepalive", b"ping"))
    )


# ── verbatim ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "block",
    [
        delta(),
        delta() * 3,
        delta('{"type":"error"}\n\ndata: [DONE]\n\nevent: response.completed'),
        delta(logprobs=[], obfuscation="kP2"),
        delta().replace(b"\n", b"\r\n"),
        delta().replace(b"\n", b"\r"),
        delta().replace(b": ", b":"),
        delta(name=""),
        delta(name="message"),
        PARTIAL,
        PARTIAL + delta(),
        event("response.dream_call.deepening", depth=3),
        event("response.reasoning_summary_part.added", part={"error": "none"}),
        created() + added(0, item("a")) + delta() + done(0, item("a")) + end(),
        b"id: 7\n: inside\nretry: 5\r\n" + delta(),
        b"event: response.output_text.delta\ndata: {not JSON\n\n",
        b"event: response.in_progress\ndata: {not JSON\n\n",
        b"event: response.created\ndata: {not JSON\n\n",
        b"data: not JSON at all\n\n",
        b"data: 5\n\n",
        b"data: {}\n\n",
        b'data: {"type":5,"response":"x","object":[],"error":null}\n\n',
        b'data: {"type":"response.output_text.delta","delta":"\xff \\ud83d half"}\n\n',
        b'data: {"type":\ndata: "response.output_text.delta"}\n\n',
        pytest.param(b'data: {"x":' + DEEP + b"}\n\n", id="deep"),
    ],
)
def test_a_block_in_which_nothing_is_dropped_is_returned_itself(block: bytes) -> None:
    follower = RESPONSES.follow(REQUEST, hide_usage=False)
    assert follower.feed(block) is block
    assert follower.error is None


@pytest.mark.parametrize("name", STREAMS)
def test_of_a_real_stream_only_what_says_nothing_is_dropped_wherever_it_is_cut(name: str) -> None:
    stream = STREAMS[name]
    (whole,) = blocks([b"".join(blocks([stream]))])
    for at in range(0, len(stream), max(1, len(stream) // 100)):
        follower = RESPONSES.follow(REQUEST, hide_usage=False)
        out = b"".join(follower.feed(block) for block in blocks(cut(stream, [at])))
        assert out == shown_of(whole)
        assert follower.complete() == (name != "truncated")


@pytest.mark.parametrize(
    "nothing",
    [
        COMMENT,
        KEEPALIVE,
        PING,
        event("ping", name="message"),
        b"event: ping\ndata: pong\n\n",
        b"event: response.output_text.delta\n\n",
        b"event: response.output_text.delta\ndata:\n\n",
        b"data: \n\n",
        b"retry: 9\r\n\r\n",
        b"\n",
        DONE,
    ],
)
def test_comments_pings_and_events_without_data_are_not_forwarded(nothing: bytes) -> None:
    follower = RESPONSES.follow(REQUEST, hide_usage=False)
    assert follower.feed(nothing) == b""
    assert not follower.progressed
    for piece in (delta(), created(), delta(name="")):
        assert follower.feed(nothing + piece + nothing) == piece
    assert not follower.complete()


def test_an_event_that_hides_behind_a_lone_cr_is_seen() -> None:
    piece = b'event: response.output_text.delta\ndata: {"delta":"x"}\r\r' + end().rstrip(b"\n") + b"\r\n\n"
    follower = RESPONSES.follow(REQUEST, hide_usage=False)
    assert follower.feed(piece) == piece
    assert follower.ended


KINDS = {
    "created": created(),
    "text": delta("text with \"error\" and 'response.failed'"),
    "spaced": delta("é").replace(b'":', b'" : '),
    "crlf": delta("c").replace(b"\n", b"\r\n"),
    "nameless": delta("n", name=""),
    "general": done(0, item("a")).replace(b"event: response.output_item.done", b"event: message"),
    "numbered": b"id: 1\n" + delta(),
    "picture": PARTIAL,
    "step": event("response.in_progress", response=response("in_progress")),
    "bad": b"data: {{{\n\n",
    "comment": COMMENT,
    "keepalive": KEEPALIVE,
    "ping": PING,
    "empty": b"event: response.output_text.delta\ndata:\n\n",
    "marker": DONE,
    "error": ERROR,
    "failed": FAILED,
    "end": end(usage=COUNTED),
    "short": end("incomplete", usage=COUNTED),
}
SILENT = {"comment", "keepalive", "ping", "empty", "marker"}


def expected(kinds: list[str]) -> list[str]:
    """The kinds of events that go on: up to the end; after an error, only the failure that it is."""
    shown: list[str] = []
    for kind in kinds:
        if kind not in SILENT and ("error" not in shown or kind == "failed"):
            shown.append(kind)
            if kind in ("failed", "end", "short"):
                break
    return shown


@given(
    st.lists(st.sampled_from(sorted(KINDS)), max_size=12),
    st.lists(st.integers(min_value=0, max_value=3000), max_size=6),
)
def test_any_stream_is_its_events_less_the_silent_ones_up_to_its_end(
    kinds: list[str], cuts: list[int]
) -> None:
    stream = b"".join(KINDS[kind] for kind in kinds)
    follower = RESPONSES.follow(REQUEST, hide_usage=False)
    out = b"".join(follower.feed(block) for block in blocks(cut(stream, cuts)))
    shown = expected(kinds)
    last = shown[-1] if shown else ""
    assert out == b"".join(KINDS[kind] for kind in shown)
    assert follower.ended == (last in ("failed", "end", "short"))
    assert follower.complete() == (follower.ended or "error" in shown)
    assert (follower.error is not None) == ("error" in shown or last == "failed")
    assert (follower.usage is not None) == (last in ("end", "short"))
    assert follower.rest() == b""


# ── ends and usage ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["response.completed", "", "message"])
def test_a_response_ends_with_its_last_event_and_nothing_follows(name: str) -> None:
    last = event("response.completed", name=name, response=response())
    follower = RESPONSES.follow(REQUEST, hide_usage=False)
    assert not follower.complete()
    assert follower.feed(last + delta() + DONE) == last
    assert follower.ended
    assert follower.complete()
    assert follower.feed(delta()) == follower.feed(FAILED) == b""


@pytest.mark.parametrize(
    "block",
    [
        created(),
        delta("response.completed"),
        done(0, item("a")),
        event("response.output_text.done", text="all of it"),
        event("response.image_generation_call.completed"),
        b'event: response.completed\ndata: {"type":"response.compl\n\n',
        b"event: response.completed\n\n",
        DONE,
        COMMENT,
    ],
)
def test_nothing_else_ends_a_response(block: bytes) -> None:
    assert not followed(block).complete()


def test_usage_is_what_the_last_event_counts() -> None:
    details = {"input_tokens_details": {"cached_tokens": 3}, "output_tokens_details": {"reasoning_tokens": 2}}
    follower = followed(created(usage={"input_tokens": 99}), end(usage=COUNTED | details))
    assert follower.usage == Usage(
        input_tokens=7, output_tokens=5, total_tokens=12, cached_tokens=3, reasoning_tokens=2
    )


@pytest.mark.parametrize("usage", [None, {}, "none", [], {"input_tokens": "7"}, {"input_tokens": -1}, True])
def test_usage_that_counts_nothing_is_none(usage: Any) -> None:
    assert followed(end(usage=usage)).usage is None


@pytest.mark.parametrize("whole", [None, "x", [], 5])
def test_an_end_without_its_response_ends_all_the_same(whole: Any) -> None:
    follower = followed(event("response.completed", response=whole))
    assert follower.ended
    assert follower.usage is None


# ── errors of the upstream ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "frame",
    [
        ERROR,
        ERROR_INSIDE,
        FAILED,
        event("error", name="", message="boom"),
        event("error", name="message", message="boom"),
        b'event: error\ndata: {"message":"boom"}\n\n',
        b"event: error\ndata: boom\n\n",
        b'data: {"error":{"message":"boom"}}\n\n',
        b'data: {"object":"error","message":"boom"}\n\n',
        b'event: error\ndata: {"message":"boom","x":"\\ud83d"}\n\n',
        b'data: {"type":"error",\ndata: "message":"boom"}\n\n',
        FAILED.replace(b"event: response.failed\n", b""),
    ],
)
def test_an_error_is_forwarded_and_remembered_and_is_an_end(frame: bytes) -> None:
    follower = RESPONSES.follow(REQUEST, hide_usage=False)
    assert follower.feed(frame) is frame
    assert follower.error is not None
    assert follower.error.message == "boom"
    assert follower.complete()
    assert follower.ended == (b"response.failed" in frame)


@pytest.mark.parametrize("at_once", [True, False])
def test_after_an_error_only_the_failure_goes_on(at_once: bool) -> None:
    follower = RESPONSES.follow(REQUEST, hide_usage=False)
    rest = [delta("response.failed"), delta() * 2, created(), end(), ERROR, FAILED, delta()]
    reads = [b"".join([ERROR, *rest])] if at_once else [ERROR, *rest]
    assert b"".join(follower.feed(read) for read in reads) == ERROR + FAILED
    assert follower.ended


def test_the_first_error_is_kept_with_the_upstreams_own_words() -> None:
    limit = {"code": "rate_limit_exceeded", "message": "Slow down."}
    last = event("response.failed", response=response("failed", error=limit, usage=COUNTED))
    follower = followed(last)
    error = follower.error
    assert isinstance(error, UpstreamReported)
    assert (error.code, error.message, error.status) == ("rate_limit_exceeded", "Slow down.", 429)
    assert follower.usage is not None
    first = followed(ERROR + last).error
    assert first is not None
    assert (first.code, first.message) == ("server_error", "boom")


@pytest.mark.parametrize("error", [None, {}, [], 5])
def test_a_failure_without_a_reason_is_an_error_too(error: Any) -> None:
    follower = followed(event("response.failed", response=response("failed", error=error)))
    assert follower.error is not None
    assert follower.error.message
    assert follower.ended


# ── errors of the gateway ───────────────────────────────────────────────────────────────────────────


def test_before_a_response_was_begun_only_the_error_is_told() -> None:
    assert told(RESPONSES.follow(REQUEST, hide_usage=False)) == [
        {
            "type": "error",
            "code": "upstream_truncated",
            "message": "It\nstopped.",
            "param": None,
            "sequence_number": 0,
        }
    ]


def test_a_response_that_was_begun_fails_as_it_was_begun() -> None:
    follower = followed(created(instructions="Be brief."), delta(sequence_number=7))
    error, failed = told(follower, UpstreamTimeout("Too late."))
    assert (error["sequence_number"], failed["sequence_number"]) == (8, 9)
    assert failed["response"] == response(
        "failed",
        instructions="Be brief.",
        error={"code": "upstream_timeout", "message": "Too late."},
    )


@pytest.mark.parametrize(
    "begin", [b"event: response.created\ndata: {\n\n", event("response.created", response=5)]
)
def test_what_was_begun_and_cannot_be_read_does_not_fail(begin: bytes) -> None:
    assert [data["type"] for data in told(followed(begin))] == ["error"]


def test_an_error_without_a_code_is_told_by_its_type() -> None:
    (error,) = told(followed(), UpstreamReported("No.", type="overloaded_error"))
    assert error["code"] == "overloaded_error"


BIG = "A" * (4 * EDGE_BYTES)


@pytest.mark.parametrize(
    "stream",
    [
        delta(sequence_number=41),
        delta(sequence_number=40) + delta(sequence_number=41),
        delta(sequence_number=41).replace(b"\n", b"\r\n"),
        delta(sequence_number=41, name=""),
        delta(sequence_number=41).replace(b'":', b'" : '),
        delta('"sequence_number":90', sequence_number=41),
        delta(sequence_number=41, name="") + COMMENT + KEEPALIVE + DONE,
        delta(sequence_number=41).replace(b"data: {", b"data: {\ndata: "),
        event("response.content_part.added", sequence_number=41, part={}),
        done(0, item("a", BIG)).replace(b'"output_index"', b'"sequence_number":41,"output_index"'),
        done(0, item("a", BIG)).replace(b"}\n\n", b',"sequence_number":41}\nid: 7\n\n'),
        event("response.image_generation_call.partial_image", sequence_number=41, partial_image_b64=BIG),
        event("response.image_generation_call.partial_image", partial_image_b64=BIG, sequence_number=41),
        delta(BIG, sequence_number=40) + delta(BIG, sequence_number=41) * 2,
        delta(sequence_number=41) + event("vendor.note", text="x") + b"data: not json\n\n",
        delta(BIG, sequence_number=40) + delta(sequence_number=41),
        delta(sequence_number=40) + delta(BIG, sequence_number=41) + COMMENT,
    ],
)
def test_an_error_has_the_number_after_the_last_event_however_that_was_written(stream: bytes) -> None:
    for reads in ([created(39), stream], [created(39) + stream], cut(created(39) + stream, [500, 501, 777])):
        error, failed = told(followed(*reads))
        assert (error["sequence_number"], failed["sequence_number"]) == (42, 43)


def test_events_without_numbers_give_the_error_the_first() -> None:
    assert told(followed(delta()))[0]["sequence_number"] == 0


def test_of_a_large_event_only_its_ends_are_kept() -> None:
    follower = followed(created(), delta("A" * 5_000_000, sequence_number=1))
    held = [getattr(follower, name) for name in ("_created", "_last")]
    assert sum(map(len, held)) < 3 * EDGE_BYTES


# ── OpenAI's own client ─────────────────────────────────────────────────────────────────────────────


def test_the_official_client_sees_both_events_of_a_broken_stream() -> None:
    begun = STREAMS["truncated"]
    stream = begun + followed(begun).error_event(UpstreamTruncated("It stopped."))
    *_, error, failed = sdk_events(stream)
    assert error.type == "error"
    assert (error.code, error.message) == ("upstream_truncated", "It stopped.")
    assert failed.type == "response.failed"
    assert failed.response.error is not None
    assert failed.response.error.message == "It stopped."
    assert failed.sequence_number == error.sequence_number + 1


def test_the_official_helper_reads_a_broken_stream_to_its_end() -> None:
    begun = STREAMS["truncated"]
    stream = begun + followed(begun).error_event(UpstreamTruncated("It stopped."))
    with official_client(stream) as client, client.responses.stream(model="m", input="x") as events:
        kinds = [found.type for found in events]
        assert kinds[-2:] == ["error", "response.failed"]
        with pytest.raises(RuntimeError, match="Didn't receive"):
            events.get_final_response()


def test_the_official_client_raises_what_an_upstream_says_inside_of_an_error() -> None:
    with pytest.raises(openai.APIError, match="boom"):
        sdk_events(ERROR_INSIDE)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("rate_limit_exceeded", 429),
        ("server_error", 502),
        ("invalid_prompt", 400),
        ("image_too_large", 400),
        ("bio_policy_violation", 400),
        (None, 502),
    ],
)
def test_a_failure_has_the_status_that_its_code_stands_for(code: str | None, status: int) -> None:
    response = {"id": "r", "status": "failed", "error": {"code": code, "message": "boom"}}
    follower = followed(event("response.failed", response=response))
    assert follower.error is not None
    assert follower.error.status == status
