"""Starting, stopping, sharing a loop, and load."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import pytest
import uvloop
from mock_wire import connected, payload, read_answer, request

from sluiceway.mock.app import MockProvider
from sluiceway.mock.server import make_server, serving
from sluiceway.mock.testing import running_mock


def test_a_silent_answer_does_not_hold_up_the_shutdown() -> None:
    with running_mock() as mock, connected(mock) as sock:
        sock.sendall(request(payload("fault-silent")))
        while not mock.requests:
            time.sleep(0.005)
        mock.provider.abort_all()
        answer = read_answer(sock)
        assert (answer.data, answer.end) == (b"", "fin")
    assert "sluiceway-mock" not in [thread.name for thread in threading.enumerate()]


def test_a_port_that_is_taken_is_an_os_error() -> None:
    with running_mock() as mock, pytest.raises(OSError, match="in use"):
        make_server(MockProvider(), port=mock.port)


def test_it_serves_on_ipv6() -> None:
    async def scenario() -> bytes:
        async with serving(MockProvider(), "::1") as server:
            reader, writer = await asyncio.open_connection("::1", server.port)
            writer.write(request(b"", "/healthz", "GET", "connection: close"))
            data = await reader.read()
            writer.close()
            return data

    assert uvloop.run(scenario()).endswith(b'{"status":"ok"}')


def test_two_hundred_streams_at_fifty_tokens_per_second_are_whole_and_none_is_too_fast() -> None:
    tokens, streams = 26, 200

    async def one(port: int) -> float:
        started = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(payload(f"m?tps=50&tokens={tokens}"), "/v1/chat/completions", "POST"))
        await reader.readuntil(b"\r\n\r\n")
        data = await reader.readuntil(b"0\r\n\r\n")
        writer.close()
        assert data.count(b"data: ") == tokens + 3
        return time.monotonic() - started

    async def scenario() -> list[float]:
        async with serving(MockProvider()) as server:
            return await asyncio.gather(*(one(server.port) for _ in range(streams)))

    assert min(uvloop.run(scenario())) > 0.45  # 25 gaps of 20 ms


def test_it_needs_its_own_server() -> None:
    async def scenario() -> None:
        await MockProvider()({"type": "http", "path": "/"}, None, None)

    with pytest.raises(RuntimeError, match=r"sluiceway\.mock\.server"):
        asyncio.run(scenario())


def test_a_record_is_json_as_people_read_it() -> None:
    with running_mock() as mock, connected(mock) as sock:
        sock.sendall(request(b"", "/_mock/requests", "GET"))
        assert json.loads(read_answer(sock).body)["requests"] == []
