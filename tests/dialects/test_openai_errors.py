"""Whatever an upstream says is wrong reaches the client as a sentence with a status; nothing raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.dialects.openai_errors import (
    MESSAGE_MAX,
    error_json,
    read_frame_error,
    read_http_error,
    read_object_error,
)
from sluiceway.errors import UpstreamReported
from sluiceway.wire.sse import SseEvent


def http(status: int, document: Any) -> UpstreamReported:
    return read_http_error(status, json.dumps(document).encode())


def frame(document: Any, name: bytes = b"") -> UpstreamReported | None:
    return read_frame_error(SseEvent(b"", json.dumps(document).encode(), name), document)


def test_openais_own_error_is_read_whole() -> None:
    error = http(
        400, {"error": {"message": "Bad.", "type": "invalid_request_error", "param": "n", "code": "bad_n"}}
    )
    assert (error.status, error.message, error.type, error.param, error.code) == (
        400,
        "Bad.",
        "invalid_request_error",
        "n",
        "bad_n",
    )


@pytest.mark.parametrize(
    ("document", "message", "type_"),
    [
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}},
            "Busy.",
            "overloaded_error",
        ),
        ({"error": "Not now."}, "Not now.", "upstream_error"),
        ({"detail": {"msg": "Inside."}}, "Inside.", "upstream_error"),
        ({"detail": [5]}, "the upstream answered 503 Service Unavailable", "upstream_error"),
        ({"type": "error", "message": "Flat."}, "Flat.", "upstream_error"),
        ({"message": "Plain."}, "Plain.", "upstream_error"),
        ({"error": {}, "message": "Beside."}, "Beside.", "upstream_error"),
        ({"detail": "Not Found"}, "Not Found", "upstream_error"),
        ({"detail": [{"loc": ["body"], "msg": "x"}]}, "x", "upstream_error"),
        (
            [{"error": {"code": 400, "message": "In a list.", "status": "INVALID"}}],
            "In a list.",
            "upstream_error",
        ),
        ({"error": {"message": {"message": "Odd."}, "type": 5}}, "Odd.", "5"),
    ],
)
def test_other_shapes_are_read_for_their_message(document: Any, message: str, type_: str) -> None:
    error = http(503, document)
    assert (error.status, error.message, error.type) == (503, message, type_)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (502, b"", "the upstream answered 502 Bad Gateway"),
        (502, b"  <html><h1>502</h1></html>", "the upstream answered 502 Bad Gateway"),
        (529, b"<html>", "the upstream answered 529"),
        (500, b"{}", "the upstream answered 500 Internal Server Error"),
        (500, b"[]", "[]"),
        (500, b"upstream connect error\r\nor \xff disconnect", "upstream connect error or � disconnect"),
    ],
)
def test_a_body_without_a_message_is_named_by_its_status(status: int, body: bytes, message: str) -> None:
    assert read_http_error(status, body).message == message


def test_a_long_message_is_clipped() -> None:
    for body in (b"x" * 100_000, b'{"error":"' + b"x" * 100_000 + b'"}'):
        message = read_http_error(500, body).message
        assert len(message) == MESSAGE_MAX
        assert message.endswith("x…")


@given(st.binary(max_size=60) | st.text().map(str.encode), st.integers(0, 999))
def test_no_body_raises(body: bytes, status: int) -> None:
    error = read_http_error(status, body)
    assert error.status == status
    assert error.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["error", "message", "type", "code", "status", "detail", "param"]), inner
        )
    ),
    max_leaves=8,
)


@given(JSON)
def test_no_document_raises(document: Any) -> None:
    assert http(500, document).message
    error = frame(document, b"error")
    assert error is not None
    assert 400 <= error.status <= 599


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 503}, 503),
        ({"code": "429"}, 429),
        ({"status": 403}, 403),
        ({"status_code": 404}, 404),
        ({"code": 200}, 502),
        ({"code": "rate_limit_exceeded"}, 429),
        ({"type": "rate_limit_error"}, 429),
        ({"type": "insufficient_quota"}, 429),
        ({"type": "invalid_request_error", "code": "context_length_exceeded"}, 400),
        ({"type": "authentication_error"}, 401),
        ({"type": "overloaded_error"}, 503),
        ({"type": "server_error"}, 502),
        ({}, 502),
    ],
)
def test_an_error_in_band_has_the_status_it_would_have_had(error: dict[str, Any], status: int) -> None:
    found = frame({"error": error | {"message": "m"}})
    assert found is not None
    assert found.status == status


def test_an_error_without_a_message_says_so() -> None:
    for found in (frame({"error": {"code": 500}}), frame({}, b"error"), frame(None, b"error")):
        assert found is not None
        assert found.message
    silent = read_frame_error(SseEvent(b"", b" ", b"error"), None)
    assert silent is not None
    assert silent.message == "the upstream reported an error without a message"


@pytest.mark.parametrize(
    "document", [{}, {"error": None}, {"error": ""}, {"object": "chat.completion.chunk"}, [], 5, None]
)
def test_what_is_no_error_is_none(document: Any) -> None:
    assert frame(document) is None
    if isinstance(document, dict):
        assert read_object_error(document) is None


def test_nesting_without_end_leaves_the_status() -> None:
    error = read_http_error(500, b'{"message":' + b"[" * 50_000 + b"]" * 50_000 + b"}")
    assert (error.status, error.type) == (500, "upstream_error")


def test_the_error_object_survives_half_a_surrogate_pair() -> None:
    error = http(500, {"error": {"message": "cut \ud83d"}})
    assert json.loads(error_json(error))["error"]["message"] == "cut \ud83d"
