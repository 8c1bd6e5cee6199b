"""The front over raw sockets, with ASGI applications of a few lines behind it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from sluiceway import front as front_module
from sluiceway.client_transport import ClientTransport, client_transport
from sluiceway.front import FrontProtocol, Limits

App = Callable[[Any, Any, Any], Awaitable[None]]


def wait_until(true: Callable[[], bool], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


@contextlib.contextmanager
def fronting(app: App, **limits: Any) -> Iterator[int]:
    """The port of a front with this application, on a loop of its own: up and down in milliseconds."""

    class Front(FrontProtocol):
        pass

    Front.limits = Limits(**limits)
    config = uvicorn.Config(
        app, lifespan="off", ws="none", log_config=None, access_log=False, proxy_headers=False
    )
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"today")]
    loop = uvloop.new_event_loop()
    listener = socket.create_server(("127.0.0.1", 0))
    server = loop.run_until_complete(
        loop.create_server(lambda: Front(config, state, {}, loop), sock=listener)
    )
    port: int = listener.getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(stop(server, state), loop).result(30)
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


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def read_to_end(client: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(65536):
            received += data
    return received


def read_until(client: socket.socket, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received:
        data = client.recv(65536)
        assert data, received
        received += data
    return received


def talk(port: int, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """Send the pieces, then read to the end of the connection."""
    with connect(port) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may have heard enough
            for piece in pieces:
                client.sendall(piece)
                time.sleep(pause_s)
        return read_to_end(client)


def statuses(received: bytes) -> list[int]:
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


def error_of(received: bytes) -> dict[str, Any]:
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head
    assert b"connection: close" in head
    error = msgspec.json.decode(body)["error"]
    assert isinstance(error, dict)
    assert set(error) == {"message", "type", "param", "code"}
    return error


async def read_body(receive: Any) -> bytes:
    body = b""
    while True:
        message: dict[str, Any] = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        body += bytes(message["body"])
        if not message["more_body"]:
            return body


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers `METHOD PATH BODY` by ordinary ASGI."""
    body = await read_body(receive)
    answer = f"<{scope['method']} {scope['path']} ".encode() + body + b">"
    headers = [(b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def direct_echo(scope: Any, receive: Any, _send: Any) -> None:
    """The same, written straight to the transport."""
    body = await read_body(receive)
    link = link_of(scope)
    answer = f"<{scope['method']} {scope['path']} ".encode() + body + b">"
    link.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(answer), answer))
    link.complete()


async def refuse_unread(_scope: Any, _receive: Any, send: Any) -> None:
    """Answers without a look at the body."""
    await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"no"})


async def direct_refuse_unread(scope: Any, _receive: Any, _send: Any) -> None:
    link = link_of(scope)
    assert not link.keep_alive
    link.transport.write(b"HTTP/1.1 413 No\r\ncontent-length: 2\r\n\r\nno")
    link.complete()


def link_of(scope: Any) -> ClientTransport:
    link = client_transport(scope)
    assert link is not None
    return link


GET = b"GET /a HTTP/1.1\r\nhost: f\r\n\r\n"
LAST_GET = b"GET /last HTTP/1.1\r\nhost: f\r\nconnection: close\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nhost: f\r\ncontent-length: 5\r\n\r\nhello"

both_ways = pytest.mark.parametrize("app", [echo, direct_echo], ids=["asgi", "direct"])


# ── requests on one connection ──────────────────────────────────────────────────────────────────────


@both_ways
def test_a_connection_is_kept_for_the_next_request(app: App) -> None:
    with fronting(app) as port, connect(port) as client:
        for _ in range(3):
            client.sendall(POST)
            assert read_until(client, b">").endswith(b"<POST /p hello>")
        client.sendall(LAST_GET)
        assert read_to_end(client).endswith(b"<GET /last >")


