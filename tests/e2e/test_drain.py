"""SIGTERM under load: everything that was accepted is answered, whole, and no connection is reset."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flood import Ends, again_and_again, asked_so_far, begun, connected, end_of, one
from harness import RawClient, chat, wait_until
from processes import Process, running, write_config

from sluiceway.mock.testing import RunningMock, running_mock

STREAMS = 100


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as provider:
        yield provider


@contextlib.contextmanager
def gateway(mock: RunningMock, folder: Path, server: str) -> Iterator[Process]:
    with running(folder, "serve", "--config", str(write_config(folder, mock.base_url, server))) as process:
        yield process


def under_load(process: Process, mock: RunningMock, model: str, streams: int = STREAMS) -> dict[str, Ends]:
    """Streams; once they run, requests on kept connections, with and without a pause, and on new ones; SIGTERM."""
    ends = {name: Ends() for name in ("streams", "kept", "pausing", "new")}
    before = asked_so_far(mock)

    async def main() -> None:
        json = chat("mock-gpt?tokens=2", stream=False)
        running_streams = asyncio.gather(
            *(one(process.port, chat(model), ends["streams"]) for _ in range(streams))
        )
        while begun(mock, before) < streams:
            await asyncio.sleep(0.02)
        others = asyncio.gather(
            *(again_and_again(process.port, json, ends["kept"], keep=True) for _ in range(4)),
            *(
                again_and_again(process.port, json, ends["pausing"], keep=True, pause_s=0.05)
                for _ in range(20)
            ),
            *(again_and_again(process.port, json, ends["new"], keep=False) for _ in range(8)),
        )
        while not all(ends[name]["ok"] for name in ("kept", "pausing", "new")):
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        process.process.terminate()
        await asyncio.gather(running_streams, others)

    asyncio.run(asyncio.wait_for(main(), 50))
    assert process.process.wait(30) == 0
    return ends


# ── load ────────────────────────────────────────────────────────────────────────────────────────────


def test_under_load_streams_end_well_and_all_else_is_answered_or_refused(
    mock: RunningMock, tmp_path: Path
) -> None:
    with gateway(mock, tmp_path, "drain_s = 20") as process:
        ends = under_load(process, mock, "mock-gpt?tokens=30&tps=10")
        assert ends["streams"] == {"ok": STREAMS}
        for name in ("kept", "pausing", "new"):
            assert ends[name].bad == {}, name
            assert ends[name]["ok"] > 0
        assert ends["pausing"]["told to leave"] > 0
        assert "exception" not in process.errors()


def test_under_load_streams_that_take_too_long_end_in_band(mock: RunningMock, tmp_path: Path) -> None:
    with gateway(mock, tmp_path, "drain_s = 1") as process:
        ends = under_load(process, mock, "fault-stall")
        assert ends["streams"] == {"in-band error": STREAMS}
        for name in ("kept", "pausing", "new"):
            assert ends[name].bad == {}, name


def test_under_load_without_streams_it_is_over_quickly_and_still_nobody_is_cut(
    mock: RunningMock, tmp_path: Path
) -> None:
    with gateway(mock, tmp_path, "drain_s = 20") as process:
        ends = under_load(process, mock, "mock-gpt?tokens=2", streams=1)
        for name in ("streams", "kept", "pausing", "new"):
            assert ends[name].bad == {}, name


def test_connections_that_nobody_accepted_yet_are_answered(mock: RunningMock, tmp_path: Path) -> None:
    """The kernel completes them on its own; closing the port resets those that wait."""
    with gateway(mock, tmp_path, "drain_s = 5") as process:
        ends = Ends()

        async def main() -> None:
            clients = [one(process.port, chat(stream=False), ends) for _ in range(300)]
            tasks = asyncio.gather(*clients)
            await asyncio.sleep(0)
            process.process.terminate()
            await tasks

        asyncio.run(asyncio.wait_for(main(), 50))
        assert ends.bad == {}
        assert process.process.wait(30) == 0


# ── one at a time ───────────────────────────────────────────────────────────────────────────────────


def test_an_idle_connection_is_closed_and_not_reset(mock: RunningMock, tmp_path: Path) -> None:
    with gateway(mock, tmp_path, "drain_s = 5") as process:
        with RawClient(process.port) as never_spoke, RawClient(process.port) as kept:
            kept.post(chat(stream=False))
            assert kept.response()[0] == 200
            process.process.terminate()
            assert never_spoke.socket.recv(1) == b""
            assert kept.socket.recv(1) == b""
            kept.post(chat(stream=False))  # too late: it is thrown away, and the connection still ends well
        assert process.process.wait(30) == 0


def test_the_answer_to_a_request_that_comes_while_draining_tells_the_client_to_leave(
    mock: RunningMock, tmp_path: Path
) -> None:
    with gateway(mock, tmp_path, "drain_s = 10") as process:
        with RawClient(process.port) as streaming, RawClient(process.port) as kept:
            kept.post(chat(stream=False))
            assert "connection" not in kept.response()[1]
            streaming.post(chat("mock-gpt?tokens=40&tps=10"))
            streaming.read_until(b"\n\n")
            process.process.terminate()
            wait_until(lambda: not accepts(process.port))
            kept.post(chat(stream=False))
            status, headers, body = kept.response()
            assert (status, headers["connection"]) == (503, "close")
            assert b'"code":"draining"' in body
            assert kept.socket.recv(1) == b""
            # The stream's head promised to keep the connection, so another request may come behind it.
            assert streaming.read_until(b"0\r\n\r\n").endswith(b"[DONE]\n\n\r\n0\r\n\r\n")
            time.sleep(0.2)
            streaming.post(chat(stream=False))
            status, headers, _body = streaming.response()
            assert (status, headers["connection"]) == (503, "close")
        assert process.process.wait(30) == 0


def test_a_health_check_while_draining_is_told_on_its_kept_connection(
    mock: RunningMock, tmp_path: Path
) -> None:
    with gateway(mock, tmp_path, "drain_s = 10") as process:
        with RawClient(process.port) as streaming, RawClient(process.port) as kept:
            kept.send(b"GET /readyz HTTP/1.1\r\nhost: g\r\n\r\n")
            assert kept.response()[0] == 200
            streaming.post(chat("fault-stall-between"))  # it keeps the process alive
            streaming.read_until(b"\n\n")
            process.process.terminate()
            wait_until(lambda: not accepts(process.port))
            kept.send(b"GET /readyz HTTP/1.1\r\nhost: g\r\n\r\n")
            status, headers, _body = kept.response()
            assert (status, headers["connection"]) == (503, "close")
        assert process.process.wait(30) == 0


@pytest.mark.parametrize("cut_at", [20, 200], ids=["half a head", "half a body"])
def test_a_request_that_was_half_received_is_answered_once_it_is_whole(
    mock: RunningMock, tmp_path: Path, cut_at: int
) -> None:
    with gateway(mock, tmp_path, "drain_s = 10") as process, RawClient(process.port) as client:
        request = request_of(chat(stream=False, text="x" * 200))
        client.send(request[:cut_at])
        time.sleep(0.2)
        process.process.terminate()
        wait_until(lambda: not accepts(process.port))
        time.sleep(0.5)
        client.send(request[cut_at:])
        status, headers, _body = client.response()
        assert status in (200, 503)
        assert headers["connection"] == "close"
        assert client.socket.recv(1) == b""
        assert process.process.wait(30) == 0


@pytest.mark.parametrize("cut_at", [20, 200], ids=["half a head", "half a body"])
def test_a_request_that_is_never_received_is_refused_in_the_end(
    mock: RunningMock, tmp_path: Path, cut_at: int
) -> None:
    with gateway(mock, tmp_path, "drain_s = 1") as process, RawClient(process.port) as client:
        client.send(request_of(chat(stream=False, text="x" * 200))[:cut_at])
        time.sleep(0.2)
        process.process.terminate()
        status, headers, body = client.response()
        assert (status, headers["connection"]) == (503, "close")
        assert b'"code":"draining"' in body
        assert client.socket.recv(1) == b""
        assert process.process.wait(30) == 0


def test_a_client_that_sends_on_after_its_refusal_still_gets_to_read_it(
    mock: RunningMock, tmp_path: Path
) -> None:
    """Bytes that nobody has read when a connection is closed reset it, and take the answer with them."""
    with gateway(mock, tmp_path, "drain_s = 10") as process:
        with RawClient(process.port) as streaming, RawClient(process.port) as kept:
            kept.post(chat(stream=False))
            kept.response()
            streaming.post(chat("fault-stall-between"))  # it keeps the process alive
            streaming.read_until(b"\n\n")
            process.process.terminate()
            wait_until(lambda: not accepts(process.port))
            for _ in range(3):
                kept.post(chat(stream=False))
            time.sleep(0.3)
            assert kept.response()[0] == 503
            assert kept.socket.recv(1) == b""
        assert process.process.wait(30) == 0


def test_a_second_signal_ends_the_streams_in_band_at_once(mock: RunningMock, tmp_path: Path) -> None:
    with gateway(mock, tmp_path, "drain_s = 60") as process, RawClient(process.port) as streaming:
        streaming.post(chat("fault-stall"))
        streaming.read_until(b"\n\n")
        process.process.terminate()
        wait_until(lambda: not accepts(process.port))
        process.process.terminate()
        assert b'"draining"' in streaming.read_until(b"0\r\n\r\n")
        assert process.process.wait(30) == 0


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=30).close()
    except ConnectionRefusedError:
        return False
    return True


def request_of(body: dict[str, object]) -> bytes:
    """As `RawClient.post` sends it."""

    class Paper(RawClient):
        def __init__(self) -> None:
            self.sent = b""

        def send(self, data: bytes) -> None:
            self.sent += data

    paper = Paper()
    paper.post(body)
    return paper.sent


def test_flood_tells_a_reset_from_an_end() -> None:
    """The tests above are only worth what their client notices."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    async def main() -> str:
        async with connected(port) as connection:
            accepted, _ = listener.accept()
            connection.send(chat())
            await asyncio.sleep(0.05)
            accepted.close()  # with bytes unread
            try:
                await connection.answer()
            except (OSError, EOFError) as error:
                return end_of(error)
            return "answered"

    with listener:
        assert asyncio.run(main()) == "reset"
