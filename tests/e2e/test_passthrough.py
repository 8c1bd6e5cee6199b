"""Paths that belong to no dialect: relayed as they are, both ways, without holding what is large."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from harness import RawClient, RunningGateway, chat, running_gateway, wait_until
from upstreams import Asked, scripted_upstream

from sluiceway.mock.testing import RunningMock, running_mock

MIB = 1024 * 1024
UPLOAD = "/v1/audio/transcriptions"
BUFFERS_BYTES = 24 * MIB  # more than all socket buffers of a connection pair may hold on the way


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(mock: RunningMock) -> Iterator[RunningGateway]:
    config = {
        "server": {"max_body_bytes": 100 * MIB},
        "upstreams": [
            {"name": "mock", "base_url": mock.base_url},
            {"name": "other", "base_url": mock.base_url, "headers": {"x-upstream": "other"}},
        ],
        "models": [
            {"name": "embed", "upstreams": ["other"], "rewrite_to": "mock-embedding"},
            {"name": "*", "upstreams": ["mock"]},
        ],
    }
    with running_gateway(config) as running:
        yield running
        wait_until(lambda: running.in_flight == 0)


def get(port: int, path: str) -> tuple[int, dict[str, str], bytes]:
    with RawClient(port) as client:
        client.send(f"GET {path} HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n".encode())
        status, headers = client.read_head()
        return status, headers, client.read_to_end()


def upload_head(length: int | None, path: str = UPLOAD) -> bytes:
    framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    kind = "content-type: multipart/form-data; boundary=b"
    return f"POST {path} HTTP/1.1\r\nhost: g\r\n{kind}\r\n{framing}\r\n\r\n".encode()


def chunked(body: bytes, size: int = 65536) -> bytes:
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


# ── small requests ──────────────────────────────────────────────────────────────────────────────────


def test_models_are_the_upstreams_own(gateway: RunningGateway, mock: RunningMock) -> None:
    status, headers, body = get(gateway.port, "/v1/models")
    _status, _headers, direct = get(mock.port, "/v1/models")
    assert status == 200
    assert body == direct
    assert headers["content-type"] == "application/json"
    assert headers["content-length"] == str(len(direct))
    assert headers["x-request-id"].startswith("req_")


def test_a_head_is_answered_with_the_upstreams_headers_alone() -> None:
    def headers_only(asked: Asked) -> None:
        asked.answer(b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 12345\r\n\r\n")

    with scripted_upstream(headers_only) as upstream:
        table = {"name": "files", "base_url": upstream.base_url}
        with running_gateway({"upstreams": [table]}) as gateway, RawClient(gateway.port) as client:
            for _ in range(2):  # the connection is in order after it
                client.send(b"HEAD /v1/files/1/content HTTP/1.1\r\nhost: g\r\n\r\n")
                status, headers = client.read_head()
                assert status == 200
                assert headers["content-length"] == "12345"
                assert headers["content-type"] == "audio/mpeg"
            assert client.received == b""
        assert upstream.heads[0].startswith("HEAD /v1/files/1/content ")


def test_a_model_in_a_json_body_is_routed_and_renamed(gateway: RunningGateway, mock: RunningMock) -> None:
    with RawClient(gateway.port) as client:
        client.post({"model": "embed", "input": ["a", 1.50, {"x": None}]}, path="/v1/embeddings")
        status, _headers, body = client.response()
    assert status == 200
    assert msgspec.json.decode(body)["model"] == "mock-embedding"
    assert mock.last.header("x-upstream") == "other"
    assert '"model":"mock-embedding"' in mock.last.body
    wait_until(lambda: gateway.records[-1].model == "embed")
    assert gateway.records[-1].upstream == "other"


def test_a_body_that_needs_no_change_goes_up_byte_for_byte(
    gateway: RunningGateway, mock: RunningMock
) -> None:
    body = b'{ "input" : "a",\n\t"model": "mock-embedding", "x": 1.500e2 }'
    with RawClient(gateway.port) as client:
        client.post(body, path="/v1/embeddings")
        assert client.response()[0] == 200
    assert mock.last.body.encode() == body


def test_path_query_and_headers_go_up_as_they_came() -> None:
    def echo(asked: Asked) -> None:
        asked.body_bytes()
        asked.respond({})

    with scripted_upstream(echo) as upstream:
        table = {"name": "echo", "base_url": upstream.base_url.replace("/v1", "/base/v3"), "api_keys": ["k"]}
        with running_gateway({"upstreams": [table]}) as gateway, RawClient(gateway.port) as client:
            client.send(
                b"GET /v1/files/a%2Fb%20c?after=x%26y&limit=5&empty= HTTP/1.1\r\nhost: g\r\n"
                b"openai-organization: org\r\nx-custom: a\r\nx-custom: b\r\naccept-encoding: br\r\n"
                b"connection: x-hop\r\nx-hop: 1\r\ncf-ray: 2\r\n\r\n"
            )
            assert client.response()[0] == 200
        lines = upstream.heads[0].split("\r\n")
        assert lines[0] == "GET /base/v3/files/a%2Fb%20c?after=x%26y&limit=5&empty= HTTP/1.1"
        assert f"host: {upstream.base_url.split('/')[2]}" in lines
        assert "authorization: Bearer k" in lines
        assert "accept-encoding: identity" in lines
        assert "openai-organization: org" in lines
        assert lines.index("x-custom: a") < lines.index("x-custom: b")
        assert not [line for line in lines if line.startswith(("x-hop", "cf-ray", "content-length"))]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 204 No Content\r\nx-deleted: yes\r\n\r\n", 204),
        (b'HTTP/1.1 304 Not Modified\r\netag: "e"\r\n\r\n', 304),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200),
        (b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n", 307),
    ],
)
def test_an_answer_without_a_body_stays_without_one(answer: bytes, status: int) -> None:
    def bare(asked: Asked) -> None:
        asked.body_bytes()
        asked.answer(answer)

    with scripted_upstream(bare) as upstream:
        table = {"name": "bare", "base_url": upstream.base_url}
        with running_gateway({"upstreams": [table]}) as gateway, RawClient(gateway.port) as client:
            for _ in range(2):  # the connection is in order after it
                client.send(b"DELETE /v1/files/1 HTTP/1.1\r\nhost: g\r\n\r\n")
                answered, headers = client.read_head()
                assert answered == status
                assert "transfer-encoding" not in headers
                assert headers.get("content-length", "0") == "0"
                assert headers.get("location", "/elsewhere") == "/elsewhere"
        assert upstream.connections == 1


# ── downloads ───────────────────────────────────────────────────────────────────────────────────────


def test_a_download_arrives_byte_for_byte_with_its_length_and_type() -> None:
    data = bytes(range(256)) * 64 * 1024

    def download(asked: Asked) -> None:
        asked.answer(b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: %d\r\n\r\n" % len(data))
        asked.answer(data)

    with scripted_upstream(download) as upstream:
        table = {"name": "files", "base_url": upstream.base_url}
        with running_gateway({"upstreams": [table]}) as gateway, RawClient(gateway.port) as client:
            client.send(b"GET /v1/files/1/content HTTP/1.1\r\nhost: g\r\n\r\n")
            _status, headers = client.read_head()
            assert headers["content-type"] == "audio/mpeg"
            assert headers["content-length"] == str(len(data))
            assert hashlib.sha256(client.read_body(headers)).digest() == hashlib.sha256(data).digest()
            assert gateway.record().bytes_out == len(data)


def test_a_download_goes_as_fast_as_the_client_reads() -> None:
    sent = 0

    def flood(asked: Asked) -> None:
        nonlocal sent
        asked.answer(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (64 * MIB))
        for _ in range(1024):
            asked.answer(b"x" * 65536)
            sent += 65536

    with scripted_upstream(flood) as upstream:
        table = {"name": "flood", "base_url": upstream.base_url}
        with running_gateway({"upstreams": [table]}) as gateway, RawClient(gateway.port) as client:
            client.send(b"GET /v1/files/1/content HTTP/1.1\r\nhost: g\r\n\r\n")
            client.read_head()
            before = -1
            while before != sent:
                before = sent
                time.sleep(0.2)
            assert sent < BUFFERS_BYTES
            left = 64 * MIB - len(client.received)
            while left:
                left -= len(client.socket.recv(1 << 20))
            wait_until(lambda: gateway.in_flight == 0)


@pytest.mark.parametrize("framing", ["content-length: 1000", "transfer-encoding: chunked"])
def test_a_download_that_breaks_off_is_seen_to_be_broken(framing: str) -> None:
    def cut(asked: Asked) -> None:
        asked.answer(f"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n{framing}\r\n\r\n".encode())
        asked.answer(b"64\r\n" + b"x" * 100 + b"\r\n")
        time.sleep(0.1)  # some of it is out before the end comes
        raise EOFError

    with scripted_upstream(cut) as upstream:
        table = {"name": "cut", "base_url": upstream.base_url}
        with running_gateway({"upstreams": [table]}) as gateway, RawClient(gateway.port) as client:
            client.send(b"GET /v1/files/1/content HTTP/1.1\r\nhost: g\r\n\r\n")
            _status, headers = client.read_head()
            with pytest.raises((EOFError, ConnectionResetError)):
                client.read_body(headers)
            assert gateway.record().error_code == "upstream_truncated"


def test_a_head_does_not_wait_for_its_body() -> None:
    go_on = threading.Event()

    def slow(asked: Asked) -> None:
        asked.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n")
        go_on.wait(40)
        asked.answer(b"late")

    with scripted_upstream(slow) as upstream:
        table = {"name": "slow", "base_url": upstream.base_url}
        with running_gateway({"upstreams": [table]}) as gateway, RawClient(gateway.port) as client:
            client.send(b"GET /v1/files/1/content HTTP/1.1\r\nhost: g\r\n\r\n")
            status, headers = client.read_head()
            assert status == 200
            go_on.set()
            assert client.read_body(headers) == b"late"


# ── uploads ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [0, 1000, MIB, MIB + 1, 8 * MIB])
@pytest.mark.parametrize("framed", ["length", "chunks"])
def test_an_upload_arrives_whole_whatever_its_size(
    gateway: RunningGateway, mock: RunningMock, size: int, framed: str
) -> None:
    body = b"u" * size
    with RawClient(gateway.port) as client:
        client.send(upload_head(size if framed == "length" else None))
        client.send(body if framed == "length" else chunked(body))
        status, _headers, answer = client.response()
        assert status == 200, answer
        assert f"had {size} bytes" in msgspec.json.decode(answer)["text"]
        assert mock.last.body_bytes == size
        client.send(b"GET /v1/models HTTP/1.1\r\nhost: g\r\n\r\n")
        assert client.response()[0] == 200


def send_until_stuck(client: socket.socket, size: int) -> int:
    """Send so many bytes, or as many as are taken before the socket's timeout."""
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < size:
            sent += client.send(b"x" * min(65536, size - sent))
    return sent