@both_ways
def test_pipelined_requests_are_answered_in_order_each_with_its_own_body(app: App) -> None:
    with fronting(app) as port:
        received = talk(port, POST + GET + POST.replace(b"hello", b"again") + LAST_GET)
    assert statuses(received) == [200] * 4
    wanted = [b"<POST /p hello>", b"<GET /a >", b"<POST /p again>", b"<GET /last >"]
    assert [received.count(answer) for answer in wanted] == [1] * 4
    assert sorted(wanted, key=received.index) == wanted


@both_ways
def test_a_request_may_come_byte_by_byte(app: App) -> None:
    with fronting(app) as port, connect(port) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in POST:
            client.sendall(bytes([byte]))
        assert read_until(client, b">").endswith(b"<POST /p hello>")


@both_ways
def test_a_chunked_body_is_read_to_its_end(app: App) -> None:
    chunked = b"POST /c HTTP/1.1\r\nhost: f\r\ntransfer-encoding: chunked\r\n\r\n"
    with fronting(app) as port:
        received = talk(port, chunked + b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n" + LAST_GET)
    assert b"<POST /c abcde>" in received
    assert received.endswith(b"<GET /last >")


def test_trailer_fields_are_not_taken_for_headers() -> None:
    """RFC 9110 section 6.5.1: a recipient must not merge them into the header section."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await echo(scope, receive, send)
        seen.extend(name for name, _ in scope["headers"])

    request = b"POST /t HTTP/1.1\r\nhost: f\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    with fronting(app) as port:
        talk(port, request + b"1\r\na\r\n0\r\nauthorization: Bearer late\r\n\r\n")
    assert b"authorization" not in seen


@both_ways
def test_http_1_0_ends_the_connection_with_the_response(app: App) -> None:
    with fronting(app) as port:
        assert talk(port, b"GET /old HTTP/1.0\r\n\r\n").endswith(b"<GET /old >")


def test_head_gets_a_head() -> None:
    with fronting(echo) as port:
        received = talk(port, LAST_GET.replace(b"GET", b"HEAD", 1))
    assert b"content-length: 13" in received
    assert received.endswith(b"\r\n\r\n")


def test_expect_100_continue_is_answered_before_the_body_is_read_and_only_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(front_module, "LINGER_S", 0.05)
    head = POST.removesuffix(b"hello").replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n")
    with fronting(echo) as port, connect(port) as client:
        client.sendall(head)
        assert read_until(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello")
        assert b"<POST /p hello>" in read_until(client, b">")
    with fronting(direct_refuse_unread) as port:
        assert statuses(talk(port, head)) == [413]


def wishing(upgrade: bytes, request: bytes) -> bytes:
    return request.replace(b"\r\n\r\n", b"\r\nconnection: upgrade\r\nupgrade: " + upgrade + b"\r\n\r\n")


@both_ways
@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket"])
def test_a_wish_to_upgrade_is_answered_as_if_it_had_not_been_made(app: App, upgrade: bytes) -> None:
    """RFC 9110 section 7.8."""
    with fronting(app) as port, connect(port) as client:
        client.sendall(wishing(upgrade, GET))
        assert read_until(client, b">").endswith(b"<GET /a >")
        client.sendall(LAST_GET)
        assert read_to_end(client).endswith(b"<GET /last >")


@both_ways
@pytest.mark.parametrize("pieces", ["together", "apart"])
def test_a_wish_to_upgrade_does_not_cost_the_body(app: App, pieces: str) -> None:
    """Java's HttpClient asks for h2c with its first request, and so does curl --http2, body and all."""
    request = wishing(b"h2c", POST)
    with fronting(app) as port, connect(port) as client:
        client.sendall(request[:-5])
        if pieces == "apart":
            time.sleep(0.05)
        client.sendall(request[-5:])
        assert read_until(client, b">").endswith(b"<POST /p hello>")
        client.sendall(LAST_GET)
        assert read_to_end(client).endswith(b"<GET /last >")


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("pieces", [1, 4])
@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nhost: f\r\nx-big: " + b"b" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: f\r\n" + b"x-many: value\r\n" * 400 + b"\r\n",
        b"GET /" + b"u" * 5000 + b" HTTP/1.1\r\nhost: f\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: f\r\nx-endless: " + b"e" * 5000,
        b"GET / HTTP/1.1\r\n" + b"n" * 5000,
        b"M" * 5000,
    ],
    ids=["one-header", "many-headers", "long-url", "endless-value", "endless-name", "endless-method"],
)
def test_a_head_over_the_limit_is_refused(head: bytes, pieces: int) -> None:
    with fronting(echo, max_head_bytes=4096) as port:
        size = -(-len(head) // pieces)
        received = talk(port, *(head[at : at + size] for at in range(0, len(head), size)), pause_s=0.02)
        status = statuses(received)
        assert status in ([431], [400])
        assert status == [431] or head.startswith(b"M")
        assert error_of(received)["code"] == "invalid_request"
        assert talk(port, LAST_GET).endswith(b"<GET /last >")


def test_a_head_below_the_limit_passes_whatever_comes_with_it() -> None:
    head = b"POST / HTTP/1.1\r\nhost: f\r\nx-big: " + b"b" * 3500 + b"\r\nconnection: close\r\n"
    head += b"content-length: 60000\r\n\r\n"
    with fronting(echo, max_head_bytes=4096) as port:
        assert statuses(talk(port, head + b"x" * 60000)) == [200]
        assert statuses(talk(port, head, b"x" * 60000, pause_s=0.05)) == [200]


def test_each_head_on_a_connection_has_the_limit_for_itself() -> None:
    request = GET.replace(b"\r\n\r\n", b"\r\nx-big: " + b"b" * 3000 + b"\r\n\r\n")
    with fronting(echo, max_head_bytes=4096) as port:
        assert statuses(talk(port, *[request] * 5, LAST_GET, pause_s=0.02)) == [200] * 6


def test_trailers_have_a_limit_too() -> None:
    head = b"POST /t HTTP/1.1\r\nhost: f\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    with fronting(echo, max_head_bytes=4096) as port, connect(port) as client:
        client.sendall(head + b"1\r\na\r\n0\r\n")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(200):
                client.sendall(b"x-trailer: " + b"t" * 1000 + b"\r\n")
                time.sleep(0.001)
            client.sendall(b"\r\n")
        assert b"<POST" not in read_to_end(client)


@pytest.mark.parametrize("head", [b"G", GET[:-2]], ids=["first-byte", "all-but-the-last-line"])
def test_a_head_that_does_not_come_is_refused(head: bytes) -> None:
    with fronting(echo, head_timeout_s=0.5) as port:
        received = talk(port, head)
        assert statuses(received) == [408]
        assert error_of(received)["type"] == "invalid_request_error"


def test_a_head_that_drips_gains_no_time_by_it() -> None:
    with fronting(echo, head_timeout_s=0.3) as port, connect(port) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(100):
                client.sendall(b"G" if not _ else b"E")
                time.sleep(0.02)
        assert b" 200 " not in read_to_end(client)


def test_the_second_head_on_a_connection_has_a_clock_too() -> None:
    with fronting(echo, head_timeout_s=0.5) as port:
        assert statuses(talk(port, GET + GET[:10])) == [200, 408]


def test_a_client_that_says_nothing_is_hung_up_on_without_a_word() -> None:
    with fronting(echo, head_timeout_s=0.15) as port:
        assert talk(port) == b""


def test_an_idle_kept_connection_has_no_clock_for_its_next_head() -> None:
    with fronting(echo, head_timeout_s=0.5) as port, connect(port) as client:
        client.sendall(GET)
        read_until(client, b">")
        time.sleep(0.8)
        client.sendall(LAST_GET)
        assert read_to_end(client).endswith(b"<GET /last >")


def test_a_body_that_stalls_is_refused() -> None:
    with fronting(echo, body_timeout_s=0.15) as port:
        received = talk(port, POST[:-1])
        assert statuses(received) == [408]
        assert error_of(received)["code"] == "invalid_request"


def test_a_slow_but_steady_body_is_never_cut() -> None:
    request = POST.removesuffix(b"hello")
    with fronting(echo, body_timeout_s=1.2) as port, connect(port) as client:
        client.sendall(request)
        for byte in b"hello":
            time.sleep(0.3)
            client.sendall(bytes([byte]))
        assert read_until(client, b">").endswith(b"<POST /p hello>")


def test_a_body_that_waits_for_a_slow_application_is_not_the_clients_fault() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.9)
        await echo(scope, receive, send)

    body = b"x" * 300_000
    request = b"POST /p HTTP/1.1\r\nhost: f\r\nconnection: close\r\ncontent-length: 300000\r\n\r\n"
    with fronting(slow, body_timeout_s=0.5) as port:
        assert statuses(talk(port, request + body)) == [200]


