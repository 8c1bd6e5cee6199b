"""Errors in Anthropic's shape: read whoever wrote them, written so that its SDK raises the right one."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages_streams import event, sdk_error, start

from sluiceway.dialects.anthropic_errors import error_json, read_event_error, read_object_error
from sluiceway.errors import (
    BodyTooLarge,
    Draining,
    EventTooLarge,
    GatewayError,
    InvalidApiKey,
    InvalidRequest,
    Overloaded,
    UnknownModel,
    UpstreamReported,
    UpstreamTimeout,
    UpstreamTruncated,
    WrongMethod,
)
from sluiceway.wire.sse import SseEvent, encode_event, parse_events

OURS = [
    (InvalidRequest("No."), "invalid_request_error", "invalid_request"),
    (UnknownModel("No."), "not_found_error", "invalid_request"),
    (WrongMethod("No.", allowed="POST"), "invalid_request_error", "invalid_request"),
    (InvalidApiKey("No."), "authentication_error", "invalid_api_key"),
    (BodyTooLarge("No."), "request_too_large", "body_too_large"),
    (Overloaded("No."), "overloaded_error", "gateway_overloaded"),
    (Draining("No."), "overloaded_error", "draining"),
    (UpstreamTimeout("No."), "timeout_error", "upstream_timeout"),
    (UpstreamTruncated("No."), "api_error", "upstream_truncated"),
    (EventTooLarge("No."), "api_error", "event_too_large"),
    (GatewayError("No."), "api_error", "internal_error"),
]


def kind_written(error: GatewayError) -> Any:
    return json.loads(error_json(error))["error"]["type"]


@pytest.mark.parametrize(("error", "kind", "code"), OURS, ids=lambda value: type(value).__name__)
def test_the_gateways_own_errors_have_anthropics_types_and_their_own_code(
    error: GatewayError, kind: str, code: str
) -> None:
    assert json.loads(error_json(error)) == {
        "type": "error",
        "error": {"type": kind, "message": "No.", "code": code},
    }


@pytest.mark.parametrize(
    ("status", "type_", "kind"),
    [
        (429, "rate_limit_error", "rate_limit_error"),
        (529, "overloaded_error", "overloaded_error"),
        (500, "overloaded_error", "overloaded_error"),
        (400, "billing_error", "billing_error"),
        (402, "upstream_error", "billing_error"),
        (403, "upstream_error", "permission_error"),
        (408, "upstream_error", "timeout_error"),
        (422, "upstream_error", "invalid_request_error"),
        (429, "insufficient_quota", "rate_limit_error"),
        (401, "invalid_request_error", "authentication_error"),
        (503, "api_error", "overloaded_error"),
        (502, "invalid_request_error", "api_error"),
        (500, "server_error", "api_error"),
        (302, "upstream_error", "api_error"),
    ],
)
def test_an_upstreams_type_is_kept_if_it_is_one_of_anthropics_and_says_enough(
    status: int, type_: str, kind: str
) -> None:
    error = UpstreamReported("x", status=status, type=type_)
    assert kind_written(error) == kind
    assert "code" not in json.loads(error_json(error))["error"]


# ── the SDK ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("begun", [b"", start()])
@pytest.mark.parametrize(("error", "kind", "code"), OURS, ids=lambda value: type(value).__name__)
def test_the_official_client_takes_our_error_in_a_stream(
    error: GatewayError, kind: str, code: str, begun: bytes
) -> None:
    stream = begun + encode_event(error_json(error), event=b"error")
    caught = sdk_error(200, stream, "text/event-stream")
    assert caught.type == kind
    body: Any = caught.body
    assert body["error"]["code"] == code
    assert body["error"]["message"] == "No."


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (InvalidRequest("No.", param="model"), anthropic.BadRequestError),
        (InvalidApiKey("No."), anthropic.AuthenticationError),
        (UnknownModel("No."), anthropic.NotFoundError),
        (Overloaded("No."), anthropic.InternalServerError),
        (UpstreamTruncated("No."), anthropic.InternalServerError),
    ],
)
def test_the_official_client_takes_our_error_as_an_answer(
    error: GatewayError, raised: type[anthropic.APIStatusError]
) -> None:
    caught = sdk_error(error.status, error_json(error, "req_1"), "application/json")
    assert isinstance(caught, raised)
    assert caught.body == json.loads(error_json(error)) | {"request_id": "req_1"}


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("type_", "status"),
    [
        ("overloaded_error", 529),
        ("rate_limit_error", 429),
        ("api_error", 500),
        ("invalid_request_error", 400),
        ("authentication_error", 401),
        ("permission_error", 403),
        ("not_found_error", 404),
        ("request_too_large", 413),
        ("timeout_error", 504),
        ("billing_error", 402),
        ("brand_new_error", 502),
    ],
)
def test_an_error_in_a_stream_has_the_status_of_its_type(type_: str, status: int) -> None:
    document = {"type": "error", "error": {"type": type_, "message": "m"}}
    for error in (read_event_error(parse_events(event(document))[0], document), read_object_error(document)):
        assert error is not None
        assert (error.status, error.type, error.message, error.code) == (status, type_, "m", None)
        assert kind_written(error) == (type_ if status != 502 else "api_error")


@pytest.mark.parametrize(
    ("name", "document", "message"),
    [
        (b"error", {"message": "m"}, "m"),
        (b"error", "text", "raw"),
        (b"error", None, "raw"),
        (b"error", {}, "the upstream reported an error without a message"),
        (b"", {"error": "m"}, "m"),
        (b"", {"type": "error", "message": "m"}, "m"),
        (b"", {"object": "error", "message": "m"}, "m"),
    ],
)
def test_an_error_is_known_in_every_shape(name: bytes, document: Any, message: str) -> None:
    error = read_event_error(SseEvent(b"", b"raw", name), document)
    assert error is not None
    assert error.message == message


@pytest.mark.parametrize(
    "document", [{}, {"type": "message"}, {"error": None}, {"error": ""}, {"type": ["error"]}]
)
def test_an_answer_is_no_error(document: dict[str, Any]) -> None:
    assert read_object_error(document) is None
    assert read_event_error(SseEvent(b"", b"x", b"new"), document) is None


NAMES = st.sampled_from(["type", "error", "message", "code", "status", "param", "detail"])
DOCUMENTS: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
    max_leaves=8,
)


@given(DOCUMENTS)
def test_reading_never_raises(document: Any) -> None:
    read_event_error(SseEvent(b"", b"x", b"error"), document)
    if isinstance(document, dict):
        read_object_error(document)