def test_an_upload_waits_for_an_upstream_that_does_not_read() -> None:
    go_on = threading.Event()
    counted: list[int] = []

    def lazy(asked: Asked) -> None:
        go_on.wait(40)
        counted.append(asked.body_bytes())
        asked.respond({"text": "all of it"})

    size = 64 * MIB
    with scripted_upstream(lazy) as upstream:
        config = {
            "upstreams": [{"name": "lazy", "base_url": upstream.base_url}],
            "server": {"max_body_bytes": 2 * size},
        }
        with running_gateway(config) as gateway, RawClient(gateway.port) as client:
            client.send(upload_head(size))
            client.socket.settimeout(0.4)
            sent = send_until_stuck(client.socket, size)
            assert sent < BUFFERS_BYTES
            client.socket.settimeout(30)
            go_on.set()
            assert send_until_stuck(client.socket, size - sent) == size - sent
            assert client.response()[0] == 200
            assert counted == [size]


def test_a_slow_upload_is_not_held_against_its_upstream() -> None:
    def counting(asked: Asked) -> None:
        asked.respond({"bytes": asked.body_bytes()})

    size = 2 * MIB + 8 * 1000  # what is over 1 MiB is streamed
    with scripted_upstream(counting) as upstream:
        table = {"name": "a", "base_url": upstream.base_url, "stream": {"first_event_s": 0.6}}
        with running_gateway({"upstreams": [table]}) as gateway, RawClient(gateway.port) as client:
            client.send(upload_head(size) + b"x" * 2 * MIB)
            for _ in range(8):
                time.sleep(0.2)
                client.send(b"x" * 1000)
            status, _headers, body = client.response()
            assert (status, msgspec.json.decode(body)) == (200, {"bytes": size})