# ── what can't be read ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 32,  # a TLS hello on a plain port
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon here\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: f\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: f\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: f\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nhost: f\r\ncontent-length: +5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nhost: f\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nhost: f\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nhost: f\r\n\r\n",
    ],
    ids=[
        "tls", "words", "no-colon", "not-ascii", "both-lengths", "two-lengths", "signed-length", "bad-chunk",
        "chunked-not-last", "connect",
    ],
)  # fmt: skip
def test_what_is_not_http_is_refused_in_json(garbage: bytes) -> None:
    with fronting(echo) as port:
        received = talk(port, garbage)
        assert statuses(received) == [400]
        error = error_of(received)
        assert error["type"] == "invalid_request_error"
        assert error["code"] == "invalid_request"
        assert talk(port, LAST_GET).endswith(b"<GET /last >")


def test_garbage_behind_a_running_response_does_not_speak_into_it() -> None:
    async def stream(scope: Any, receive: Any, _send: Any) -> None:
        await read_body(receive)
        link = link_of(scope)
        link.begin()
        link.transport.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await asyncio.sleep(0.6)
        if not link.transport.is_closing():
            link.transport.write(b"0\r\n\r\n")
            link.complete()

    with fronting(stream) as port, connect(port) as client:
        client.sendall(GET)
        received = read_until(client, b"first\r\n")
        client.sendall(b"\x00garbage\r\n\r\n")
        received += read_to_end(client)
    assert statuses(received) == [200]


