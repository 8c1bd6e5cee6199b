"""Deltas as a Responses stream: the events, their order, and how a broken one ends."""

from __future__ import annotations

from typing import Any

import pytest
from responses_samples import EVENTS, data_of, stream_of

from sluiceway.errors import UpstreamReported, UpstreamTruncated
from sluiceway.translate.neutral import (
    Begin,
    Delta,
    End,
    PartBegin,
    PartDelta,
    PartEnd,
    PartSignature,
    Tokens,
)
from sluiceway.translate.responses import RESPONSES_TRANSLATOR

BEGIN = Begin("x", "m", 7)


def written(*deltas: Delta) -> list[dict[str, Any]]:
    return data_of(stream_of([BEGIN, *deltas]))


def types(events: list[dict[str, Any]]) -> list[str]:
    """Without the prefix that all but an error have."""
    return [data["type"].removeprefix("response.") for data in events]


def test_a_stream_has_every_event_of_the_api_in_its_order() -> None:
    events = written(
        PartBegin(0, "thinking"),
        PartDelta(0, "h"),
        PartDelta(0, "m"),
        PartSignature(0, "sig"),
        PartEnd(0),
        PartBegin(1, "text"),
        PartDelta(1, "a"),
        PartEnd(1),
        PartBegin(2, "refusal"),
        PartDelta(2, "b"),
        PartEnd(2),
        PartBegin(3, "call", "call_1", "f"),
        PartDelta(3, "{}"),
        PartEnd(3),
        End("calls", tokens=Tokens(input=3, output=4)),
    )
    assert types(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert [data["response"]["status"] for data in (events[0], events[1], events[-1])] == [
        "in_progress",
        "in_progress",
        "completed",
    ]
    assert events[-1]["response"]["usage"]["total_tokens"] == 7
    items = [data["item"] for data in events if data["type"] == "response.output_item.done"]
    assert events[-1]["response"]["output"] == items


def test_where_an_event_belongs_is_said_in_all_of_them() -> None:
    events = written(
        PartBegin(0, "call", "call_1", "f"),
        PartEnd(0),
        PartBegin(1, "text"),
        PartEnd(1),
        PartBegin(2, "text"),
        PartDelta(2, "a"),
        PartEnd(2),
        End("end"),
    )
    (delta,) = [data for data in events if data["type"] == "response.output_text.delta"]
    assert {name: delta[name] for name in ("item_id", "output_index", "content_index", "delta")} == {
        "item_id": "msg_x_1",
        "output_index": 1,
        "content_index": 1,
        "delta": "a",
    }
    assert types(events).count("output_item.added") == 2


def test_interleaved_calls_are_told_apart_by_their_output_index() -> None:
    events = written(
        PartBegin(0, "call", "a", "f"),
        PartBegin(1, "call", "b", "g"),
        PartDelta(1, "[2]"),
        PartDelta(0, "[1]"),
        PartEnd(1),
        PartEnd(0),
        End("calls"),
    )
    deltas = [data for data in events if data["type"].endswith("arguments.delta")]
    assert [(data["output_index"], data["delta"]) for data in deltas] == [(1, "[2]"), (0, "[1]")]
    output = events[-1]["response"]["output"]
    assert [(item["call_id"], item["arguments"]) for item in output] == [("a", "[1]"), ("b", "[2]")]


def test_thoughts_that_another_api_sealed_are_left_out() -> None:
    events = written(
        PartBegin(0, "text"),
        PartDelta(0, "a"),
        PartEnd(0),
        PartBegin(1, "sealed"),
        PartDelta(1, "x"),
        PartEnd(1),
        PartBegin(2, "text"),
        PartDelta(2, "b"),
        PartEnd(2),
        End("end"),
    )
    (item,) = events[-1]["response"]["output"]
    assert [part["text"] for part in item["content"]] == ["a", "b"]


def test_a_thought_without_words_has_no_summary() -> None:
    events = written(PartBegin(0, "thinking"), PartSignature(0, "sig"), PartEnd(0), End("end"))
    assert types(events)[2:-1] == ["output_item.added", "output_item.done"]
    assert events[-1]["response"]["output"][0]["summary"] == []


def test_an_answer_that_was_cut_ends_as_incomplete() -> None:
    last = written(PartBegin(0, "text"), PartDelta(0, "a"), PartEnd(0), End("length"))[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


def test_tokens_that_were_said_at_the_beginning_count() -> None:
    stream = stream_of([Begin("x", "m", tokens=Tokens(input=1, output=2)), End("end")])
    assert data_of(stream)[-1]["response"]["usage"]["total_tokens"] == 3


def test_a_broken_stream_ends_in_an_error_and_a_failed_response() -> None:
    writer = RESPONSES_TRANSLATOR.write_stream(include_usage=True)
    deltas: list[Delta] = [
        BEGIN,
        PartBegin(0, "call", "call_1", "f"),
        PartDelta(0, "{}"),
        PartEnd(0),
        PartBegin(1, "text"),
        PartDelta(1, "half"),
    ]
    stream = b"".join(map(writer.feed, deltas))
    *_, error, failed = data_of(stream + writer.error_event(UpstreamTruncated("it stopped")))
    assert error == {
        "type": "error",
        "sequence_number": error["sequence_number"],
        "code": "upstream_truncated",
        "message": "it stopped",
        "param": None,
    }
    EVENTS.validate_python(error, strict=True)
    assert failed["type"] == "response.failed"
    response = failed["response"]
    assert (response["id"], response["status"], response["usage"]) == ("x", "failed", None)
    assert response["error"] == {"code": "upstream_truncated", "message": "it stopped"}
    assert [item["call_id"] for item in response["output"]] == ["call_1"]


def test_an_error_without_a_code_is_named_by_its_type() -> None:
    writer = RESPONSES_TRANSLATOR.write_stream(include_usage=True)
    begun = writer.feed(BEGIN)
    *_, error, failed = data_of(begun + writer.error_event(UpstreamReported("boom", type="server_error")))
    assert error["code"] == failed["response"]["error"]["code"] == "server_error"
    EVENTS.validate_python(failed, strict=True)


def test_before_the_beginning_an_error_is_all_there_is() -> None:
    writer = RESPONSES_TRANSLATOR.write_stream(include_usage=True)
    (error,) = data_of(writer.error_event(UpstreamTruncated("it stopped")))
    assert (error["type"], error["sequence_number"]) == ("error", 0)


@pytest.mark.parametrize("text", ["\ud83d", 'a\n"b"\r\u2028'])
def test_any_text_can_be_written(text: str) -> None:
    events = written(PartBegin(0, "text"), PartDelta(0, text), PartEnd(0), End("end"))
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == text