def test_an_upstream_that_stops_reading_an_upload_meets_its_clock() -> None:
    over = threading.Event()

    def deaf(asked: Asked) -> None:
        over.wait(10)

    size = 64 * MIB
    with scripted_upstream(deaf) as upstream:
        table = {"name": "a", "base_url": upstream.base_url, "stream": {"first_event_s": 0.6}}
        config = {"upstreams": [table], "server": {"max_body_bytes": 2 * size}}
        with running_gateway(config) as gateway, RawClient(gateway.port) as client:
            client.send(upload_head(size))
            client.socket.settimeout(0.3)
            send_until_stuck(client.socket, size)
            client.socket.settimeout(10)
            status, _headers, body = client.response()
            assert status == 504
            assert msgspec.json.decode(body)["error"]["code"] == "upstream_timeout_first_event"
        over.set()


@pytest.mark.parametrize(("model", "status"), [("mock-gpt?tokens=2", 200), ("fault-http-400", 400)])
def test_the_clocks_of_an_answer_begin_when_its_request_has_come(
    mock: RunningMock, model: str, status: int
) -> None:
    stream = {"first_event_s": 0.6, "commit_after_s": 0.6, "total_s": 0.9}
    config = {"upstreams": [{"name": "mock", "base_url": mock.base_url, "stream": stream}]}
    body = msgspec.json.encode(chat(model))
    with running_gateway(config) as gateway, RawClient(gateway.port) as client:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: {len(body)}\r\n\r\n"
        client.send(head.encode() + body[:10])
        time.sleep(1.1)
        client.send(body[10:])
        seen, _headers, answer = client.response()
        assert (seen, b"upstream_timeout" in answer) == (status, False)
        assert gateway.record().duration_ms > 1000


