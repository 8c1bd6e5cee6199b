"""Bad clients and bad upstreams over raw sockets: each gets its status and error, and the server goes on."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from harness import RawClient, RunningGateway, chat, running_gateway, wait_until
from upstreams import Asked, scripted_upstream

from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.wire.sse import parse_events

MAX_BODY_BYTES = 100_000
MAX_HEAD_BYTES = 8192
ORIGIN = "https://app.example.com"


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.fixture(scope="module")
def shared(mock: RunningMock) -> Iterator[RunningGateway]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed_port = taken.getsockname()[1]
    config: dict[str, Any] = {
        "server": {
            "max_body_bytes": MAX_BODY_BYTES,
            "max_head_bytes": MAX_HEAD_BYTES,
            "cors_origins": [ORIGIN],
        },
        "stream": {"max_event_bytes": 200_000, "max_answer_bytes": 200_000},
        "upstreams": [
            {"name": "mock", "base_url": mock.base_url, "api_keys": ["sk-up"]},
            {
                "name": "nowhere",
                "base_url": "http://no-such-host.invalid/v1",
                "stream": {"connect_s": 3.0},
            },
            {"name": "refused", "base_url": f"http://127.0.0.1:{closed_port}/v1"},
            {"name": "brief", "base_url": mock.base_url, "stream": {"total_s": 1.5}},
        ],
        "models": [
            {"name": "mock-gpt*", "upstreams": ["mock"]},
            {"name": "fault-*", "upstreams": ["mock"]},
            {"name": "nowhere", "upstreams": ["nowhere"]},
            {"name": "refused", "upstreams": ["refused"]},
            {"name": "brief*", "upstreams": ["brief"]},
        ],
    }
    with running_gateway(config) as running:
        yield running


@pytest.fixture(scope="module")
def impatient(mock: RunningMock) -> Iterator[RunningGateway]:
    """Who has not sent a request within half a second is not waited for."""
    config = {
        "server": {"head_timeout_s": 0.5, "body_timeout_s": 0.5},
        "upstreams": [{"name": "mock", "base_url": mock.base_url}],
    }
    with running_gateway(config) as running:
        yield running


@pytest.fixture
def gateway(shared: RunningGateway) -> Iterator[RunningGateway]:
    """The same gateway for every test, which has to be as good as new after each."""
    yield shared
    goes_on(shared)


def goes_on(gateway: RunningGateway, headers: dict[str, str] | None = None) -> None:
    wait_until(lambda: gateway.in_flight == 0)
    assert not gateway.server.gateway.active
    with RawClient(gateway.port) as client:
        client.post(chat("mock-gpt?tokens=2", stream=False), headers=headers)
        status, _headers, body = client.response()
        assert status == 200
        assert msgspec.json.decode(body)["object"] == "chat.completion"


def error_in(headers: dict[str, str], body: bytes) -> dict[str, Any]:
    assert headers["content-type"] == "application/json"
    decoded = msgspec.json.decode(body)
    assert set(decoded) == {"error"}
    error = decoded["error"]
    assert isinstance(error, dict)
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert error["type"]
    return error


def refused(gateway: RunningGateway, request: bytes) -> tuple[int, dict[str, Any], dict[str, str]]:
    with RawClient(gateway.port) as client:
        client.send(request)
        status, headers, body = client.response()
        return status, error_in(headers, body), headers


def refused_chat(
    gateway: RunningGateway, body: Any, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    with RawClient(gateway.port) as client:
        client.post(body, headers=headers)
        status, answered, content = client.response()
        assert answered["x-request-id"]
        return status, error_in(answered, content)


def head(line: str, *headers: str) -> bytes:
    return "\r\n".join([line, "host: gateway", *headers, "", ""]).encode("latin-1")


# ── bodies ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b'{"model": "mock-gpt", }', None),
        (b'{"model": "mock-gpt"} and more', None),
        (b'{"model": "\xff"}', "model"),
        (b"\xff\xfe\x00", None),
        (b"model=mock-gpt", None),
        (b"[]", None),
        (b"null", None),
        (b'"mock-gpt"', None),
        (b"[" * 90_000, None),
        (b"{}", "model"),
        (b'{"messages": []}', "model"),
        (b'{"model": ""}', "model"),
        (b'{"model": null}', "model"),
        (b'{"model": 5}', "model"),
        (b'{"model": ["mock-gpt"]}', "model"),
        (b'{"model": "mock-gpt", "stream": "yes"}', "stream"),
        (b'{"model": "mock-gpt", "stream": 1}', "stream"),
        (b'{"model": "mock-gpt", "stream": true, "stream_options": "usage"}', "stream_options"),
    ],
)
def test_a_body_that_is_no_request_is_a_400_that_names_the_field(
    gateway: RunningGateway, mock: RunningMock, body: bytes, param: str | None
) -> None:
    received = len(mock.requests)
    status, error = refused_chat(gateway, body)
    assert status == 400
    assert error["code"] == "invalid_request"
    assert error["param"] == param
    assert len(mock.requests) == received


def test_a_request_without_a_body_is_told_so(gateway: RunningGateway) -> None:
    _status, error = refused_chat(gateway, b"")
    assert error["message"] == "the request has no body"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/audio/transcriptions"])
def test_a_body_that_says_it_is_too_large_is_refused_unread(gateway: RunningGateway, path: str) -> None:
    request = head(f"POST {path} HTTP/1.1", f"content-length: {MAX_BODY_BYTES + 1}")
    status, error, _ = refused(gateway, request)
    assert status == 413
    assert error["code"] == "body_too_large"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/audio/transcriptions"])
def test_a_body_that_turns_out_too_large_is_refused(gateway: RunningGateway, path: str) -> None:
    request = head(f"POST {path} HTTP/1.1", "transfer-encoding: chunked")
    pieces = b"".join(b"2710\r\n" + b"x" * 10_000 + b"\r\n" for _ in range(12)) + b"0\r\n\r\n"
    status, error, _ = refused(gateway, request + pieces)
    assert status == 413
    assert error["code"] == "body_too_large"


def test_a_body_of_just_the_limit_is_not_too_large(gateway: RunningGateway) -> None:
    body = msgspec.json.encode(chat("mock-gpt?tokens=2", stream=False))
    with RawClient(gateway.port) as client:
        client.post(body + b" " * (MAX_BODY_BYTES - len(body)))
        assert client.response()[0] == 200


def test_a_client_that_is_told_of_its_large_body_may_still_be_sending_it(gateway: RunningGateway) -> None:
    with RawClient(gateway.port) as client:
        client.send(head("POST /v1/chat/completions HTTP/1.1", "content-length: 5000000"))
        client.send(b"x" * 5_000_000)
        status, headers, body = client.response()
        assert status == 413
        assert error_in(headers, body)["code"] == "body_too_large"


# ── heads ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"hello, gateway\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
        head("POST /v1/chat/completions HTTP/1.1", "content-length: 2", "transfer-encoding: chunked")
        + b"0\r\n\r\n",
        head("POST /v1/chat/completions HTTP/1.1", "content-length: 2", "content-length: 3") + b"{}",
        head("POST /v1/chat/completions HTTP/1.1", "transfer-encoding: chunked") + b"xyz\r\n",
        head("GET /v1/models HTTP/1.1", "bad header"),
    ],
    ids=["words", "tls", "length-and-chunked", "two-lengths", "bad-chunk", "bad-header"],
)
def test_what_is_not_http_is_a_400(gateway: RunningGateway, request_bytes: bytes) -> None:
    status, error, headers = refused(gateway, request_bytes)
    assert status == 400
    assert error["code"] == "invalid_request"
    assert headers["connection"] == "close"


@pytest.mark.parametrize(
    "request_bytes",
    [
        head("GET /v1/models HTTP/1.1", "x-big: " + "b" * MAX_HEAD_BYTES),
        head("GET /v1/models HTTP/1.1", *["x-many: value"] * (MAX_HEAD_BYTES // 10)),
        head("GET /v1/models?" + "q" * MAX_HEAD_BYTES + " HTTP/1.1"),
    ],
    ids=["one-header", "many-headers", "long-url"],
)
def test_a_head_over_the_limit_is_a_431(gateway: RunningGateway, request_bytes: bytes) -> None:
    status, error, _ = refused(gateway, request_bytes)
    assert status == 431
    assert error["code"] == "invalid_request"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: ",
        head("POST /v1/chat/completions HTTP/1.1", "content-length: 100") + b'{"model"',
        head("POST /v1/audio/transcriptions HTTP/1.1", "transfer-encoding: chunked") + b"5\r\nab",
    ],
    ids=["head", "body", "chunk"],
)
def test_a_request_that_stalls_is_a_408(
    impatient: RunningGateway, mock: RunningMock, request_bytes: bytes
) -> None:
    received = len(mock.requests)
    status, error, _ = refused(impatient, request_bytes)
    assert status == 408
    assert error["code"] == "invalid_request"
    assert len(mock.requests) == received


# ── paths and methods ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path", ["/nowhere", "/", "/v1", "/v2/chat/completions", "/chat/completions", "//v1/"]
)
def test_a_path_that_is_nobodys_is_a_404(gateway: RunningGateway, path: str) -> None:
    status, error, _ = refused(gateway, head(f"POST {path} HTTP/1.1", "content-length: 0"))
    assert status == 404
    assert error["code"] == "invalid_request"


@pytest.mark.parametrize(
    "line",
    [
        "GET /nowhere HTTP/1.1", "POST /healthz HTTP/1.1", "GET /healthz HTTP/1.1", "GET /readyz HTTP/1.1",
        "GET /v1/models HTTP/1.1", "GET /v1/chat/completions HTTP/1.1", "no http at all",
    ],
)  # fmt: skip
def test_every_response_carries_a_request_id(gateway: RunningGateway, line: str) -> None:
    with RawClient(gateway.port) as client:
        client.send(head(line))
        assert client.read_head()[1]["x-request-id"].startswith("req_")


def test_a_path_that_the_upstream_does_not_know_is_the_upstreams_404(
    gateway: RunningGateway, mock: RunningMock
) -> None:
    status, error, _ = refused(gateway, head("GET /v1/nothing HTTP/1.1"))
    assert status == 404
    assert "/v1/nothing" in error["message"]
    assert mock.last.path == "/v1/nothing"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/chat/completions", "POST"),
        ("PUT", "/v1/chat/completions", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("DELETE", "/readyz", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_a_405_that_names_the_right_one(
    gateway: RunningGateway, method: str, path: str, allowed: str
) -> None:
    status, error, headers = refused(gateway, head(f"{method} {path} HTTP/1.1", "content-length: 0"))
    assert status == 405
    assert headers["allow"] == allowed
    assert error["code"] == "invalid_request"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/../admin", "/v1/./models", "/v1/models/..", "/v1/%2e%2e/admin", "/v1/.%2E/admin",
        "/v1/a/%2e%2e%2f%2e%2e/admin", "/v1/models/.",
    ],
)  # fmt: skip
def test_a_path_that_climbs_reaches_no_upstream(
    gateway: RunningGateway, mock: RunningMock, path: str
) -> None:
    received = len(mock.requests)
    status, error, _ = refused(gateway, head(f"GET {path} HTTP/1.1"))
    assert status == 400
    assert error["code"] == "invalid_request"
    assert len(mock.requests) == received


def test_a_dot_in_a_name_climbs_nowhere(gateway: RunningGateway, mock: RunningMock) -> None:
    for path in ("/v1/models/gpt-4.1", "/v1/files/..a", "/v1/files/.well-known"):
        assert refused(gateway, head(f"GET {path} HTTP/1.1"))[0] == 404
        assert mock.last.path == path


def test_a_websocket_is_refused(gateway: RunningGateway, mock: RunningMock) -> None:
    received = len(mock.requests)
    request = head(
        "GET /v1/realtime?model=mock-gpt HTTP/1.1",
        "connection: Upgrade",
        "upgrade: WebSocket",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version: 13",
    )
    status, error, _ = refused(gateway, request)
    assert status == 400
    assert error["code"] == "invalid_request"
    assert len(mock.requests) == received


def test_the_connection_outlives_a_refused_request(gateway: RunningGateway) -> None:
    with RawClient(gateway.port) as client:
        for _ in range(3):
            client.post(b"{")
            assert client.response()[0] == 400
        client.send(head("GET /nowhere HTTP/1.1"))
        assert client.response()[0] == 404
        client.post(chat("mock-gpt?tokens=2", stream=False))
        assert client.response()[0] == 200


# ── models and upstreams ────────────────────────────────────────────────────────────────────────────


def test_a_model_that_no_rule_knows_is_a_404_that_names_the_nearest(gateway: RunningGateway) -> None:
    status, error = refused_chat(gateway, chat("nowher"))
    assert status == 404
    assert error["param"] == "model"
    assert "'nowhere'" in error["message"]


def test_a_model_name_of_any_length_is_shown_short(gateway: RunningGateway) -> None:
    status, error = refused_chat(gateway, chat("m" * 50_000))
    assert status == 404
    assert len(error["message"]) < 500


def test_records_keep_no_more_of_names_that_clients_choose_than_a_line_can_take(
    gateway: RunningGateway,
) -> None:
    with RawClient(gateway.port) as client:
        client.post(chat("mock-gpt-" + "m" * 50_000, stream=False))
        assert client.response()[0] == 200
        wait_until(lambda: (gateway.records[-1].model or "").startswith("mock-gpt-mm"))
        asked = gateway.records[-1]
        client.send(head(f"GET /v1/{'p' * (MAX_HEAD_BYTES - 200)} HTTP/1.1"))
        client.response()
        wait_until(lambda: gateway.records[-1].path.startswith("/v1/pp"))
    assert (len(asked.model or ""), len(asked.upstream_model or "")) == (256, 256)
    assert (asked.model or "").endswith("m…")
    assert len(gateway.records[-1].path) == 4096


@pytest.mark.parametrize("model", ["refused", "nowhere"])
@pytest.mark.parametrize("stream", [True, False])
def test_an_upstream_that_is_not_there_is_a_502(gateway: RunningGateway, model: str, stream: bool) -> None:
    status, error = refused_chat(gateway, chat(model, stream=stream))
    # A resolver that does not answer at all is met by connect_s.
    assert (status, error["code"]) in [(502, "upstream_unreachable"), (504, "upstream_timeout_connect")]
    assert model == "nowhere" or status == 502
    wait_until(lambda: gateway.records[-1].upstream == model)


# ── pages ───────────────────────────────────────────────────────────────────────────────────────────


def preflight(gateway: RunningGateway, origin: str) -> tuple[int, dict[str, str]]:
    with RawClient(gateway.port) as client:
        client.send(
            head(
                "OPTIONS /v1/chat/completions HTTP/1.1",
                f"origin: {origin}",
                "access-control-request-method: POST",
                "access-control-request-headers: authorization,content-type",
            )
        )
        return client.read_head()


def test_a_page_of_an_allowed_origin_may_ask_and_read(gateway: RunningGateway) -> None:
    status, headers = preflight(gateway, ORIGIN)
    assert status == 204
    assert headers["access-control-allow-origin"] == ORIGIN
    assert headers["access-control-allow-headers"] == "authorization,content-type"
    for body in (chat("mock-gpt?tokens=2"), chat("fault-http-429"), b"{"):
        with RawClient(gateway.port) as client:
            client.post(body, headers={"origin": ORIGIN})
            _status, headers, _body = client.response()
            assert headers["access-control-allow-origin"] == ORIGIN
            assert "x-request-id" in headers["access-control-expose-headers"]


def test_a_page_of_another_origin_may_not(gateway: RunningGateway) -> None:
    status, headers = preflight(gateway, "https://evil.example.com")
    assert status == 403
    assert not [name for name in headers if name.startswith("access-control-")]
    with RawClient(gateway.port) as client:
        client.post(chat("mock-gpt?tokens=2"), headers={"origin": "https://evil.example.com"})
        _status, headers, _body = client.response()
        assert not [name for name in headers if name.startswith("access-control-")]


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def guarded(mock: RunningMock) -> Iterator[RunningGateway]:
    config = {
        "upstreams": [{"name": "mock", "base_url": mock.base_url}],
        "keys": [{"name": "team", "sha256": hashlib.sha256(b"sk-right").hexdigest()}],
    }
    with running_gateway(config) as running:
        yield running
        goes_on(running, {"authorization": "Bearer sk-right"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer sk-wrong"},
        {"authorization": "sk-right"},
        {"authorization": "Basic sk-right"},
        {"authorization": "Bearer"},
        {"x-api-key": "sk-wrong"},
        {"x-api-key": ""},
        {"x-api-key": "Bearer sk-right"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models"])
def test_without_the_right_key_nothing_reaches_an_upstream(
    guarded: RunningGateway, mock: RunningMock, headers: dict[str, str], path: str
) -> None:
    received = len(mock.requests)
    with RawClient(guarded.port) as client:
        client.post(chat(), path=path, headers=headers)
        status, answered, body = client.response()
    assert status == 401
    error = error_in(answered, body)
    assert error["code"] == "invalid_api_key"
    assert error["type"] == "authentication_error"
    assert b"sk-" not in body
    assert len(mock.requests) == received


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer sk-right"},
        {"authorization": "bearer sk-right"},
        {"x-api-key": "sk-right"},
        {"authorization": "Bearer sk-wrong", "x-api-key": "sk-right"},
    ],
)
def test_the_right_key_is_taken_in_either_header_and_goes_no_further(
    guarded: RunningGateway, mock: RunningMock, headers: dict[str, str]
) -> None:
    goes_on(guarded, headers)
    wait_until(lambda: guarded.records[-1].key == "team")
    assert mock.last.header("authorization") is None
    assert mock.last.header("x-api-key") is None


# ── bad upstreams ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("model", "stream", "status", "code"),
    [
        ("fault-garbage", True, 502, "upstream_invalid"),
        ("fault-garbage", False, 502, "upstream_invalid"),
        ("fault-endless-headers", True, 502, "upstream_invalid"),
        ("fault-endless-headers", False, 502, "upstream_invalid"),
        ("fault-endless-event", False, 502, "event_too_large"),
        ("fault-endless-body", False, 502, "event_too_large"),
        ("fault-br-label", True, 502, "upstream_invalid"),
        ("fault-br-label", False, 502, "upstream_invalid"),
        ("fault-empty-body", True, 502, "upstream_truncated"),
        ("fault-empty-body", False, 502, "upstream_truncated"),
        ("fault-rst-before", True, 502, "upstream_unreachable"),
    ],
)
def test_an_upstream_that_breaks_the_rules_is_a_502(
    gateway: RunningGateway, mock: RunningMock, model: str, stream: bool, status: int, code: str
) -> None:
    answered, error = refused_chat(gateway, chat(model, stream=stream))
    assert (answered, error["code"]) == (status, code)
    assert error["type"] == "upstream_error"
    assert mock.last_ended().bytes_written < 64 * 1024 * 1024


@pytest.mark.parametrize(
    ("model", "code"),
    [("fault-endless-event", "event_too_large"), ("brief?fault=endless-body", "upstream_timeout_total")],
)
def test_an_answer_without_an_end_meets_its_limit_in_band(
    gateway: RunningGateway, mock: RunningMock, model: str, code: str
) -> None:
    with RawClient(gateway.port) as client:
        client.post(chat(model))
        status, _headers = client.read_head()
        assert status == 200
        tail = b""
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            data = client.received or client.socket.recv(1 << 18)
            client.received = b""
            assert data
            tail = (tail + data)[-1000:]
            time.sleep(0.001)  # a reader that gives the flood no more than some MB
    last = tail.removesuffix(b"\r\n0\r\n\r\n").rpartition(b"\r\n")[2]
    event = parse_events(last)[-1]
    assert event.data is not None
    assert msgspec.json.decode(event.data)["error"]["code"] == code
    assert mock.last_ended().outcome == "aborted"


def test_a_wrong_content_type_is_no_reason_to_fail(gateway: RunningGateway) -> None:
    for stream in (True, False):
        with RawClient(gateway.port) as client:
            client.post(chat("fault-wrong-content-type", stream=stream))
            status, headers, body = client.response()
            assert status == 200
            assert b'"error"' not in body
            assert not stream or headers["content-type"] == "text/event-stream"


OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\n{}   ", "upstream_invalid"),
        (OK + b"content-length: -1\r\n\r\n{}", "upstream_invalid"),
        (OK + b"transfer-encoding: chunked\r\n\r\nnot a size\r\n", "upstream_invalid"),
        (OK + b"x-name\x00: v\r\ncontent-length: 2\r\n\r\n{}", "upstream_invalid"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "upstream_invalid"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000, "upstream_invalid"),
        (OK + b"content-length: 50\r\n\r\n{}", "upstream_truncated"),
        (OK + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n", "upstream_truncated"),
    ],
    ids=[
        "two-lengths", "negative-length", "bad-chunk", "nul", "bad-status", "endless-1xx", "short-body",
        "no-last-chunk",
    ],
)  # fmt: skip
def test_a_response_that_breaks_http_is_a_502(answer: bytes, code: str) -> None:
    def broken(asked: Asked) -> None:
        asked.body_bytes()
        asked.answer(answer)
        raise EOFError

    with scripted_upstream(broken) as upstream:
        table = {"name": "broken", "base_url": upstream.base_url}
        with running_gateway({"upstreams": [table]}) as gateway:
            status, error = refused_chat(gateway, chat(stream=False))
            assert (status, error["code"]) == (502, code)
            wait_until(lambda: gateway.in_flight == 0)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (
            301,
            ["location: https://api.example.com/v1/chat/completions"],
            "redirects to https://api.example.com/v1/",
        ),
        (307, ["location: /v1/chat/completions/"], "redirects to /v1/chat/completions/: its base_url"),
        (304, [], "answered with status 304"),
    ],
)
def test_a_redirect_of_the_upstream_is_a_502_that_says_where_to(
    status: int, headers: list[str], words: str, stream: bool
) -> None:
    def moved(asked: Asked) -> None:
        asked.body_bytes()
        asked.answer("\r\n".join([f"HTTP/1.1 {status} X", *headers, "content-length: 0", "", ""]).encode())

    with scripted_upstream(moved) as upstream:
        table = {"name": "moved", "base_url": upstream.base_url}
        with running_gateway({"upstreams": [table]}) as gateway:
            answered, error = refused_chat(gateway, chat(stream=stream))
            assert (answered, error["code"]) == (502, "upstream_invalid")
            assert words in error["message"]
            record = gateway.record()
            assert (record.outcome, record.upstream_status) == ("invalid", status)


@pytest.mark.parametrize("status", [600, 999])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
def test_a_status_that_http_does_not_have_is_passed_on_or_a_502(status: int, path: str) -> None:
    def odd(asked: Asked) -> None:
        asked.body_bytes()
        asked.respond({"error": {"message": "odd", "type": "t", "param": None, "code": None}}, status)

    with scripted_upstream(odd) as upstream:
        table = {"name": "odd", "base_url": upstream.base_url}
        with running_gateway({"upstreams": [table]}) as gateway, RawClient(gateway.port) as client:
            client.post(chat(stream=False), path=path)
            answered, headers, body = client.response()
            assert answered in (status, 502)
            assert error_in(headers, body)


def test_what_an_upstream_says_behind_its_answer_is_nobodys_answer() -> None:
    """Bytes after the end of a response would be taken for the next one's: RFC 9112 section 11.2."""
    stolen = OK + b'content-length: 12\r\n\r\n{"stolen":1}'

    def talkative(asked: Asked) -> None:
        asked.body_bytes()
        answer = b'{"model":"%d"}' % len(upstream.heads)
        asked.answer(OK + b"content-length: %d\r\n\r\n" % len(answer) + answer + stolen)

    with scripted_upstream(talkative) as upstream:
        table = {"name": "talkative", "base_url": upstream.base_url}
        with running_gateway({"upstreams": [table]}) as gateway, RawClient(gateway.port) as client:
            for number in range(1, 4):
                client.post({"model": "m", "input": "x"}, path="/v1/embeddings")
                status, _headers, body = client.response()
                assert (status, body) == (200, b'{"model":"%d"}' % number)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("label", "pieces"),
    [
        # DeepSeek sends empty lines while a request waits, and so does a gateway with json_heartbeat_s.
        ("application/json", [b"\n", b"\n", b'{"choices": [{"index": 0, "finish_reason": "stop", ']),
        ("text/event-stream", [b"\n", b": keep-alive\n\n", b"\n"]),
        ("text/plain", [b"d", b"a", b"t"]),
        ("", [b"\xef", b"\xbb", b"\xbf"]),
    ],
    ids=["blank-lines-json", "blank-lines-events", "letters", "bom"],
)
def test_an_answer_may_begin_slowly(label: str, pieces: list[bytes], stream: bool) -> None:
    if label == "application/json":
        rest = b'"message": {"role": "assistant", "content": "here"}}], "object": "chat.completion"}'
    else:
        rest = (b"" if b"d" not in pieces else b"a: ") + (b"data: " if b"d" not in pieces else b"")
        rest += b'{"choices":[{"index":0,"delta":{"content":"here"},"finish_reason":"stop"}]}\n\n'
        rest += b"data: [DONE]\n\n"

    def slowly(asked: Asked) -> None:
        asked.body_bytes()
        asked.answer(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: " + label.encode() + b"\r\n\r\n")
        for piece in pieces:
            asked.answer(piece)
            time.sleep(0.03)
        asked.answer(rest)
        raise EOFError

    with scripted_upstream(slowly) as upstream:
        table = {"name": "slow", "base_url": upstream.base_url, "include_usage": False}
        with running_gateway({"upstreams": [table]}) as gateway, RawClient(gateway.port) as client:
            client.post(chat(stream=stream))
            status, _headers, body = client.response()
            assert status == 200, body
            assert b'"here"' in body
            assert b'"error"' not in body
