"""Both sinks, held to the same tests over real sockets: on our own front, and on uvicorn's protocols."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import uvicorn
import uvloop
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from sluiceway.client_transport import client_transport
from sluiceway.front import FrontProtocol
from sluiceway.relay.sinks import NOWHERE, AsgiSink, Sink, TransportSink

Script = Callable[[Sink], Awaitable[None]]
TEXT = [(b"content-type", b"text/plain")]

PROTOCOLS: dict[str, Any] = {"transport": FrontProtocol, "httptools": HttpToolsProtocol, "h11": H11Protocol}
every_kind = pytest.mark.parametrize("kind", list(PROTOCOLS))


class Listener:
    def __init__(self) -> None:
        self.told: list[str] = []

    def client_paused(self) -> None:
        self.told.append("paused")

    def client_resumed(self) -> None:
        self.told.append("resumed")

    def client_gone(self) -> None:
        self.told.append("gone")


class Server:
    """Runs one script per request; `ended` holds what `drained` said, None for nothing."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.ended: list[BaseException | None] = []
        self.sinks: list[Sink] = []


def wait_until(true: Callable[[], bool], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


@contextlib.contextmanager
def serving(kind: str, script: Script) -> Iterator[Server]:
    listening = socket.create_server(("127.0.0.1", 0))
    running = Server(listening.getsockname()[1])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        client = client_transport(scope)
        assert (client is not None) == (kind == "transport")
        sink: Sink = TransportSink(client, scope) if client is not None else AsgiSink(send, receive)
        running.sinks.append(sink)
        await script(sink)
        try:
            await sink.drained()
        except Exception as error:
            running.ended.append(error)
            raise
        running.ended.append(None)

    config = uvicorn.Config(
        app, lifespan="off", ws="none", log_config=None, access_log=False, proxy_headers=False
    )
    config.load()
    state = ServerState()
    loop = uvloop.new_event_loop()
    server = loop.run_until_complete(
        loop.create_server(lambda: PROTOCOLS[kind](config, state, {}, loop), sock=listening)
    )
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        asyncio.run_coroutine_threadsafe(stop(server, state), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


async def stop(server: asyncio.AbstractServer, state: ServerState) -> None:
    server.close()
    for connection in list(state.connections):
        connection.transport.abort()
    for task in list(state.tasks):
        task.cancel()
    await asyncio.gather(*state.tasks, return_exceptions=True)


@contextlib.contextmanager
def asking(server: Server, request: bytes = b"GET / HTTP/1.1\r\nhost: s\r\n\r\n") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(request)
        yield client


def answer(client: socket.socket, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    """One response; raises `http.client.IncompleteRead` if it was cut."""
    response = http.client.HTTPResponse(client, method=method)
    response.begin()
    return response, response.read()


def read_until(client: socket.socket, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received:
        data = client.recv(65536)
        assert data, received
        received += data
    return received


def read_to_end(client: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(65536):
            received += data
    return received


def script(*steps: Callable[[Sink], None]) -> Script:
    async def run(sink: Sink) -> None:
        for step in steps:
            step(sink)

    return run


def start(length: int | None = None, status: int = 200) -> Callable[[Sink], None]:
    return lambda sink: sink.start(status, TEXT, length)


def write(data: bytes) -> Callable[[Sink], None]:
    return lambda sink: sink.write(data)


def end(data: bytes = b"") -> Callable[[Sink], None]:
    return lambda sink: sink.end(data)


# ── whole responses ─────────────────────────────────────────────────────────────────────────────────


@every_kind
def test_a_response_in_one_piece_has_its_length_and_keeps_the_connection(kind: str) -> None:
    respond = script(lambda sink: sink.respond(418, TEXT, b"short and stout"))
    with serving(kind, respond) as server, asking(server) as client:
        for _ in range(2):
            response, body = answer(client)
            assert (response.status, body) == (418, b"short and stout")
            assert response.getheader("content-type") == "text/plain"
            assert response.getheader("content-length") == "15"
            client.sendall(b"GET / HTTP/1.1\r\nhost: s\r\n\r\n")
        answer(client)
        assert server.sinks[0].started
        assert server.sinks[0].bytes_out == 15


@every_kind
@pytest.mark.parametrize(
    ("steps", "body"),
    [
        ([write(b"a"), write(b"bc"), end(b"d")], b"abcd"),
        ([write(b"a"), end()], b"a"),
        ([end(b"all")], b"all"),
        ([end()], b""),
        ([lambda sink: sink.flush(), write(b"a"), lambda sink: sink.flush(), end(b"b")], b"ab"),
        ([write(b"x" * 300_000), end(b"y" * 300_000)], b"x" * 300_000 + b"y" * 300_000),
    ],
    ids=["pieces", "no-last", "only-last", "empty", "flushed", "large"],
)
def test_a_response_of_unknown_length_is_chunked(
    kind: str, steps: list[Callable[[Sink], None]], body: bytes
) -> None:
    with serving(kind, script(start(), *steps)) as server, asking(server) as client:
        for _ in range(2):
            response, received = answer(client)
            assert response.getheader("transfer-encoding") == "chunked"
            assert response.getheader("content-length") is None
            assert received == body
            client.sendall(b"GET / HTTP/1.1\r\nhost: s\r\n\r\n")
        assert server.sinks[0].bytes_out == len(body)


@every_kind
def test_a_response_of_known_length_is_not_chunked(kind: str) -> None:
    steps = script(start(6), write(b"abc"), end(b"def"))
    with serving(kind, steps) as server, asking(server) as client:
        response, body = answer(client)
        assert response.getheader("content-length") == "6"
        assert response.getheader("transfer-encoding") is None
        assert body == b"abcdef"


@every_kind
def test_what_is_written_leaves_at_once(kind: str) -> None:
    go_on = threading.Event()

    async def stepwise(sink: Sink) -> None:
        sink.start(200, TEXT)
        for piece in (b"first", b"second"):
            sink.write(piece)
            await asyncio.to_thread(go_on.wait, 5)
            go_on.clear()
        sink.end()

    with serving(kind, stepwise) as server, asking(server) as client:
        read_until(client, b"first")
        go_on.set()
        read_until(client, b"second")
        go_on.set()
        read_until(client, b"0\r\n\r\n")


@every_kind
def test_flush_sends_the_head_before_there_is_a_body(kind: str) -> None:
    go_on = threading.Event()

    async def flush_first(sink: Sink) -> None:
        sink.start(200, TEXT)
        sink.flush()
        await asyncio.to_thread(go_on.wait, 5)
        sink.end(b"later")

    with serving(kind, flush_first) as server, asking(server) as client:
        assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        go_on.set()
        assert read_until(client, b"0\r\n\r\n").count(b"HTTP/1.1") == 0


@every_kind
@pytest.mark.parametrize("status", [204, 304])
def test_a_status_that_has_no_body_is_sent_without_framing(kind: str, status: int) -> None:
    with serving(kind, script(start(None, status), end())) as server, asking(server) as client:
        response, body = answer(client)
        assert (response.status, body) == (status, b"")
        assert response.getheader("transfer-encoding") is None
        client.sendall(b"GET / HTTP/1.1\r\nhost: s\r\n\r\n")
        assert answer(client)[0].status == status


@every_kind
def test_head_is_answered_with_the_headers_alone(kind: str) -> None:
    with (
        serving(kind, script(start(1000), end())) as server,
        asking(server, b"HEAD / HTTP/1.1\r\nhost: s\r\n\r\n") as client,
    ):
        response, body = answer(client, "HEAD")
        assert response.getheader("content-length") == "1000"
        assert body == b""
        client.sendall(b"HEAD / HTTP/1.1\r\nhost: s\r\n\r\n")
        assert answer(client, "HEAD")[0].status == 200


@every_kind
def test_the_client_is_told_that_its_connection_ends_where_it_asked_for_that(kind: str) -> None:
    request = b"GET / HTTP/1.1\r\nhost: s\r\nconnection: close\r\n\r\n"
    with serving(kind, script(start(), end(b"x"))) as server, asking(server, request) as client:
        response, body = answer(client)
        assert response.getheader("connection") == "close"
        assert body == b"x"
        assert client.recv(1) == b""


@pytest.mark.parametrize("length", [None, 3])
def test_http_1_0_gets_a_body_that_ends_with_the_connection(length: int | None) -> None:
    steps = script(start(length), write(b"ab"), end(b"c"))
    with (
        serving("transport", steps) as server,
        asking(server, b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n") as client,
    ):
        received = read_to_end(client)
        assert received.endswith(b"\r\n\r\nabc")
        assert b"transfer-encoding" not in received
        assert b"connection: close" in received


def test_a_status_that_nobody_defined_is_sent_without_a_phrase() -> None:
    """RFC 9112 section 4: the reason phrase may be empty, the space before it not."""
    with serving("transport", script(start(2, 599), end(b"no"))) as server, asking(server) as client:
        assert read_until(client, b"no").startswith(b"HTTP/1.1 599 \r\n")


def test_the_head_and_the_first_bytes_leave_in_one_write() -> None:
    steps = script(start(), write(b"first"), write(b"second"), end())
    with serving("transport", steps) as server, asking(server) as client:
        assert client.recv(65536).partition(b"\r\n\r\n")[2].startswith(b"5\r\nfirst\r\n")


# ── responses that can't be completed ───────────────────────────────────────────────────────────────


@every_kind
@pytest.mark.parametrize("length", [None, 100])
def test_abort_leaves_the_client_in_no_doubt(kind: str, length: int | None) -> None:
    async def half(sink: Sink) -> None:
        sink.start(200, TEXT, length)
        sink.write(b"half")
        await asyncio.sleep(0.05)
        sink.abort()

    with serving(kind, half) as server, asking(server) as client:
        received = read_to_end(client)
        assert b"half" in received
        assert not received.endswith(b"0\r\n\r\n")
        wait_until(lambda: len(server.ended) == 1)


@every_kind
@pytest.mark.parametrize("extra", [-1, 1])
def test_a_body_that_breaks_its_promised_length_cuts_the_connection(kind: str, extra: int) -> None:
    steps = script(start(10), write(b"x" * 5), end(b"y" * (5 + extra)))
    with serving(kind, steps) as server, asking(server) as client:
        read_to_end(client)  # an end comes: the connection is not used for the next request
        wait_until(lambda: len(server.ended) == 1)


@every_kind
def test_abort_gives_up_on_a_client_that_does_not_read(kind: str) -> None:
    async def too_much(sink: Sink) -> None:
        listener = Listener()
        sink.listen(listener)
        sink.start(200, TEXT)
        sink.write(b"x" * 20_000_000)
        sink.write(b"y")
        while listener.told != ["paused"]:
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.05)
        sink.abort()

    with serving(kind, too_much) as server, asking(server) as client:
        wait_until(lambda: len(server.ended) == 1)
        assert not read_to_end(client).endswith(b"0\r\n\r\n")


def test_our_own_server_does_not_complain_of_an_abort(caplog: pytest.LogCaptureFixture) -> None:
    async def half(sink: Sink) -> None:
        sink.start(200, TEXT)
        sink.write(b"half")
        sink.abort()
        await asyncio.sleep(0)  # a request is over one turn of the loop after its answer

    with caplog.at_level(logging.ERROR), serving("transport", half) as server, asking(server) as client:
        read_to_end(client)
        wait_until(lambda: len(server.ended) == 1)
        time.sleep(0.05)
    assert caplog.records == []


# ── the client's side ───────────────────────────────────────────────────────────────────────────────


def until_gone(listener: Listener) -> Script:
    """Begins a response, then waits for the client to leave."""

    async def run(sink: Sink) -> None:
        sink.listen(listener)
        sink.watch()
        sink.start(200, TEXT)
        sink.write(b"first")
        while "gone" not in listener.told:
            await asyncio.sleep(0.005)

    return run


@every_kind
def test_the_listener_hears_at_once_that_the_client_left(kind: str) -> None:
    listener = Listener()
    with serving(kind, until_gone(listener)) as server:
        with asking(server) as client:
            read_until(client, b"first")
        wait_until(lambda: listener.told == ["gone"])


@every_kind
def test_a_client_that_left_is_nobodys_error(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    listener = Listener()
    with caplog.at_level(logging.ERROR), serving(kind, until_gone(listener)) as server:
        with asking(server) as client:
            read_until(client, b"first")
        wait_until(lambda: len(server.ended) == 1)
        assert server.ended == [None]
        time.sleep(0.05)
    assert caplog.records == []


@every_kind
def test_a_listener_that_comes_too_late_is_told_at_once(kind: str) -> None:
    first, second = Listener(), Listener()

    async def late(sink: Sink) -> None:
        await until_gone(first)(sink)
        sink.listen(second)

    with serving(kind, late) as server:
        with asking(server) as client:
            read_until(client, b"first")
        wait_until(lambda: len(server.ended) == 1)
    assert second.told == ["gone"]


@every_kind
def test_a_slow_client_is_waited_for_and_loses_nothing(kind: str) -> None:
    listener = Listener()
    piece = bytes(range(256)) * 400

    async def patient(sink: Sink) -> None:
        sink.listen(listener)
        sink.watch()
        sink.start(200, TEXT)
        for _ in range(200):
            while listener.told and listener.told[-1] == "paused":
                await asyncio.sleep(0.001)
            sink.write(piece)
            await asyncio.sleep(0)
        sink.end(b"end")

    with serving(kind, patient) as server, asking(server) as client:
        wait_until(lambda: bool(listener.told))
        written = -1
        while written != server.sinks[0].bytes_out:  # the sockets' own buffers fill first
            written = server.sinks[0].bytes_out
            time.sleep(0.1)
        assert written < 200 * len(piece)
        response, body = answer(client)
        assert body == piece * 200 + b"end"
        assert response.status == 200
        assert listener.told[::2] == ["paused"] * len(listener.told[::2])
        assert listener.told[1::2] == ["resumed"] * (len(listener.told) // 2)
        wait_until(lambda: server.ended == [None])


@every_kind
def test_nobody_is_told_anything_once_the_listener_is_taken_away(kind: str) -> None:
    listener = Listener()

    async def stop_listening(sink: Sink) -> None:
        sink.listen(listener)
        sink.watch()
        sink.start(200, TEXT)
        sink.end(b"all")
        sink.listen(None)

    with serving(kind, stop_listening) as server:
        with asking(server) as client:
            answer(client)
        wait_until(lambda: server.ended == [None])
        time.sleep(0.05)
    assert listener.told == []


# ── nowhere ─────────────────────────────────────────────────────────────────────────────────────────


def test_nowhere_takes_whatever_it_is_given() -> None:
    NOWHERE.listen(Listener())
    NOWHERE.watch()
    NOWHERE.start(200, TEXT)
    NOWHERE.write(b"data")
    NOWHERE.flush()
    NOWHERE.end(b"end")
    NOWHERE.respond(500, TEXT, b"body")
    NOWHERE.abort()
    asyncio.run(NOWHERE.drained())
    assert NOWHERE.started
    assert NOWHERE.bytes_out == 0