def test_an_upload_that_turns_out_too_large_is_stopped_on_its_way() -> None:
    def lazy(asked: Asked) -> None:
        asked.body_bytes()
        asked.respond({"text": "never"})

    with scripted_upstream(lazy) as upstream:
        config = {
            "upstreams": [{"name": "lazy", "base_url": upstream.base_url}],
            "server": {"max_body_bytes": 2 * MIB},
        }
        with running_gateway(config) as gateway, RawClient(gateway.port) as client:
            client.send(upload_head(None) + chunked(b"x" * (4 * MIB)))
            status, _headers, body = client.response()
            assert status == 413
            assert msgspec.json.decode(body)["error"]["code"] == "body_too_large"
            wait_until(lambda: gateway.in_flight == 0)


def test_a_client_that_leaves_in_mid_upload_takes_the_upstream_with_it() -> None:
    ended = threading.Event()

    def waiting(asked: Asked) -> None:
        try:
            asked.body_bytes()
        finally:
            ended.set()

    with scripted_upstream(waiting) as upstream:
        table = {"name": "waiting", "base_url": upstream.base_url}
        with running_gateway({"upstreams": [table]}) as gateway:
            with RawClient(gateway.port) as client:
                client.send(upload_head(8 * MIB) + b"x" * (3 * MIB))
                wait_until(lambda: bool(upstream.heads))
            assert ended.wait(30)
            wait_until(lambda: gateway.in_flight == 0)
            assert gateway.record().client_left


@pytest.mark.parametrize("mode", ["keep", "drain"])
def test_half_an_upload_is_not_kept_running_for_a_client_that_left(mode: str) -> None:
    ended = threading.Event()

    def waiting(asked: Asked) -> None:
        try:
            asked.body_bytes()
        finally:
            ended.set()

    with scripted_upstream(waiting) as upstream:
        stream = {"on_disconnect": mode, "first_event_s": 20.0}
        table = {"name": "waiting", "base_url": upstream.base_url, "stream": stream}
        with running_gateway({"upstreams": [table]}) as gateway:
            with RawClient(gateway.port) as client:
                client.send(upload_head(8 * MIB) + b"x" * (3 * MIB))
                wait_until(lambda: bool(upstream.heads))
            assert ended.wait(5)
            record = gateway.record()
            assert (record.outcome, record.client_left) == ("client_gone", True)


