"""The API of a gateway that relays: what administrators do reaches clients, and what they watch costs nobody."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from console_server import RunningConsole, running_console, wait_until

from sluiceway.console import streaming
from sluiceway.mock.testing import running_mock

JSON = {"content-type": "application/json"}


@pytest.fixture
def running() -> Iterator[RunningConsole]:
    """Before a provider that answers slowly."""
    with running_mock() as mock:
        config = {
            "upstreams": [{"name": "mock", "base_url": mock.base_url, "api_keys": ["sk-upstream"]}],
            "admin": {"live_s": 0.01},
        }
        with running_console(config) as console:
            yield console


@contextlib.contextmanager
def asked(
    console: RunningConsole, method: str, path: str, body: Any = None
) -> Iterator[http.client.HTTPResponse]:
    """A request, and its response while it comes."""
    connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=10)
    encoded = None if body is None else msgspec.json.encode(body)
    connection.request(method, path, encoded, {} if body is None else JSON)
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def told(console: RunningConsole, method: str, path: str, body: Any = None) -> Any:
    """The JSON of the answer."""
    with asked(console, method, path, body) as response:
        return msgspec.json.decode(response.read())


def chat(model: str) -> dict[str, Any]:
    return {"model": model, "stream": True, "messages": [{"role": "user", "content": "hello"}]}


def test_a_client_hears_that_an_administrator_ended_its_answer(running: RunningConsole) -> None:
    with asked(running, "POST", "/v1/chat/completions", chat("mock-gpt?tps=5")) as response:
        response.readline()
        (request_id,) = running.call(lambda: list(running.deps.gateway.active))
        assert told(running, "POST", f"/api/streams/{request_id}/cancel", {}) == {"request_id": request_id}
        rest = response.read()
    assert b'"code":"cancelled"' in rest
    assert b"[DONE]" not in rest
    wait_until(lambda: not running.deps.gateway.active)


def test_a_stream_is_followed_while_it_runs_and_found_afterwards(running: RunningConsole) -> None:
    with asked(running, "POST", "/v1/chat/completions", chat("mock-gpt?tps=20")) as response:
        response.readline()
        (live,) = told(running, "GET", "/api/streams?state=live")["live"]
        assert (live["model"], live["upstream"], live["outcome"]) == ("mock-gpt?tps=20", "mock", None)
        with asked(running, "GET", f"/api/streams/{live['request_id']}/events") as watching:
            answer, view = response.read(), watching.read()
    timelines = [
        msgspec.json.decode(line.removeprefix(b"data: "))
        for line in view.splitlines()
        if line.startswith(b"data: ")
    ]
    numbers = [event["number"] for timeline in timelines for event in timeline["events"]]
    assert numbers == list(range(1 + answer.count(b"\n\n"))), "each event once, in order"
    assert [one["summary"]["outcome"] for one in timelines][-2:] == [None, "ok"]
    (recent,) = told(running, "GET", "/api/streams?state=recent")["recent"]
    assert recent["request_id"] == live["request_id"]


def test_a_drained_upstream_gets_nothing_new(running: RunningConsole) -> None:
    with asked(running, "POST", "/v1/chat/completions", chat("mock-gpt?tps=50")) as response:
        response.readline()
        assert told(running, "POST", "/api/upstreams/mock/drain", {})["drained"] is True
        assert b"[DONE]" in response.read(), "what runs goes on"
    assert told(running, "GET", "/api/upstreams")["upstreams"][0]["in_flight"] == 0
    with asked(running, "POST", "/v1/chat/completions", chat("mock-gpt")) as response:
        assert response.status == 503
        assert b"[DONE]" not in response.read()
    assert told(running, "POST", "/api/upstreams/mock/enable", {})["drained"] is False
    with asked(running, "POST", "/v1/chat/completions", chat("mock-gpt")) as response:
        assert b"[DONE]" in response.read()


def test_a_live_view_ends_when_the_process_stops(running: RunningConsole) -> None:
    with asked(running, "GET", "/api/streams/events") as response:
        assert response.getheader("content-type") == "text/event-stream"
        assert response.getheader("x-accel-buffering") == "no"
        assert response.readline() == b"event: streams\n"
        running.server.should_exit = True
        assert response.read().endswith(b"\n\n"), "a whole response, of whole events"


def test_a_client_that_does_not_read_is_cut_off_and_costs_no_one(
    running: RunningConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "SLOW_READER_S", 1.0)
    monkeypatch.setattr(streaming, "_HEARTBEAT", b":" + b" " * 100_000 + b"\n\n")
    monkeypatch.setattr(streaming, "HEARTBEAT_S", 0.0)
    with socket.create_connection(("127.0.0.1", running.port)) as slow:
        slow.sendall(b"GET /api/streams/events HTTP/1.1\r\nhost: localhost\r\n\r\n")
        wait_until(lambda: running.deps.event_streams == 1)
        wait_until(lambda: running.deps.event_streams == 0)
        assert told(running, "GET", "/api/overview")["in_flight"] == 0


def test_a_stranger_is_told_nothing_over_a_real_connection(running: RunningConsole) -> None:
    for host in ("gateway.example.com", "evil.example"):
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            client.sendall(f"GET /api/config HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
            answer = b""
            while data := client.recv(65536):
                answer += data
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"upstreams" not in answer
