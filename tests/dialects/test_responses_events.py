"""What kind an event of a response is, however it is written, and what is read of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from responses_streams import DEEP, delta, end, event

from sluiceway.dialects.responses_events import (
    DONE,
    ENDS,
    PIECES,
    EventHead,
    are_pieces,
    failure_of,
    kind_named,
    kind_of,
    object_of,
    read_error,
    read_head,
)
from sluiceway.wire.sse import parse_events

PARTIAL = event("response.image_generation_call.partial_image", partial_image_b64="iVBORw0KGgo=")
ANOTHER = b"event: response.completed\ndata: {}\n\n"


@pytest.mark.parametrize("block", [delta(), PARTIAL, delta() * 2, delta() + PARTIAL + delta()])
def test_pieces_of_an_answer_are_known_by_their_first_bytes(block: bytes) -> None:
    assert are_pieces(block)


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"\n",
        end(),
        delta() + end(),
        end() + delta(),
        delta() + b"\n",
        delta() + b": comment\n\n",
        delta() + b"id: 1\n" + delta(),
        delta(name=""),
        delta().replace(b": ", b":"),
        delta().replace(b"\n", b"\r\n"),
        b"event: response.output_text.delta\n\n",
        b"event: response.output_text.delta\ndata: {}\nevent: response.completed\n\n",
        b"event: response.output_text.delta\ndata: {}\nevent: response.completed\n\n" + b"data: {}\n\n",
        b"event: response.output_text.delta\ndata: {}\r\r" + ANOTHER,
        b"event: response.output_text.delta\ndata: {}\r\revent: response.completed\rdata: {}\n\n",
        b"event: response.output_text.delta\ndata: {}\revent: response.completed\n\n",
        b"event: response.output_text.delta\ndata: {\ndata: }\n\n",
        b"event: response.output_text.delta\ndata: [DONE]\n\n",
    ],
)
def test_nothing_else_is_taken_for_them(block: bytes) -> None:
    assert not are_pieces(block)


def test_the_pieces_are_events_of_the_api() -> None:
    known = json.dumps(TypeAdapter(ResponseStreamEvent).json_schema())
    for piece in PIECES:
        kind = piece.decode().partition("\n")[0].removeprefix("event: ")
        assert f'"{kind}"' in known
        assert kind not in ENDS


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("response.completed", "response.completed"),
        ("response.some.day", "response.some.day"),
        ("error", "error"),
        ("keepalive", "keepalive"),
        ("ping", "ping"),
        ("message", ""),
        ("response", ""),
        ("", ""),
    ],
)
def test_a_name_of_this_api_says_the_kind_and_any_other_leaves_it_to_the_data(name: str, kind: str) -> None:
    assert kind_named(name.encode()) == kind
    (found,) = parse_events(event("response.created", name=name))
    assert kind_of(found, {"type": "response.created"}) == (kind or "response.created")
    assert kind_of(found, {"type": ["x"]}) == kind


def test_a_name_that_is_not_even_text_is_none() -> None:
    assert kind_named(b"\xff") == ""


@pytest.mark.parametrize("data", [b"", b"[]", b"5", b"{", DONE, b'{"x":NaN}', pytest.param(DEEP, id="deep")])
def test_what_is_no_json_object_has_neither_head_nor_members(data: bytes) -> None:
    assert object_of(data) is None
    assert read_head(data) is None


@pytest.mark.parametrize(
    ("data", "head"),
    [
        (b"{}", EventHead()),
        (b'{"type":"a","object":"b","error":{"c":1},"x":"\xff"}', EventHead("a", "b", {"c": 1})),
        (b'{"type":1,"response":[],"error":"\\ud83d"}', EventHead(1, None, "\ud83d")),
    ],
)
def test_the_head_is_read_from_whatever_is_beside_it(data: bytes, head: EventHead) -> None:
    assert read_head(data) == head


@pytest.mark.parametrize("beside", ['"output":[1]', '"output":"\\ud83d"'])
def test_of_a_response_its_count_and_its_fault_are_read(beside: str) -> None:
    head = read_head(f'{{"response":{{"usage":{{"input_tokens":1}},"error":"e",{beside}}}}}'.encode())
    assert head is not None
    assert (head.response.usage, head.response.error) == ({"input_tokens": 1}, "e")


def test_only_errors_are_errors() -> None:
    for block in (delta(), end(), event("response.output_text.done", text="error"), event("ping")):
        (found,) = parse_events(block)
        assert read_error(found, object_of(found.data or b"")) is None


@pytest.mark.parametrize(
    ("response", "message", "code"),
    [
        ({"error": {"code": "server_error", "message": "boom"}}, "boom", "server_error"),
        ({"error": "boom"}, "boom", None),
        (
            {"error": {"code": "server_error"}},
            "the upstream reported an error without a message",
            "server_error",
        ),
        ({"error": None}, "the upstream's response failed without saying why", None),
        ({}, "the upstream's response failed without saying why", None),
    ],
)
def test_a_failure_is_told_in_the_upstreams_words(
    response: dict[str, Any], message: str, code: str | None
) -> None:
    error = failure_of(response)
    assert (error.message, error.code) == (message, code)
