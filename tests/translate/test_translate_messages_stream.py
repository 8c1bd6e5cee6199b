"""A Messages stream as deltas and back: each event as it comes, and as the official client reads it."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from messages_samples import answer_of, data_of, deltas_of, event, stream_of
from pydantic import TypeAdapter

from sluiceway.errors import (
    Draining,
    GatewayError,
    InvalidRequest,
    UpstreamInvalid,
    UpstreamReported,
    UpstreamTimeout,
    UpstreamTruncated,
)
from sluiceway.translate.messages import MESSAGES_TRANSLATOR
from sluiceway.translate.neutral import (
    Begin,
    Call,
    Delta,
    End,
    PartBegin,
    PartDelta,
    PartEnd,
    PartSignature,
    Tokens,
)

EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)

# As api.anthropic.com streams it: thought, sealed thought, text, call with and without arguments.
REAL = b"""event: message_start
data: {"type":"message_start","message":{"model":"claude-sonnet-4-5","id":"msg_01","type":"message",\
"role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,\
"cache_creation_input_tokens":0,"cache_read_input_tokens":90,"output_tokens":1,"service_tier":"standard"}}    }

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me "}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"see"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"EmwK"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"citations_delta","citation":{"type":"char_location"}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Hi"}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: content_block_start
data: {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"tool_1","name":"f","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\\"a\\""}}

event: content_block_delta
data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":": 1}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":3}

