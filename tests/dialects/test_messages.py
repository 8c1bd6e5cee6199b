"""Messages requests are read no further than needed and changed no more than asked; the small shapes."""

from __future__ import annotations

import json

import pytest
from messages_streams import DEEP, REQUEST

from sluiceway.dialects.base import DialectRequest, HeartbeatForm, Usage
from sluiceway.dialects.messages import MESSAGES
from sluiceway.errors import InvalidRequest, UpstreamInvalid, UpstreamReported, UpstreamTruncated
from sluiceway.wire.sse import parse_events


def read(text: str) -> DialectRequest:
    return MESSAGES.read_request(text.encode())


def write(text: str, *, model: str | None = None, force_stream: bool = False) -> str:
    return MESSAGES.write_request(read(text), model=model, force_stream=force_stream, ask_usage=True).decode()


def test_a_request_is_read_for_model_and_stream_only() -> None:
    text = '{"model":"claude","max_tokens":9,"messages":[{"role":"user"}],"stream":true}'
    request = read(text)
    assert (request.model, request.stream) == ("claude", True)
    assert request.wants_usage, "it is on every stream"
    assert request.body == text.encode()
    assert bytes(request.fields["messages"]) == b'[{"role":"user"}]'
    assert not read('{"model":"m"}').stream


@pytest.mark.parametrize(
    ("body", "says", "param"),
    [
        (b"", "the request has no body", None),
        (b"[]", "must be a JSON object", None),
        pytest.param(b'{"model":"m","messages":' + DEEP + b"}", "nested too deeply", None, id="deep"),
        (b"{}", "names no model", "model"),
        (b'{"model":7}', "model must be a string", "model"),
        (b'{"model":"m","stream":"yes"}', "stream must be true or false", "stream"),
    ],
)
def test_a_request_that_cannot_be_understood_says_what_is_wrong_and_where(
    body: bytes, says: str, param: str | None
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        MESSAGES.read_request(body)
    assert says in caught.value.message
    assert caught.value.param == param


def test_a_request_in_which_nothing_changes_is_the_clients_own_bytes() -> None:
    request = read('{ "model" : "m", "stream": true }')
    assert MESSAGES.write_request(request, model="m", force_stream=True, ask_usage=True) is request.body


def test_a_change_keeps_order_and_every_other_value_byte_for_byte() -> None:
    rest = '"messages":[ {"a" : "\\u00e9\\/"} ],"seed":12345678901234567890123}'
    assert (
        write('{"top_p":1.00, "model":"m" ,' + rest, model="big/m") == '{"top_p":1.00,"model":"big/m",' + rest
    )
    assert write('{"stream":false,"model":"m"}', force_stream=True) == '{"stream":true,"model":"m"}'


def test_usage_of_a_json_answer_is_read_and_nothing_else() -> None:
    body = b'{"type":"message","content":"\xff","usage":{"input_tokens":7,"output_tokens":5}}'
    assert MESSAGES.read_answer(body) == Usage(input_tokens=7, output_tokens=5, total_tokens=12)


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"usage":null}', b'{"usage":"\xff"}', b'{"usage":{"input_tokens":"7"}}', b'{"error":[]}'],
)
def test_a_body_without_usage_has_none(body: bytes) -> None:
    assert MESSAGES.read_answer(body) is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"content":[', pytest.param(b'{"usage":' + DEEP, id="deep")]
)
def test_what_is_no_json_object_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        MESSAGES.read_answer(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"error","error":{"type":"overloaded_error","message":"boom"}}',
        b'{"error":{"type":"overloaded_error","message":"boom"},"usage":{"input_tokens":7}}',
        b'{"type":"error","code":"529","message":"boom"}',
    ],
)
def test_an_error_object_is_no_answer_whatever_its_status(body: bytes) -> None:
    with pytest.raises(UpstreamReported, match="boom") as caught:
        MESSAGES.read_answer(body)
    assert caught.value.status == 529


def test_an_upstreams_error_keeps_its_status_and_words() -> None:
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow down."},"request_id":"r"}'
    error = MESSAGES.read_error(429, body)
    assert (error.status, error.message, error.type) == (429, "Slow down.", "rate_limit_error")
    assert MESSAGES.read_error(529, b"<html>").message == "the upstream answered 529"


def test_errors_have_anthropics_shape_as_body_and_as_event() -> None:
    assert json.loads(MESSAGES.error_body(InvalidRequest("No.", param="model"), "req_1")) == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "No.",
            "code": "invalid_request",
            "param": "model",
        },
        "request_id": "req_1",
    }
    written = MESSAGES.follow(REQUEST, hide_usage=False).error_event(UpstreamTruncated("It\nstopped."))
    (only,) = parse_events(written)
    assert only.event == b"error"
    assert json.loads(only.data or b"") == {
        "type": "error",
        "error": {"type": "api_error", "message": "It\nstopped.", "code": "upstream_truncated"},
    }


@pytest.mark.parametrize(
    ("form", "beat"),
    [
        ("ping", b'event: ping\ndata: {"type": "ping"}\n\n'),
        ("block", b": heartbeat\n\n"),
        ("line", b": heartbeat\n"),
        ("none", b""),
    ],
)
def test_a_heartbeat_is_a_ping_or_a_comment_and_never_progress(form: HeartbeatForm, beat: bytes) -> None:
    assert MESSAGES.heartbeat(form) == beat
    assert MESSAGES.follow(REQUEST, hide_usage=False).feed(beat) == b""
    assert not MESSAGES.collect(REQUEST, max_bytes=0).feed(beat)


def test_the_dialect_is_one_frozen_value() -> None:
    assert (MESSAGES.name, MESSAGES.default_heartbeat) == ("messages", "ping")
    with pytest.raises(AttributeError):
        MESSAGES.name = "other"