def test_an_answer_that_comes_before_the_body_was_sent_reaches_the_client() -> None:
    is_read = threading.Event()

    def impatient(asked: Asked) -> None:
        asked.respond({"error": {"message": "no", "type": "t", "param": None, "code": "early"}}, 413)
        is_read.wait(40)  # a connection that is closed before everything was received may lose the answer
        raise EOFError

    with scripted_upstream(impatient) as upstream:
        table = {"name": "impatient", "base_url": upstream.base_url}
        with running_gateway({"upstreams": [table]}) as gateway:
            with RawClient(gateway.port) as client:
                client.send(upload_head(8 * MIB) + b"x" * (2 * MIB))
                status, headers, body = client.response()
                assert status == 413
                assert headers["connection"] == "close"
                assert msgspec.json.decode(body)["error"]["code"] == "early"
                is_read.set()
                client.send(b"x" * (6 * MIB))  # read and thrown away
                assert client.read_to_end() == b""
            wait_until(lambda: gateway.in_flight == 0)
            is_read.clear()
            with RawClient(gateway.port) as client:
                client.send(upload_head(8 * MIB) + b"x" * (2 * MIB))
                assert client.read_head()[0] == 413
            is_read.set()
            assert upstream.connections == 2  # half a request is on the first one


# ── connections that went stale ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", ["stale", "keepalive-close", "keepalive-close:0.05"])
def test_a_request_that_meets_a_stale_connection_is_sent_again(
    gateway: RunningGateway, mock: RunningMock, fault: str
) -> None:
    with RawClient(gateway.port) as client:
        for stream in (True, False):
            client.post(chat(f"fault-{fault}"))
            assert client.response()[0] == 200
            time.sleep(0.1)
            client.post(chat("mock-gpt?tokens=2", stream=stream))
            status, _headers, body = client.response()
            assert status == 200, body
        client.post(chat(f"fault-{fault}"))
        assert client.response()[0] == 200
        client.send(b"GET /v1/models HTTP/1.1\r\nhost: g\r\n\r\n")
        assert client.response()[0] == 200
    if fault == "stale":  # the others may be noticed before the next request
        wait_until(lambda: gateway.records[-1].path == "/v1/models")
        assert gateway.records[-1].retries == 1


def test_a_streamed_body_does_not_go_on_a_connection_that_may_be_stale(
    gateway: RunningGateway, mock: RunningMock
) -> None:
    with RawClient(gateway.port) as client:
        client.post(chat("fault-stale"))
        assert client.response()[0] == 200
        used = {record.peer for record in mock.requests}
        client.send(upload_head(2 * MIB) + b"x" * (2 * MIB))
        assert client.response()[0] == 200
        assert mock.last.peer not in used
        wait_until(lambda: gateway.records[-1].path == UPLOAD)
        assert gateway.records[-1].retries == 0


@pytest.mark.parametrize("size", [10, 2 * MIB])
def test_a_request_that_was_read_and_not_answered_is_not_sent_again(size: int) -> None:
    """It may have had its effect: RFC 9110 section 9.2.2."""

    def swallow(asked: Asked) -> None:
        asked.body_bytes()
        raise EOFError

    with scripted_upstream(swallow) as upstream:
        table = {"name": "swallow", "base_url": upstream.base_url}
        with running_gateway({"upstreams": [table]}) as gateway, RawClient(gateway.port) as client:
            client.send(upload_head(size) + b"x" * size)
            status, _headers, body = client.response()
            assert status == 502
            assert msgspec.json.decode(body)["error"]["code"] == "upstream_unreachable"
            assert len(upstream.heads) == 1


def test_connections_are_reused(gateway: RunningGateway, mock: RunningMock) -> None:
    with RawClient(gateway.port) as client:
        for _ in range(5):
            client.send(b"GET /v1/models HTTP/1.1\r\nhost: g\r\n\r\n")
            assert client.response()[0] == 200
    assert len({record.peer for record in mock.requests[-4:]}) == 1


def test_many_small_requests_leave_no_sockets_behind(gateway: RunningGateway) -> None:
    def ask(port: int, results: list[Any]) -> None:
        results.append(get(port, "/v1/models")[0])

    results: list[Any] = []
    threads = [threading.Thread(target=ask, args=(gateway.port, results)) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [200] * 30
    wait_until(lambda: not gateway.server.server_state.connections)