event: content_block_start
data: {"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"tool_2","name":"g","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_stop
data: {"type":"content_block_stop","index":4}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":42}}

event: message_stop
data: {"type":"message_stop"}

"""

START = event({"type": "message_start", "message": {"id": "i", "model": "m", "usage": {"input_tokens": 5}}})
STOP = event({"type": "message_stop"})


def start(index: Any, kind: str = "text", **fields: Any) -> bytes:
    return event({"type": "content_block_start", "index": index, "content_block": {"type": kind} | fields})


def grow(index: Any, kind: str, **fields: Any) -> bytes:
    return event({"type": "content_block_delta", "index": index, "delta": {"type": kind} | fields})


def stop(index: Any) -> bytes:
    return event({"type": "content_block_stop", "index": index})


def conclude(usage: Any = None, **delta: Any) -> bytes:
    return event({"type": "message_delta", "delta": delta, "usage": usage or {"output_tokens": 2}})


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_real_stream_is_its_deltas() -> None:
    begun = Tokens(input=100, output=1, cached=90, cache_written=0)
    assert deltas_of(REAL) == [
        Begin("msg_01", "claude-sonnet-4-5", tokens=begun),
        PartBegin(0, "thinking"),
        PartDelta(0, "Let me "),
        PartDelta(0, "see"),
        PartSignature(0, "EqQB"),
        PartEnd(0),
        PartBegin(1, "sealed"),
        PartDelta(1, "EmwK"),
        PartEnd(1),
        PartBegin(2, "text"),
        PartDelta(2, "Hi"),
        PartEnd(2),
        PartBegin(3, "call", id="tool_1", name="f"),
        PartDelta(3, '{"a"'),
        PartDelta(3, ": 1}"),
        PartEnd(3),
        PartBegin(4, "call", id="tool_2", name="g"),
        PartDelta(4, "{}"),
        PartEnd(4),
        End("calls", tokens=Tokens(input=100, output=42, cached=90, cache_written=0)),
    ]


def test_a_truncated_stream_has_no_end() -> None:
    deltas = deltas_of(REAL[: REAL.index(b"event: message_delta")])
    assert not any(isinstance(delta, End) for delta in deltas)


def test_finish_says_the_ends_that_are_missing_once() -> None:
    stream = START + start(0) + grow(0, "text_delta", text="a") + conclude(stop_reason="end_turn")
    deltas = deltas_of(stream, finish=True)
    assert deltas[-2:] == [PartEnd(0), End("end", tokens=Tokens(5, 2))]
    assert deltas_of(stream + stop(0) + STOP, finish=True) == deltas


def test_nothing_follows_the_end() -> None:
    assert deltas_of(REAL + START + start(0) + STOP) == deltas_of(REAL)


def test_comments_pings_errors_and_unknown_events_give_nothing() -> None:
    quiet = b": hi\n\ndata:\n\nevent: ping\n\ndata: 5\n\ndata: {}\n\n" + event({"type": "error", "error": {}})
    assert deltas_of(quiet + event({"type": "of_tomorrow"})) == []


def test_an_event_that_is_not_json_is_invalid() -> None:
    with pytest.raises(UpstreamInvalid, match="not JSON"):
        deltas_of(b"data: {oops\n\n")


def test_a_block_without_a_neutral_form_is_invalid() -> None:
    with pytest.raises(UpstreamInvalid, match="'server_tool_use'"):
        deltas_of(START + start(0, "server_tool_use", id="s"))


def test_the_sequence_that_stopped_it_is_named() -> None:
    deltas = deltas_of(START + conclude(stop_reason="stop_sequence", stop_sequence="END") + STOP)
    assert deltas[-1] == End("stop_sequence", "END", Tokens(5, 2))


def test_the_explanation_of_a_refusal_is_a_part_of_its_own() -> None:
    details = {"type": "refusal", "explanation": "No."}
    stream = START + start(0) + conclude(stop_reason="refusal", stop_details=details) + STOP
    assert deltas_of(stream)[1:-1] == [
        PartBegin(0, "text"),
        PartEnd(0),
        PartBegin(1, "refusal"),
        PartDelta(1, "No."),
        PartEnd(1),
    ]


def test_usage_is_cumulative_and_no_placeholder_replaces_a_count() -> None:
    stream = START + conclude({"input_tokens": 0, "output_tokens": 3, "cache_read_input_tokens": None})
    assert deltas_of(stream + STOP)[-1] == End(None, tokens=Tokens(5, 3))
    later = START + conclude({"input_tokens": 8, "cache_read_input_tokens": 2, "output_tokens": 3})
    assert deltas_of(later + STOP)[-1] == End(None, tokens=Tokens(10, 3, cached=2))


# What imitators of the API do:


def test_a_stream_without_its_first_event_begins_all_the_same() -> None:
    for stream in (start(0) + STOP, conclude() + STOP, STOP):
        assert isinstance(deltas_of(stream)[0], Begin)
    assert sum(isinstance(delta, Begin) for delta in deltas_of(start(0) + START + STOP)) == 1


def test_a_block_may_begin_with_its_text_and_a_call_with_its_arguments() -> None:
    stream = START + start(0, text="a") + stop(0) + start(1, "tool_use", id="i", name="f", input={"a": 1})
    stream += stop(1) + start(2, "thinking", thinking="t", signature="s") + STOP
    answer = answer_of(deltas_of(stream))
    assert [type(part).__name__ for part in answer.parts] == ["Text", "Call", "Thinking"]
    assert answer.parts[1] == Call("i", "f", '{"a":1}')


def test_blocks_that_are_not_ended_end_with_the_next_but_calls_may_be_open_together() -> None:
    stream = START + start(0) + start(0, "tool_use", id="a") + start(1, "tool_use", id="b")
    stream += grow(0, "input_json_delta", partial_json="{}") + start(2) + grow(1, "text_delta", text="late")
    kinds = [(type(delta).__name__, getattr(delta, "index", None)) for delta in deltas_of(stream)[1:]]
    assert kinds == [
        ("PartBegin", 0),
        ("PartEnd", 0),
        ("PartBegin", 1),
        ("PartBegin", 2),
        ("PartDelta", 1),
        ("PartEnd", 1),
        ("PartDelta", 2),
        ("PartEnd", 2),
        ("PartBegin", 3),
    ]


@pytest.mark.parametrize(
    "odd",
    [
        grow(0, "input_json_delta", partial_json="{}"),
        grow(0, "signature_delta", signature="s"),
        grow(0, "text_delta", text=5),
        grow(0, "text_delta"),
        grow(7, "text_delta", text="a"),
        grow(None, "text_delta", text="a"),
        event({"type": "content_block_delta", "index": 0, "delta": "a"}),
        stop(7),
        event({"type": "message_delta", "delta": [], "usage": "many"}),
        event({"type": "message_delta", "delta": {"stop_reason": 5}}),
    ],
)
def test_fields_of_the_wrong_type_or_place_are_skipped(odd: bytes) -> None:
    around = (START + start(0), stop(0) + STOP)
    assert deltas_of(odd.join(around)) == deltas_of(b"".join(around))


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────


def accumulate(stream: bytes) -> Any:
    """The message that the official client's streaming helper makes of it."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for data in data_of(stream):
        parsed = EVENT.validate_python(data)
        snapshot = accumulate_event(event=parsed, current_snapshot=snapshot, json_bufs=buffers)
    return snapshot


ANSWERED: list[Delta] = [
    Begin("chatcmpl-1", "gpt-5"),
    PartBegin(0, "thinking"),
    PartDelta(0, "Hm"),
    PartSignature(0, "sig"),
    PartEnd(0),
    PartBegin(1, "sealed"),
    PartDelta(1, "foreign"),
    PartEnd(1),
    PartBegin(2, "text"),
    PartDelta(2, "Hi"),
    PartEnd(2),
    PartBegin(3, "call", id="call_1", name="f"),
    PartDelta(3, '{"a":'),
    PartDelta(3, "1}"),
    PartEnd(3),
    End("calls", tokens=Tokens(input=30, output=7, cached=10, reasoning=3)),
]


def test_deltas_are_written_as_anthropics_events() -> None:
    stream = stream_of(ANSWERED)
    assert stream.startswith(b"event: message_start\ndata: {")
    assert stream.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    assert [(data["type"], data.get("index")) for data in data_of(stream)] == [
        ("message_start", None),
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_delta", 1),
        ("content_block_stop", 1),
        ("content_block_start", 2),
        ("content_block_delta", 2),
        ("content_block_delta", 2),
        ("content_block_stop", 2),
        ("message_delta", None),
        ("message_stop", None),
    ]
    assert data_of(stream)[0]["message"] == {
        "id": "chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "gpt-5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }


def test_the_official_helper_makes_the_message_of_it() -> None:
    message = accumulate(stream_of(ANSWERED))
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert (message.content[0].thinking, message.content[0].signature) == ("Hm", "sig")
    assert message.content[2].input == {"a": 1}
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (20, 10)
    assert message.usage.output_tokens == 7
    assert message.usage.output_tokens_details.thinking_tokens == 3


def test_the_official_helper_stands_usage_that_nobody_said() -> None:
    message = accumulate(stream_of([Begin("i", "m"), End(None)]))
    assert (message.usage.input_tokens, message.usage.output_tokens) == (0, 0)
    assert message.stop_reason is None


def test_usage_of_the_beginning_counts_where_the_end_has_none() -> None:
    message = accumulate(stream_of([Begin("i", "m", tokens=Tokens(input=5)), End("end")]))
    assert message.usage.input_tokens == 5
    unknown = data_of(stream_of([Begin("i", "m"), End("end", tokens=Tokens(output=5))]))
    assert unknown[1]["usage"] == {"output_tokens": 5}


def test_a_refusal_is_streamed_as_text() -> None:
    refused = (PartBegin(0, "refusal"), PartDelta(0, "No."), PartEnd(0))
    message = accumulate(stream_of([Begin("i", "m"), *refused, End("refusal")]))
    assert (message.content[0].text, message.stop_reason) == ("No.", "refusal")


def test_calls_side_by_side_are_written_one_after_the_other_and_at_once_where_possible() -> None:
    writer = MESSAGES_TRANSLATOR.write_stream(include_usage=True)
    deltas: list[Delta] = [PartBegin(index, "call", id=f"c{index}", name="f") for index in range(3)]
    deltas += [PartDelta(1, "{"), PartDelta(0, "{}"), PartDelta(1, "}"), PartEnd(1), PartDelta(2, '{"a"')]
    written = [[data["type"] for data in data_of(writer.feed(delta))] for delta in deltas]
    assert written == [["content_block_start"], [], [], [], ["content_block_delta"], [], [], []]
    released = data_of(writer.feed(PartEnd(0)))
    assert [data["type"].removeprefix("content_block_") for data in released] == (
        ["stop", "start", "delta", "delta", "stop", "start", "delta"]
    )
    assert [data["index"] for data in released] == [0, 1, 1, 1, 1, 2, 2]
    assert data_of(writer.feed(PartDelta(2, ":1}")))[0]["index"] == 2


def test_very_many_calls_side_by_side_take_no_stack() -> None:
    deltas: list[Delta] = [PartBegin(index, "call", id="c", name="f") for index in range(3000)]
    deltas += [PartEnd(index) for index in reversed(range(3000))]
    indexes = [data["index"] for data in data_of(stream_of(deltas)) if data["type"] == "content_block_stop"]
    assert indexes == list(range(3000))


def test_half_a_surrogate_pair_is_written_so_that_all_can_read_it() -> None:
    stream = stream_of([Begin("i", "m"), PartBegin(0, "text"), PartDelta(0, "\ud83d")])
    assert stream.isascii()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("m"), "invalid_request_error"),
        (UpstreamReported("m", status=429, type="tokens"), "rate_limit_error"),
        (UpstreamReported("m", status=404), "not_found_error"),
        (Draining("m"), "overloaded_error"),
        (UpstreamTimeout("m"), "timeout_error"),
        (UpstreamTruncated("m"), "api_error"),
    ],
)
def test_an_error_is_anthropics_error_event(error: GatewayError, kind: str) -> None:
    written = MESSAGES_TRANSLATOR.write_stream(include_usage=False).error_event(error)
    assert written.startswith(b"event: error\n")
    code = {} if error.code is None else {"code": error.code}
    assert data_of(written) == [{"type": "error", "error": {"type": kind, "message": "m"} | code}]


def test_what_waits_for_its_turn_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluiceway.translate.messages_stream.HELD_CHARS_MAX", 10)
    begun: list[Delta] = [Begin("a", "m"), PartBegin(0, "call", "a", "f"), PartBegin(1, "call", "b", "g")]
    stream_of([*begun, PartDelta(1, "x" * 10)])
    with pytest.raises(UpstreamInvalid):
        stream_of([*begun, PartDelta(1, "x" * 6), PartDelta(1, "x" * 5)])
