"""The application under uvicorn as it comes, without our front: the same bodies, ends and releases."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import uvicorn
import uvloop
from harness import RawClient, chat, wait_until
from upstreams import Asked, scripted_upstream
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sluiceway.app import App
from sluiceway.config.load import settings_from
from sluiceway.gateway import Gateway
from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.observe.onlookers import Onlookers
from sluiceway.observe.record import Record

MIB = 1024 * 1024


class Hosted:
    """A gateway in a server of somebody else's."""

    def __init__(self, gateway: Gateway, port: int, records: list[Record]) -> None:
        self.gateway = gateway
        self.port = port
        self.records = records

    @property
    def in_flight(self) -> int:
        return sum(upstream.in_flight for upstream in self.gateway.upstreams.values())


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as provider:
        yield provider


@pytest.fixture(scope="module", params=[HttpToolsProtocol, H11Protocol], ids=["httptools", "h11"])
def hosted(request: pytest.FixtureRequest, mock: RunningMock) -> Iterator[Hosted]:
    with scripted_upstream(flood) as upstream:
        settings = settings_from(
            {
                "stream": {"heartbeat_s": 0.1, "commit_after_s": 0.1, "json_heartbeat_s": 0.0},
                "upstreams": [
                    {"name": "mock", "base_url": mock.base_url},
                    {"name": "brief", "base_url": mock.base_url, "stream": {"idle_s": 1.0}},
                    {"name": "patient", "base_url": mock.base_url, "stream": {"commit_after_s": 30.0}},
                    {"name": "flood", "base_url": upstream.base_url, "include_usage": False},
                ],
                "failover": {"max_attempts": 1},
                "models": [
                    {"name": "brief*", "upstreams": ["brief"]},
                    {"name": "fault-http-*", "upstreams": ["patient"]},
                    {"name": "fault-rst-before", "upstreams": ["patient"]},
                    {"name": "flood", "upstreams": ["flood"]},
                    {"name": "*", "upstreams": ["mock"]},
                ],
            },
            {},
        )
        records: list[Record] = []
        gateway = Gateway(settings, onlookers=Onlookers(settings, (records.append,)))
        config = uvicorn.Config(
            App(gateway),
            port=0,
            http=request.param,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: uvloop.run(server.serve()), daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        yield Hosted(gateway, server.servers[0].sockets[0].getsockname()[1], records)
        wait_until(lambda: all(one.in_flight == 0 for one in gateway.upstreams.values()))
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


class Client(RawClient):
    """h11 writes the names of its own headers in capitals."""

    def read_head(self) -> tuple[int, dict[str, str]]:
        status, headers = super().read_head()
        return status, {name.lower(): value for name, value in headers.items()}


def ask(port: int, body: Any) -> tuple[int, dict[str, str], bytes]:
    with Client(port) as client:
        client.post(body)
        return client.response()


def error_of(body: bytes) -> dict[str, Any]:
    error = msgspec.json.decode(body)["error"]
    assert isinstance(error, dict)
    return error


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", ["mock-gpt?seed=1", "mock-gpt?seed=1&fault=byte-by-byte"])
def test_an_answer_is_the_providers_own(hosted: Hosted, mock: RunningMock, model: str, stream: bool) -> None:
    extra: dict[str, Any] = {"n": 2, "stream_options": {"include_usage": True}} if stream else {"n": 2}
    status, headers, body = ask(hosted.port, chat(model, stream=stream, **extra))
    _status, _headers, direct = ask(mock.port, chat(model, stream=stream, **extra))
    assert status == 200
    assert body.replace(b": heartbeat\n\n", b"") == direct  # a busy machine may make it wait
    assert headers["x-request-id"].startswith("req_")
    assert headers["content-type"] == ("text/event-stream" if stream else "application/json")


def test_a_connection_is_kept_from_answer_to_answer(hosted: Hosted) -> None:
    with Client(hosted.port) as client:
        for number in range(6):
            client.post(chat("mock-gpt?tokens=3", stream=bool(number % 2)))
            assert client.response()[0] == 200


def test_silence_is_filled_with_heartbeats(hosted: Hosted) -> None:
    with Client(hosted.port) as client:
        client.post(chat("mock-gpt?ttft=1&tokens=2"))
        status, headers = client.read_head()
        assert status == 200
        body = client.read_body(headers)
    assert body.startswith(b": heartbeat\n\n")
    assert body.count(b": heartbeat\n\n") >= 3
    assert body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [("fault-http-429", 429, "rate_limit_exceeded"), ("fault-rst-before", 502, "upstream_unreachable")],
)
def test_an_error_before_the_answer_has_its_status(
    hosted: Hosted, model: str, status: int, code: str
) -> None:
    for stream in (True, False):
        answered, headers, body = ask(hosted.port, chat(model, stream=stream))
        assert answered == status
        assert headers["content-type"] == "application/json"
        assert error_of(body)["code"] == code


