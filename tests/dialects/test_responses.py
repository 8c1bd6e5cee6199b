"""Responses requests are read no further than needed and changed no more than asked; the small shapes."""

from __future__ import annotations

import json

import pytest
from responses_streams import DEEP, REQUEST

from sluiceway.dialects.base import DialectRequest, HeartbeatForm, Usage
from sluiceway.dialects.responses import RESPONSES
from sluiceway.errors import InvalidRequest, UpstreamInvalid, UpstreamReported
from sluiceway.wire.sse import parse_events


def read(text: str) -> DialectRequest:
    return RESPONSES.read_request(text.encode())


def write(text: str, *, model: str | None = None, force_stream: bool = False) -> str:
    body = RESPONSES.write_request(read(text), model=model, force_stream=force_stream, ask_usage=True)
    return body.decode()


# ── requests ────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_is_read_for_model_and_stream_only_and_always_wants_usage() -> None:
    text = '{"model":"gpt-5","input":[{"role":"user"}],"stream":true,"background":true}'
    request = read(text)
    assert (request.model, request.stream, request.wants_usage) == ("gpt-5", True, True)
    assert request.body == text.encode()
    assert bytes(request.fields["input"]) == b'[{"role":"user"}]'
    assert not read('{"model":"m","stream":null}').stream


@pytest.mark.parametrize(
    ("body", "says", "param"),
    [
        (b"", "the request has no body", None),
        (b"[]", "must be a JSON object", None),
        pytest.param(b'{"model":"m","t":' + DEEP + b"}", "nested too deeply", None, id="deep"),
        (b'{"prompt":{"id":"pmpt_1"}}', "names no model", "model"),
        (b'{"model":5}', "model must be a string", "model"),
        (b'{"model":"m","stream":"yes"}', "stream must be true or false", "stream"),
    ],
)
def test_a_request_that_cannot_be_routed_says_what_is_wrong_and_where(
    body: bytes, says: str, param: str | None
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        RESPONSES.read_request(body)
    assert says in caught.value.message
    assert caught.value.param == param


def test_a_request_in_which_nothing_changes_is_the_clients_own_bytes() -> None:
    request = read('{ "model" : "m", "stream": true, "background": true, "model":"m" }')
    body = RESPONSES.write_request(request, model="m", force_stream=True, ask_usage=True)
    assert body is request.body


def test_a_change_keeps_order_and_every_other_value_byte_for_byte() -> None:
    rest = '"input":[ {"a" : "\\u00e9\\/"} ],"max_output_tokens":12345678901234567890123'
    assert write('{"top_p":1.00, "model":"m" ,' + rest + "}", model="big/m", force_stream=True) == (
        '{"top_p":1.00,"model":"big/m",' + rest + ',"stream":true}'
    )


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────


def test_usage_of_a_json_answer_is_read_and_nothing_else() -> None:
    counts = (
        b'"usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":3},'
        b'"output_tokens":5,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":12}'
    )
    for output in (b'"x"', b'"\xff"', b'"\\ud83d"', b"1" * 400):
        body = b'{"object":"response","error":null,"output":' + output + b"," + counts + b"}"
        assert RESPONSES.read_answer(body) == Usage(
            input_tokens=7, output_tokens=5, total_tokens=12, cached_tokens=3, reasoning_tokens=2
        )


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"usage":null}', b'{"usage":"\xff"}', b'{"usage":{"input_tokens":true}}', b'{"usage":{}}'],
)
def test_a_body_without_usage_has_none(body: bytes) -> None:
    assert RESPONSES.read_answer(body) is None


def test_a_response_that_failed_is_an_answer_as_openai_gives_it_with_200() -> None:
    body = b'{"object":"response","status":"failed","error":{"code":"server_error","message":"boom"}}'
    assert RESPONSES.read_answer(body) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"output":[', pytest.param(DEEP, id="deep")])
def test_what_is_no_json_object_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        RESPONSES.read_answer(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"message":"boom"}}',
        b'{"error":"boom"}',
        b'{"object":"error","message":"boom"}',
        b'{"error":{"message":"boom"},"x":"\xff"}',
    ],
)
def test_an_error_object_that_is_no_response_is_no_answer_whatever_its_status(body: bytes) -> None:
    with pytest.raises(UpstreamReported, match="boom"):
        RESPONSES.read_answer(body)


# ── errors and heartbeats ───────────────────────────────────────────────────────────────────────────


def test_http_errors_have_openais_shape_both_ways() -> None:
    error = RESPONSES.read_error(429, b'{"error":{"message":"Slow down.","type":"tokens"}}')
    assert (error.status, error.message, error.type) == (429, "Slow down.", "tokens")
    assert json.loads(RESPONSES.error_body(InvalidRequest("No.", param="model"), "req_1")) == {
        "error": {
            "message": "No.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "invalid_request",
        }
    }


@pytest.mark.parametrize(
    ("form", "beat"), [("block", b": heartbeat\n\n"), ("line", b": heartbeat\n"), ("none", b"")]
)
def test_a_heartbeat_is_a_comment(form: HeartbeatForm, beat: bytes) -> None:
    assert RESPONSES.heartbeat(form) == beat
    assert all(event.data is None for event in parse_events(beat))


def test_the_ping_is_the_event_that_codex_takes_for_a_sign_of_life() -> None:
    (beat,) = parse_events(RESPONSES.heartbeat("ping"))
    assert beat.event == b"keepalive"
    assert json.loads(beat.data or b"") == {"type": "keepalive"}
    follower = RESPONSES.follow(REQUEST, hide_usage=False)
    assert follower.feed(beat.raw) == b"", "a gateway behind a gateway takes it for what it is"


def test_the_dialect_is_one_frozen_value() -> None:
    assert (RESPONSES.name, RESPONSES.default_heartbeat) == ("responses", "block")
    with pytest.raises(AttributeError):
        RESPONSES.name = "other"
