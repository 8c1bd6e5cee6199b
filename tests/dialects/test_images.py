"""Image requests are read no further than needed and changed no more than asked; the small shapes."""

from __future__ import annotations

import json

import pytest
from images_streams import COUNTED, DEEP, FORM, form, part

from sluiceway.dialects.base import Dialect, HeartbeatForm, Usage
from sluiceway.dialects.images import IMAGE_EDITS, IMAGE_GENERATIONS, IMAGE_VARIATIONS
from sluiceway.errors import InvalidRequest, UpstreamInvalid, UpstreamReported
from sluiceway.wire.sse import parse_events

DIALECTS = [IMAGE_GENERATIONS, IMAGE_EDITS, IMAGE_VARIATIONS]
FILE = part("image[]", b"\x89PNG\r\n--fro\r\n", filename="a.png", headers=b"Content-Type: image/png\r\n")
MODEL = part("model", b"gpt-image-2")


def failure(body: bytes, content_type: bytes = b"", dialect: Dialect = IMAGE_EDITS) -> tuple[str, str | None]:
    with pytest.raises(InvalidRequest) as caught:
        dialect.read_request(body, content_type)
    return caught.value.message, caught.value.param


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "content_type", [b"", b"application/json", b"Application/JSON; charset=utf-8", b"text/plain"]
)
def test_a_request_is_read_for_model_stream_and_count_only(dialect: Dialect, content_type: bytes) -> None:
    body = b'{"model":"gpt-image-2","prompt":"\xff","n":3,"stream":true,"partial_images":2}'
    request = dialect.read_request(body, content_type)
    assert (request.model, request.stream, request.images, request.wants_usage) == (
        "gpt-image-2",
        True,
        3,
        True,
    )
    assert request.body is body
    assert bytes(request.fields["prompt"]) == b'"\xff"'


@pytest.mark.parametrize(
    "members", [b"", b',"n":null,"stream":null,"partial_images":null', b',"stream":false,"n":1']
)
def test_one_image_at_once_is_what_is_asked_for_by_default(members: bytes) -> None:
    request = IMAGE_GENERATIONS.read_request(b'{"model":"m"' + members + b"}")
    assert (request.stream, request.images) == (False, 1)


@pytest.mark.parametrize(
    ("body", "says", "param"),
    [
        (b"", "the request has no body", None),
        (b"[]", "must be a JSON object", None),
        (b'{"prompt":"x"}', "names no model", "model"),
        (b'{"model":5}', "model must be a string", "model"),
        (b'{"model":"m","stream":"true"}', "stream must be true or false", "stream"),
        (b'{"model":"m","n":0}', "n must be a whole number from 1 to 10", "n"),
        (b'{"model":"m","n":11}', "n must be a whole number from 1 to 10", "n"),
        (b'{"model":"m","n":"1"}', "n must be a whole number from 1 to 10", "n"),
        (b'{"model":"m","n":true}', "n must be a whole number from 1 to 10", "n"),
        (
            b'{"model":"m","partial_images":4}',
            "partial_images must be a whole number from 0 to 3",
            "partial_images",
        ),
        (b'{"model":"m","partial_images":1.5}', "partial_images must be", "partial_images"),
    ],
)
def test_a_request_that_cannot_be_understood_says_what_is_wrong_and_where(
    body: bytes, says: str, param: str | None
) -> None:
    for dialect in DIALECTS:
        message, at = failure(body, dialect=dialect)
        assert says in message
        assert at == param


@pytest.mark.parametrize("content_type", [b"application/x-www-form-urlencoded", FORM])
def test_a_form_where_none_is_taken_is_refused_by_its_content_type(content_type: bytes) -> None:
    message, param = failure(b'{"model":"m"}', content_type, IMAGE_GENERATIONS)
    assert message == f"the content-type must be application/json, not {content_type.decode().split(';')[0]}"
    assert param is None


def test_an_urlencoded_form_is_refused_with_what_would_do() -> None:
    message, _ = failure(b"model=m", b"application/x-www-form-urlencoded; charset=utf-8")
    assert message == (
        "the content-type must be application/json or multipart/form-data, not application/x-www-form-urlencoded"
    )


def test_json_goes_on_as_it_came_but_for_what_changes() -> None:
    text = b'{ "model" : "m", "prompt":"\\u00e9", "n": 2}'
    request = IMAGE_GENERATIONS.read_request(text)
    write = IMAGE_GENERATIONS.write_request
    assert write(request, model="m", force_stream=False, ask_usage=True) is text
    assert write(request, model="x", force_stream=True, ask_usage=True) == (
        b'{"model":"x","prompt":"\\u00e9","n":2,"stream":true}'
    )


# ── forms ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dialect", [IMAGE_EDITS, IMAGE_VARIATIONS])
def test_a_form_is_read_for_the_same_fields(dialect: Dialect) -> None:
    body = form(
        FILE,
        MODEL,
        part("prompt", b"more \xff water"),
        FILE,
        part("mask", b"", filename=""),
        part("n", b"2"),
        part("stream", b"true"),
        part("partial_images", b"3"),
    )
    request = dialect.read_request(body, FORM)
    assert (request.model, request.stream, request.images, request.fields) == ("gpt-image-2", True, 2, {})
    assert request.wants_usage
    assert request.body is body
    write = dialect.write_request(request, model="gpt-image-2", force_stream=True, ask_usage=True)
    assert write is body