def test_a_body_that_stalls_behind_a_running_response_does_not_speak_into_it() -> None:
    async def early(scope: Any, _receive: Any, _send: Any) -> None:
        link = link_of(scope)
        link.begin()
        link.transport.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await asyncio.sleep(0.4)
        if not link.transport.is_closing():
            link.transport.write(b"0\r\n\r\n")
            link.complete()

    with fronting(early, body_timeout_s=0.1) as port:
        assert statuses(talk(port, POST[:-1])) == [200]


# ── the end of a response ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("app", [refuse_unread, direct_refuse_unread], ids=["asgi", "direct"])
def test_a_client_that_sends_on_after_an_early_response_still_gets_it(app: App) -> None:
    """Closing at once would make the kernel reset the connection: RFC 9112 section 9.6."""
    head = b"POST /p HTTP/1.1\r\nhost: f\r\ncontent-length: 8000000\r\n\r\n"
    with fronting(app) as port, connect(port) as client:
        client.sendall(head)
        time.sleep(0.1)  # the response is under way before the body begins
        client.sendall(b"x" * 8_000_000)
        assert statuses(read_until(client, b"no")) == [413]


def test_a_connection_is_closed_once_the_rest_of_an_unread_body_has_come() -> None:
    with fronting(direct_refuse_unread) as port, connect(port) as client:
        client.sendall(POST[:-1])
        received = read_until(client, b"no")
        client.sendall(b"o")
        assert statuses(received + read_to_end(client)) == [413]