def test_a_bad_request_is_refused(hosted: Hosted) -> None:
    status, _headers, body = ask(hosted.port, b"{")
    assert status == 400
    assert error_of(body)["code"] == "invalid_request"


def test_an_answer_that_breaks_ends_in_an_error_in_band(hosted: Hosted) -> None:
    status, _headers, body = ask(hosted.port, chat("fault-rst"))
    assert status == 200
    assert error_of(body.rstrip().rpartition(b"data: ")[2])["code"] == "upstream_truncated"
    assert b"[DONE]" not in body


@pytest.mark.parametrize("fault", ["silent", "stall", "stall-between"])
def test_the_upstream_is_closed_as_soon_as_the_client_leaves(
    hosted: Hosted, mock: RunningMock, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen = len(hosted.records)
    with caplog.at_level(logging.ERROR):
        with Client(hosted.port) as client:
            client.post(chat(f"fault-{fault}"))
            client.read_until(b"\n\n")
        assert mock.last_ended().outcome == "aborted"
        wait_until(lambda: hosted.in_flight == 0 and len(hosted.records) > seen)
    assert hosted.records[-1].client_left
    assert caplog.records == []


FLOOD_EVENTS = 2000
FLOOD_EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"' + b"x" * 16384 + b'"}}]}\n\n'


def flood(asked: Asked) -> None:
    """Some 32 MiB of proper events, as fast as they are taken."""
    asked.body_bytes()
    asked.answer(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
    for _ in range(FLOOD_EVENTS):
        asked.answer(FLOOD_EVENT)
        flooded.append(len(FLOOD_EVENT))
    asked.answer(b"data: [DONE]\n\n")
    raise EOFError


flooded: list[int] = []


def test_a_slow_client_pauses_the_upstream_and_loses_nothing(hosted: Hosted) -> None:
    flooded.clear()
    with Client(hosted.port) as client:
        client.post(chat("flood"))
        _status, headers = client.read_head()
        written = -1
        while written != len(flooded):
            written = len(flooded)
            time.sleep(0.2)
        assert written < FLOOD_EVENTS, "the answer must be larger than all buffers for this test"
        body = client.read_body(headers)
    assert body == FLOOD_EVENT * FLOOD_EVENTS + b"data: [DONE]\n\n"


def test_a_client_that_reads_nothing_is_given_up_after_idle_s(hosted: Hosted, mock: RunningMock) -> None:
    seen = len(hosted.records)
    with Client(hosted.port) as client:
        client.post(chat("brief?tokens=10000&seed=1", n=8))
        client.read_head()
        assert mock.last_ended().outcome == "aborted"
        wait_until(lambda: len(hosted.records) > seen and hosted.in_flight == 0)
    assert hosted.records[-1].error_code == "client_gone"


@pytest.mark.parametrize("framed", ["length", "chunks"])
def test_an_upload_is_streamed_and_waits_for_its_upstream(hosted: Hosted, framed: str) -> None:
    size = 8 * MIB
    framing = f"content-length: {size}" if framed == "length" else "transfer-encoding: chunked"
    with Client(hosted.port) as client:
        head = f"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: g\r\n{framing}\r\n\r\n"
        client.send(head.encode())
        for _ in range(size // 65536):
            client.send(b"x" * 65536 if framed == "length" else b"10000\r\n" + b"x" * 65536 + b"\r\n")
        if framed == "chunks":
            client.send(b"0\r\n\r\n")
        status, _headers, body = client.response()
        assert status == 200
        assert f"had {size} bytes" in msgspec.json.decode(body)["text"]


def test_a_body_over_the_limit_is_refused(hosted: Hosted) -> None:
    with Client(hosted.port) as client:
        client.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: 99999999999\r\n\r\n")
        status, _headers, body = client.response()
        assert status == 413
        assert error_of(body)["code"] == "body_too_large"


def test_the_gateways_own_paths_answer_too(hosted: Hosted) -> None:
    with Client(hosted.port) as client:
        for path, wanted in (("/healthz", 200), ("/readyz", 200), ("/nowhere", 404)):
            client.send(f"GET {path} HTTP/1.1\r\nhost: g\r\n\r\n".encode())
            assert client.response()[0] == wanted