@pytest.mark.parametrize(
    ("value", "streams"),
    [
        (b"true", True),
        (b"True", True),
        (b"1", True),
        (b"false", False),
        (b"0", False),
        (b"", False),
        (b" true ", True),
    ],
)
def test_a_flag_of_a_form_may_be_written_in_several_ways(value: bytes, streams: bool) -> None:
    assert IMAGE_EDITS.read_request(form(MODEL, part("stream", value)), FORM).stream is streams


@pytest.mark.parametrize(
    ("parts", "says", "param"),
    [
        ([FILE], "names no model", "model"),
        ([part("model", b"")], "names no model", "model"),
        ([part("model", b"m", filename="m.txt")], "names no model", "model"),
        ([part("model", b"\xff")], "model must be text in UTF-8", "model"),
        ([MODEL, part("stream", b"yes")], "stream must be true or false", "stream"),
        ([MODEL, part("n", b"0")], "n must be a whole number from 1 to 10", "n"),
        ([MODEL, part("n", b"2.0")], "n must be a whole number from 1 to 10", "n"),
        ([MODEL, part("n", b"two")], "n must be a whole number from 1 to 10", "n"),
        (
            [MODEL, part("partial_images", b"4")],
            "partial_images must be a whole number from 0 to 3",
            "partial_images",
        ),
    ],
)
def test_a_form_that_cannot_be_understood_says_what_is_wrong_and_where(
    parts: list[bytes], says: str, param: str
) -> None:
    message, at = failure(form(*parts), FORM)
    assert says in message
    assert at == param


def test_a_form_changes_in_model_and_stream_alone() -> None:
    body = form(FILE, MODEL, FILE)
    request = IMAGE_EDITS.read_request(body, FORM)
    changed = IMAGE_EDITS.write_request(request, model="big/é", force_stream=True, ask_usage=False)
    stream = b'Content-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n'
    assert changed == form(stream, FILE, part("model", "big/é".encode()), FILE)
    read = IMAGE_EDITS.read_request(changed, FORM)
    assert (read.model, read.stream) == ("big/é", True)


def test_variations_are_never_forced_to_stream() -> None:
    for body, kind in ((form(FILE, MODEL), FORM), (b'{"model":"m"}', b"")):
        request = IMAGE_VARIATIONS.read_request(body, kind)
        write = IMAGE_VARIATIONS.write_request(request, model=None, force_stream=True, ask_usage=False)
        assert write is body


# ── answers, errors, heartbeats ─────────────────────────────────────────────────────────────────────


def test_usage_of_a_json_answer_is_read_and_no_image() -> None:
    body = b'{"data":[{"b64_json":"\xff"}],"usage":' + json.dumps(COUNTED).encode() + b"}"
    assert IMAGE_EDITS.read_answer(body) == Usage(
        input_tokens=8, output_tokens=40, total_tokens=48, image_tokens=3
    )
    odd = b'{"data":[{"revised_prompt":"\\ud83d"}],"usage":{"total_tokens":1}}'
    assert IMAGE_EDITS.read_answer(odd) == Usage(total_tokens=1)


@pytest.mark.parametrize("body", [b"{}", b'{"usage":null}', b'{"usage":"x"}', b'{"data":[],"error":null}'])
def test_a_body_without_usage_has_none(body: bytes) -> None:
    assert IMAGE_EDITS.read_answer(body) is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"data":[', pytest.param(b'{"usage":' + DEEP, id="deep")]
)
def test_what_is_no_json_object_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        IMAGE_EDITS.read_answer(body)


def test_an_error_object_is_no_answer_whatever_its_status() -> None:
    for body in (b'{"error":{"message":"boom"}}', b'{"object":"error","message":"boom"}'):
        with pytest.raises(UpstreamReported, match="boom"):
            IMAGE_EDITS.read_answer(body)


def test_an_upstreams_error_keeps_its_status_and_words() -> None:
    error = IMAGE_EDITS.read_error(429, b'{"error":{"message":"Slow down.","type":"images"}}')
    assert (error.status, error.message, error.type) == (429, "Slow down.", "images")


def test_errors_have_openais_shape() -> None:
    assert json.loads(IMAGE_EDITS.error_body(InvalidRequest("No.", param="n"), "req_1")) == {
        "error": {"message": "No.", "type": "invalid_request_error", "param": "n", "code": "invalid_request"}
    }


@pytest.mark.parametrize(
    ("kind", "beat"),
    [("block", b": heartbeat\n\n"), ("line", b": heartbeat\n"), ("ping", b": heartbeat\n\n"), ("none", b"")],
)
def test_a_heartbeat_is_a_comment_in_every_form(kind: HeartbeatForm, beat: bytes) -> None:
    assert IMAGE_EDITS.heartbeat(kind) == beat
    assert all(event.data is None for event in parse_events(beat))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_dialects_are_one_by_name_and_frozen_in_it(dialect: Dialect) -> None:
    assert (dialect.name, dialect.default_heartbeat) == ("images", "block")
    with pytest.raises(AttributeError):
        dialect.name = "other"