def test_an_unread_body_is_read_only_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_module, "LINGER_S", 0.2)
    with fronting(direct_refuse_unread) as port:
        assert statuses(talk(port, POST[:-1])) == [413]


def test_a_body_that_stalls_behind_a_whole_response_gets_no_second_one() -> None:
    with fronting(direct_refuse_unread, body_timeout_s=0.1) as port:
        assert statuses(talk(port, POST[:-1])) == [413]


def test_complete_can_end_the_connection() -> None:
    async def app(scope: Any, receive: Any, _send: Any) -> None:
        await read_body(receive)
        link = link_of(scope)
        assert link.keep_alive
        link.transport.write(b"HTTP/1.1 200 OK\r\n\r\nall")
        link.complete(keep_alive=False)

    with fronting(app) as port:
        assert talk(port, GET).endswith(b"all")


def test_abort_resets_nothing_but_ends_everything(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, _send: Any) -> None:
        await read_body(receive)
        link = link_of(scope)
        link.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        link.abort()

    with caplog.at_level(logging.ERROR), fronting(app) as port:
        received = talk(port, GET)
    assert not received.endswith(b"\r\n0\r\n\r\n")
    assert len(received.partition(b"\r\n\r\n")[2]) < 100


def test_default_headers_are_there_for_who_writes_the_head() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(link_of(scope).default_headers)
        await echo(scope, receive, send)

    with fronting(app) as port:
        talk(port, LAST_GET)
    assert [name for name, _ in seen] == [b"date"]


# ── the listener ────────────────────────────────────────────────────────────────────────────────────


class Listener:
    def __init__(self) -> None:
        self.told: list[str] = []

    def client_paused(self) -> None:
        self.told.append("paused")

    def client_resumed(self) -> None:
        self.told.append("resumed")

    def client_gone(self) -> None:
        self.told.append("gone")


def listening(listener: Listener, size: int) -> App:
    """An application that writes so many bytes at once and never completes."""

    async def app(scope: Any, receive: Any, _send: Any) -> None:
        await read_body(receive)
        link = link_of(scope)
        link.listen(listener)
        link.transport.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * size)
        while "gone" not in listener.told:
            await asyncio.sleep(0.005)

    return app


def test_the_listener_is_told_when_the_client_leaves() -> None:
    listener = Listener()
    with fronting(listening(listener, 1)) as port:
        with connect(port) as client:
            client.sendall(GET)
            read_until(client, b"x")
        wait_until(lambda: listener.told == ["gone"])


def test_the_listener_is_told_of_a_client_that_reads_slowly() -> None:
    listener = Listener()
    with fronting(listening(listener, 20_000_000)) as port, connect(port) as client:
        client.sendall(GET)
        wait_until(lambda: listener.told == ["paused"])
        left = 20_000_000
        while left > 0:
            left -= len(client.recv(1 << 20))
        wait_until(lambda: listener.told == ["paused", "resumed"])


@pytest.mark.parametrize("pipelined", [False, True])
def test_a_listener_hears_nothing_of_later_requests(pipelined: bool) -> None:
    listener = Listener()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/a":
            link_of(scope).listen(listener)
            await direct_echo(scope, receive, send)
        else:
            await echo(scope, receive, send)

    with fronting(app) as port, connect(port) as client:
        client.sendall(GET)
        if not pipelined:
            read_until(client, b">")
        client.sendall(LAST_GET)
        read_to_end(client)
    assert listener.told == []


def test_under_another_server_there_is_no_transport() -> None:
    assert client_transport({"type": "http"}) is None
    assert client_transport({"type": "http", "extensions": {"http.response.trailers": {}}}) is None
