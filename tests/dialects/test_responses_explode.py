"""A JSON response becomes the stream that would have carried it, and collecting that gives it back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from responses_streams import (
    ANSWERS,
    COUNTED,
    DEEP,
    REQUEST,
    STREAMS,
    blocks,
    collect,
    item,
    official_client,
    response,
    sdk_events,
)

from sluiceway.dialects.responses import RESPONSES
from sluiceway.errors import UpstreamInvalid, UpstreamReported
from sluiceway.wire.sse import parse_events

EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
OFFICIAL = sorted(ANSWERS.keys() - {"done_marker", "mcp_and_unknown"})  # see test_responses_collect


def explode(answer: Any) -> bytes:
    return RESPONSES.explode(json.dumps(answer).encode(), REQUEST, include_usage=False)


def data_of(stream: bytes) -> list[dict[str, Any]]:
    """The data of each event, which is named after its type and has the next number."""
    found = [(event.event.decode(), json.loads(event.data or b"")) for event in parse_events(stream)]
    assert [name for name, _ in found] == [data["type"] for _, data in found]
    assert [data["sequence_number"] for _, data in found] == list(range(len(found)))
    return [data for _, data in found]


def steps_of(*output: dict[str, Any]) -> list[dict[str, Any]]:
    """The events between the begin and the end of a response with this output, without number."""
    begun, running, *steps, end = data_of(explode(response(output=list(output))))
    assert (begun["type"], running["type"]) == ("response.created", "response.in_progress")
    assert end["response"]["output"] == list(output)
    for data in steps:
        del data["sequence_number"]
    return steps


def kinds_of(steps: list[dict[str, Any]]) -> list[str]:
    return [data["type"].removeprefix("response.") for data in steps]


# ── real answers ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ANSWERS)
def test_a_real_answer_comes_back_when_its_stream_is_collected(name: str) -> None:
    stream = explode(ANSWERS[name])
    assert collect(stream) == ANSWERS[name]
    follower = RESPONSES.follow(REQUEST, hide_usage=False)
    assert b"".join(follower.feed(block) for block in blocks([stream])) == stream
    assert follower.ended
    assert follower.usage == RESPONSES.read_answer(json.dumps(ANSWERS[name]).encode())


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_official_types_take_every_event(name: str) -> None:
    for data in data_of(explode(ANSWERS[name])):
        EVENTS.validate_python(data)


@pytest.mark.parametrize("name", sorted(set(OFFICIAL) - {"incomplete"}))
def test_the_official_helper_gathers_the_answer_from_the_events(name: str) -> None:
    with (
        official_client(explode(ANSWERS[name])) as client,
        client.responses.stream(model="m", input="x") as events,
    ):
        texts = {
            event.item_id: event.snapshot for event in events if event.type == "response.output_text.delta"
        }
        final = events.get_final_response()
    messages = [item for item in ANSWERS[name]["output"] if item["type"] == "message"]
    written = {item["id"]: part["text"] for item in messages for part in item["content"] if "text" in part}
    assert texts == written
    assert final.output_text == "".join(written.values())
    assert [item.to_dict()["id"] for item in final.output] == [item["id"] for item in ANSWERS[name]["output"]]


def test_the_official_client_sees_an_incomplete_answer_for_what_it_is() -> None:
    last = sdk_events(explode(ANSWERS["incomplete"]))[-1]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details.reason == "max_output_tokens"


# Of a stream as OpenAI sends it, and as the gateway makes it from the same answer.
@pytest.mark.parametrize(
    "name",
    [
        "text",
        "logprobs",
        "refusal",
        "reasoning_summary",
        "reasoning_text",
        "file_citations",
        "incomplete",
        "crlf_ids",
    ],
)
def test_the_events_are_those_of_the_real_stream_with_its_deltas_joined(name: str) -> None:
    passing = {"file_search_call.in_progress", "file_search_call.searching", "file_search_call.completed"}
    real: list[str] = []
    for event in parse_events(STREAMS[name]):
        kind = json.loads(event.data)["type"].removeprefix("response.") if event.data else ""
        if kind and kind not in passing and not (kind.endswith(".delta") and real[-1] == kind):
            real.append(kind)
    assert kinds_of(data_of(explode(ANSWERS[name]))) == real


# ── the events ──────────────────────────────────────────────────────────────────────────────────────


def test_a_response_begins_without_what_it_says_only_at_its_end() -> None:
    answer = response(
        usage=COUNTED, completed_at=5, incomplete_details=None, temperature=0.5, output=[item("a")]
    )
    begun, running, *_, end = data_of(explode(answer))
    assert (
        begun["response"]
        == running["response"]
        == answer
        | {
            "status": "in_progress",
            "output": [],
            "usage": None,
            "completed_at": None,
        }
    )
    assert (end["type"], end["response"]) == ("response.completed", answer)


@pytest.mark.parametrize("status", [{}, {"status": None}])
def test_a_response_without_a_status_is_complete(status: dict[str, Any]) -> None:
    answer = {"id": "r", "output": []} | status
    stream = explode(answer)
    assert data_of(stream)[-1]["type"] == "response.completed"
    assert collect(stream) == answer


def test_a_message_comes_part_by_part() -> None:
    notes = [{"type": "url_citation", "url": "a"}, {"type": "url_citation", "url": "b"}]
    tokens = [{"token": "Hi", "logprob": -0.5}]
    text = {"type": "output_text", "text": "Hi", "annotations": notes, "logprobs": tokens}
    message = item("m") | {"content": [text, {"type": "refusal", "refusal": "No."}, {"type": "odd"}]}
    at, second = ({"item_id": "m", "output_index": 0, "content_index": index} for index in (0, 1))
    begun, *steps, done = steps_of(message)
    assert begun["item"] == message | {"status": "in_progress", "content": []}
    assert done["item"] == message
    assert kinds_of(steps) == [
        "content_part.added",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "content_part.added",
        "content_part.done",
    ]
    assert steps[0] == {"type": "response.content_part.added"} | at | {
        "part": text | {"text": "", "annotations": [], "logprobs": []}
    }
    assert steps[1] == {"type": "response.output_text.delta"} | at | {"delta": "Hi", "logprobs": tokens}
    assert steps[3]["annotation_index"] == 1
    assert steps[3]["annotation"] == notes[1]
    assert steps[4] == {"type": "response.output_text.done"} | at | {"text": "Hi", "logprobs": tokens}
    assert steps[5] == {"type": "response.content_part.done"} | at | {"part": text}
    assert "logprobs" not in steps_of(item("a"))[1]["part"]
    assert steps[8] == {"type": "response.refusal.done"} | second | {"refusal": "No."}


def test_a_thought_comes_with_its_summary_and_its_text() -> None:
    thought = {
        "id": "t",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "S"}],
        "content": [{"type": "reasoning_text", "text": "T"}],
        "encrypted_content": "E",
    }
    begun, *steps, _ = steps_of(thought)
    assert begun["item"] == thought | {"summary": [], "content": []}
    assert kinds_of(steps) == [
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_text.done",
        "content_part.done",
    ]
    assert (steps[1]["summary_index"], steps[1]["delta"]) == (0, "S")
    assert (steps[5]["content_index"], steps[5]["delta"]) == (0, "T")


@pytest.mark.parametrize(
    ("kind", "member", "name"),
    [
        ("function_call", "arguments", "function_call_arguments"),
        ("custom_tool_call", "input", "custom_tool_call_input"),
        ("mcp_call", "arguments", "mcp_call_arguments"),
        ("code_interpreter_call", "code", "code_interpreter_call_code"),
    ],
)
def test_a_call_comes_with_what_it_is_called_with(kind: str, member: str, name: str) -> None:
    call = {"id": "c", "type": kind, "name": "f", "status": "completed", member: "{}"}
    at = {"item_id": "c", "output_index": 0}
    begun, delta, done, end = steps_of(call)
    assert begun["item"] == call | {"status": "in_progress", member: ""}
    assert delta == {"type": f"response.{name}.delta"} | at | {"delta": "{}"}
    assert done == {"type": f"response.{name}.done"} | at | {member: "{}"}
    assert end["item"] == call
    assert kinds_of(steps_of(call | {member: ""}))[1:-1] == [f"{name}.done"]
    for nothing in (None, {"a": 1}):
        begun, end = steps_of(call | {member: nothing})
        assert begun["item"][member] == end["item"][member] == nothing


def test_a_picture_comes_whole_at_the_end_of_its_item() -> None:
    picture = {"id": "p", "type": "image_generation_call", "status": "completed", "result": "iVBORw0KGgo="}
    begun, completed, done = steps_of(picture)
    assert begun["item"] == picture | {"status": "in_progress", "result": None}
    assert completed == {
        "type": "response.image_generation_call.completed",
        "item_id": "p",
        "output_index": 0,
    }
    assert done["item"] == picture
    assert kinds_of(steps_of(picture | {"status": "failed", "result": None})) == [
        "output_item.added",
        "output_item.done",
    ]


@pytest.mark.parametrize("kind", ["web_search_call", "dream_call", None, ["message"]])
def test_an_item_of_any_other_type_begins_and_is_whole(kind: Any) -> None:
    other = {"id": "o", "type": kind, "status": "completed", "action": {"type": "search"}}
    begun, done = steps_of(other)
    assert begun["item"] == other | {"status": "in_progress"}
    assert done["item"] == other


@pytest.mark.parametrize(
    "content",
    [
        None,
        "text",
        [],
        ["text"],
        [{}],
        [{"type": ["output_text"]}],
        [{"type": "output_text"}],
        [{"type": "refusal"}],
    ],
)
def test_odd_content_is_carried_as_it_is(content: Any) -> None:
    answer = response(output=[item("a") | {"content": content}, {"type": "reasoning", "summary": content}])
    stream = explode(answer)
    assert collect(stream) == answer
    assert b'"delta"' not in stream, "there is no text in it"


# ── any answer ──────────────────────────────────────────────────────────────────────────────────────

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
UNKNOWN = st.dictionaries(st.sampled_from(["x_one", "Ünknown", "", "status", "text"]), VALUES, max_size=3)
PARTS = st.lists(
    st.builds(
        lambda unknown, kind, text, notes: (
            unknown | {"type": kind, "text": text, "refusal": text, "annotations": notes}
        ),
        UNKNOWN,
        st.sampled_from(["output_text", "refusal", "summary_text", "reasoning_text", "odd"]),
        st.text() | st.none(),
        st.lists(VALUES, max_size=2) | st.none(),
    )
    | VALUES,
    max_size=3,
)
KINDS = ["message", "reasoning", "function_call", "custom_tool_call", "image_generation_call", "odd"]
MEMBERS = {
    "content": PARTS | VALUES,
    "summary": PARTS | VALUES,
    "arguments": st.text() | VALUES,
    "input": st.text(),
    "result": st.text() | st.none(),
}
ITEMS = st.builds(
    lambda unknown, fields: unknown | fields,
    UNKNOWN,
    st.fixed_dictionaries({"type": st.sampled_from(KINDS), "id": st.text() | st.none()}, optional=MEMBERS),
)
RESPONSE = st.builds(
    lambda unknown, fields: unknown | fields | {"object": "response", "error": None},
    UNKNOWN,
    st.fixed_dictionaries(
        {
            "id": st.text(),
            "status": st.sampled_from(["completed", "incomplete"]),
            "output": st.lists(ITEMS, max_size=3),
        },
        optional={"usage": VALUES, "incomplete_details": VALUES, "completed_at": st.integers()},
    ),
)


@settings(deadline=None)
@given(RESPONSE)
def test_any_answer_comes_back_when_its_stream_is_collected(answer: dict[str, Any]) -> None:
    stream = explode(answer)
    assert collect(stream) == answer
    begun = {data["output_index"] for data in data_of(stream) if data["type"] == "response.output_item.added"}
    assert begun == set(range(len(answer["output"])))


def test_half_a_surrogate_pair_survives() -> None:
    body = json.dumps(response(output=[item("a", "?!")])).replace("?", "\\ud83d").encode()
    assert rb"\ud83d!" in RESPONSES.explode(body, REQUEST, include_usage=False)


# ── no answers ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"output":null}',
        b'{"output":{}}',
        b'{"output":["text"]}',
        b'{"output":[],"top_p":NaN}',
        b'{"output":[],"status":["completed"]}',
        b'{"choices":[{"message":{"content":"chat"}}]}',
        pytest.param(b'{"output":' + DEEP, id="deep"),
        pytest.param(b'{"output":[{"x":' + DEEP + b"}]}", id="deep and whole"),
    ],
)
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        RESPONSES.explode(body, REQUEST, include_usage=False)


@pytest.mark.parametrize("status", ["queued", "in_progress", "cancelled", "someday"])
def test_a_response_that_has_not_ended_cannot_be_told_as_a_whole_stream(status: str) -> None:
    with pytest.raises(UpstreamInvalid, match=f"its status is '{status}'"):
        explode(response(status))


def test_a_response_that_failed_is_the_error_that_it_failed_with() -> None:
    error = {"code": "rate_limit_exceeded", "message": "Slow down."}
    with pytest.raises(UpstreamReported, match="Slow down") as caught:
        explode(response("failed", error=error))
    assert (caught.value.code, caught.value.status) == ("rate_limit_exceeded", 429)
    with pytest.raises(UpstreamReported, match="without saying why"):
        explode(response("failed"))


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"message": "boom"}},
        {"object": "error", "message": "boom"},
        response(error={"message": "boom"}),
    ],
)
def test_an_error_under_a_good_status_is_an_error(answer: dict[str, Any]) -> None:
    with pytest.raises(UpstreamReported, match="boom"):
        explode(answer)
