"""Chat requests are read no further than needed and changed no more than asked; the small shapes."""

from __future__ import annotations

import json

import pytest
from chat_streams import REQUEST

from sluiceway.dialects.base import DialectRequest, HeartbeatForm, Usage
from sluiceway.dialects.chat import CHAT
from sluiceway.errors import InvalidRequest, Overloaded, UpstreamInvalid, UpstreamReported, UpstreamTruncated
from sluiceway.wire.sse import parse_events

DEEP = b"[" * 100_000 + b"]" * 100_000


def read(text: str) -> DialectRequest:
    return CHAT.read_request(text.encode())


def write(text: str, *, model: str | None = None, force_stream: bool = False, ask_usage: bool = False) -> str:
    body = CHAT.write_request(read(text), model=model, force_stream=force_stream, ask_usage=ask_usage)
    return body.decode()


def test_a_request_is_read_for_model_stream_and_usage_only() -> None:
    options = '"stream":true,"stream_options":{"include_usage":true}'
    text = '{"model":"gpt-4o","messages":[{"role":"user"}],' + options + "}"
    request = read(text)
    assert (request.model, request.stream, request.wants_usage) == ("gpt-4o", True, True)
    assert request.body == text.encode()
    assert bytes(request.fields["messages"]) == b'[{"role":"user"}]'


@pytest.mark.parametrize(
    "members",
    ["", ',"stream":null', ',"stream":false,"stream_options":null', ',"stream_options":{"include_usage":1}'],
)
def test_a_request_that_asks_for_neither_gets_neither(members: str) -> None:
    request = read('{"model":"m"' + members + "}")
    assert not request.stream
    assert not request.wants_usage


def test_of_a_member_that_comes_twice_the_last_counts() -> None:
    assert read('{"model":"a","stream":true,"model":"b","stream":false}').model == "b"


@pytest.mark.parametrize(
    ("body", "says", "param"),
    [
        (b"", "the request has no body", None),
        (b"model=gpt-4o", "not valid JSON: invalid character (byte 0)", None),
        (b'{"model":"m"', "not valid JSON", None),
        (b'{"model":"m"} {}', "trailing characters", None),
        (b'{"model":"m","t":NaN}', "invalid character (byte 17)", None),
        (b'{"model":"m","\xff":1}', "not UTF-8", None),
        (b'{"model":"m","t":"\\ud83d and on"}', "not valid JSON", None),
        (b"[]", "must be a JSON object", None),
        (b'"m"', "must be a JSON object", None),
        pytest.param(b'{"model":"m","t":' + DEEP + b"}", "nested too deeply", None, id="deep"),
        (b"{}", "names no model", "model"),
        (b'{"model":""}', "names no model", "model"),
        (b'{"model":null}', "model must be a string", "model"),
        (b'{"model":"\xff"}', "model must be a string", "model"),
        (b'{"model":["m"]}', "model must be a string", "model"),
        (b'{"model":"m","stream":"true"}', "stream must be true or false", "stream"),
        (b'{"model":"m","stream":1}', "stream must be true or false", "stream"),
        (b'{"model":"m","stream_options":true}', "stream_options must be an object", "stream_options"),
    ],
)
def test_a_request_that_cannot_be_understood_says_what_is_wrong_and_where(
    body: bytes, says: str, param: str | None
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CHAT.read_request(body)
    assert says in caught.value.message
    assert caught.value.param == param


def test_numbers_and_text_that_nobody_reads_are_not_judged() -> None:
    number = "9" * 5000
    request = CHAT.read_request(b'{"model":"m","seed":' + number.encode() + b',"user":"\xff"}')
    assert bytes(request.fields["seed"]) == number.encode()
    assert bytes(request.fields["user"]) == b'"\xff"'


def test_a_request_in_which_nothing_changes_is_the_clients_own_bytes() -> None:
    for text in (
        '{ "model" : "m", "stream": true, "stream_options": {"include_usage": true} }',
        '{"model":"m","stream":true,"stream_options":{"include_usage":true},"model":"m"}',
    ):
        request = read(text)
        assert CHAT.write_request(request, model="m", force_stream=True, ask_usage=True) is request.body
    asks_nothing = read('{"model":"m"}')
    body = CHAT.write_request(asks_nothing, model=None, force_stream=False, ask_usage=True)
    assert body is asks_nothing.body, "usage can be asked for on streams only"


def test_a_change_keeps_order_and_every_other_value_byte_for_byte() -> None:
    rest = '"messages":[ {"a" : "\\u00e9\\/"} ],"seed":12345678901234567890123}'
    text = '{"temperature":1.00, "model":"gpt-4o" ,' + rest
    assert write(text, model="big/model") == '{"temperature":1.00,"model":"big/model",' + rest


def test_streaming_is_forced_where_the_client_did_not_ask_for_it() -> None:
    assert write('{"stream":false,"model":"m"}', force_stream=True) == '{"stream":true,"model":"m"}'
    assert write('{"model":"m"}', force_stream=True) == '{"model":"m","stream":true}'


def test_usage_is_asked_for_beside_the_clients_other_stream_options() -> None:
    options = '{"include_obfuscation": false,"include_usage":false}'
    text = '{"model":"m","stream":true,"stream_options":' + options + ',"n":2}'
    assert json.loads(write(text, ask_usage=True)) == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_obfuscation": False, "include_usage": True},
        "n": 2,
    }
    options = '"stream_options":{"include_usage":true}'
    assert options in write('{"model":"m","stream":true,"stream_options":null}', ask_usage=True)
    assert options in write('{"model":"m"}', ask_usage=True, force_stream=True)


def test_usage_of_a_json_answer_is_read_and_nothing_else() -> None:
    body = b'{"choices":"\xff","usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12}}'
    assert CHAT.read_answer(body) == Usage(input_tokens=7, output_tokens=5, total_tokens=12)


@pytest.mark.parametrize(
    "body", [b"{}", b'{"usage":null}', b'{"usage":"\xff"}', b'{"usage":{"prompt_tokens":"x"}}']
)
def test_a_body_without_usage_has_none(body: bytes) -> None:
    assert CHAT.read_answer(body) is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"choices":[', pytest.param(b'{"usage":' + DEEP, id="deep")]
)
def test_what_is_no_json_object_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        CHAT.read_answer(body)


def test_an_error_object_is_no_answer_whatever_its_status() -> None:
    for body in (b'{"error":{"message":"boom"}}', b'{"object":"error","message":"boom"}'):
        with pytest.raises(UpstreamReported, match="boom"):
            CHAT.read_answer(body)


def test_an_upstreams_error_keeps_its_status_and_words() -> None:
    error = CHAT.read_error(429, b'{"error":{"message":"Slow down.","type":"tokens"}}')
    assert (error.status, error.message, error.type) == (429, "Slow down.", "tokens")


def test_errors_have_openais_shape_as_body_and_as_event() -> None:
    body = json.loads(CHAT.error_body(InvalidRequest("No.", param="model"), "req_1"))
    assert body == {
        "error": {
            "message": "No.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "invalid_request",
        }
    }
    overloaded = json.loads(CHAT.error_body(Overloaded("Full."), "req_1"))
    assert overloaded["error"]["param"] is None
    block = CHAT.follow(REQUEST, hide_usage=False).error_event(UpstreamTruncated("It\nstopped."))
    (only,) = parse_events(block)
    assert block.endswith(b"\n\n")
    assert json.loads(only.data or b"")["error"] == {
        "message": "It\nstopped.",
        "type": "upstream_error",
        "param": None,
        "code": "upstream_truncated",
    }


@pytest.mark.parametrize(
    ("form", "beat"),
    [("block", b": heartbeat\n\n"), ("line", b": heartbeat\n"), ("ping", b": heartbeat\n\n"), ("none", b"")],
)
def test_a_heartbeat_is_a_comment_in_every_form(form: HeartbeatForm, beat: bytes) -> None:
    assert CHAT.heartbeat(form) == beat
    assert all(event.data is None for event in parse_events(beat))


def test_the_dialect_is_one_frozen_value() -> None:
    assert (CHAT.name, CHAT.default_heartbeat) == ("chat", "block")
    with pytest.raises(AttributeError):
        CHAT.name = "other"
