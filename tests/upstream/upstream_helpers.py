"""Upstreams that follow a script, byte by byte, on loopback; a handler that writes down what it is told; proxies."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any

import uvloop

from sluiceway.errors import UpstreamError
from sluiceway.upstream.connection import ResponseHead, UpstreamConnection
from sluiceway.upstream.dial import Target
from sluiceway.upstream.pool import Pool

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

GET = b"GET / HTTP/1.1\r\nhost: upstream\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

# uvloop is what production runs on; asyncio's own loop is what Windows has, and its order of calls differs.
LOOPS: dict[str, Callable[[Coroutine[Any, Any, None]], None]] = {"uvloop": uvloop.run, "asyncio": asyncio.run}


async def soon(true: Callable[[], bool], within_s: float = 30.0) -> None:
    """Wait until it is true."""
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.001)


class Recorder:
    """A handler. `log`: what it was told, bodies joined. `on`: called at each call's name, to act from within."""

    def __init__(self, on: dict[str, Callable[[], object]] | None = None) -> None:
        self.log: list[str] = []
        self.head: ResponseHead | None = None
        self.body = bytearray()
        self.pieces: list[int] = []
        self.error: UpstreamError | None = None
        self._on = on or {}
        self._over = asyncio.Event()

    def on_head(self, head: ResponseHead) -> None:
        assert self.log == []
        self.head = head
        self._did("head")

    def on_body(self, data: bytes) -> None:
        assert data
        assert self.head is not None
        self.body += data
        self.pieces.append(len(data))
        self._did("body")

    def on_end(self) -> None:
        self._over.set()
        self._did("end")

    def on_broken(self, error: UpstreamError) -> None:
        self.error = error
        self._over.set()
        self._did("broken")

    def _did(self, what: str) -> None:
        assert self.log[-1:] not in (["end"], ["broken"]), f"{what} after {self.log[-1]}"
        if self.log[-1:] != [what]:
            self.log.append(what)
        if what in self._on:
            self._on[what]()

    async def over(self) -> Recorder:
        async with asyncio.timeout(5):
            await self._over.wait()
        return self


@contextlib.asynccontextmanager
async def serving(
    script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", sndbuf: int = 0
) -> AsyncIterator[int]:
    """Run `script` for each connection; yields the port. Its connections end with it."""
    tasks: set[asyncio.Task[None]] = set()
    failures: list[Exception] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        except Exception as error:
            failures.append(error)
        finally:
            tasks.discard(task)
            writer.transport.abort()

    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sndbuf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
    sock.bind((host, 0))
    server = await asyncio.start_server(serve, sock=sock, ssl=tls)
    try:
        yield sock.getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.sleep(0.01)
        if failures:
            raise failures[0]


def replying(*replies: bytes, close: bool = False) -> Script:
    """Answer each request (heads only, no bodies) with the next reply, then wait, or close."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(reply)
            await writer.drain()
        if close:
            writer.close()
            await writer.wait_closed()
        await reader.read()

    return script


def local(port: int, host: str = "127.0.0.1", scheme: str = "http", proxy: str = "") -> Target:
    return Target(scheme, host, port, proxy)


@contextlib.asynccontextmanager
async def connected(script: Script, **serve: Any) -> AsyncIterator[tuple[Pool, UpstreamConnection]]:
    """A pool and a fresh connection of it to an upstream that follows the script."""
    async with serving(script, **serve) as port:
        pool = Pool()
        try:
            yield pool, await pool.connect(local(port), 5)
        finally:
            await pool.close()


def ask(connection: UpstreamConnection, on: dict[str, Callable[[], object]] | None = None) -> Recorder:
    """Send a request; its handler."""
    recorder = Recorder(on)
    connection.send(GET, b"", recorder)
    return recorder


async def answer_to_get(script: Script) -> Recorder:
    """The outcome of one GET on a fresh connection."""
    async with connected(script) as (_, connection):
        return await ask(connection).over()


# ── proxies ─────────────────────────────────────────────────────────────────────────────────────────


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


async def _splice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)  # where all test upstreams are
    try:
        await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer))
    finally:
        up_writer.transport.abort()


class ConnectProxy:
    """HTTP CONNECT. `asked`: the request lines. Its reply is cut into pieces, some milliseconds apart."""

    def __init__(self, auth: str = "", reply: bytes = b"HTTP/1.1 200 OK\r\nvia: test\r\n\r\n") -> None:
        self.asked: list[str] = []
        self._auth = b"proxy-authorization: basic " + base64.b64encode(auth.encode()) if auth else b""
        self._reply = reply

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line = head.split(b"\r\n")[0].decode()
        self.asked.append(line)
        if self._auth.lower() not in head.lower():
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 2\r\n\r\nno")
            await writer.drain()
            return
        for start in range(0, len(self._reply), 12):
            writer.write(self._reply[start : start + 12])
            await asyncio.sleep(0.002)
        if b" 200 " not in self._reply:
            return
        await _splice(reader, writer, int(line.split(" ")[1].rpartition(":")[2]))


class SocksProxy:
    """SOCKS5 (RFC 1928, RFC 1929). `asked`: (address type, host) of each request."""

    def __init__(self, auth: str = "", reply: int = 0) -> None:
        self.asked: list[tuple[int, str]] = []
        self._auth = auth
        self._reply = reply

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        wanted = 2 if self._auth else 0
        if wanted not in methods:
            writer.write(b"\x05\xff")
            return
        writer.write(bytes([5, wanted]))
        if self._auth:
            await reader.readexactly(1)
            user = await reader.readexactly((await reader.readexactly(1))[0])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            right = user + b":" + password == self._auth.encode()
            writer.write(bytes([1, 0 if right else 1]))
            if not right:
                await writer.drain()
                return
        _version, _command, _reserved, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            raw = await reader.readexactly(4 if kind == 1 else 16)
            host = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, raw)
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.asked.append((kind, host))
        reply = bytes([5, self._reply, 0, 1, 127, 0, 0, 1, 0, 0])
        if self._reply:
            writer.write(reply)
            await writer.drain()
            return
        for byte in reply:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.001)
        await _splice(reader, writer, port)


# ── names ───────────────────────────────────────────────────────────────────────────────────────────

Names = dict[str, list[str] | Exception | None]


def run_with_names(loop: str, names: Names, scenario: Coroutine[Any, Any, None]) -> None:
    """Run with a resolver of its own: addresses in that order, an error, or (None) no answer ever."""
    base: Any = {"uvloop": uvloop.Loop, "asyncio": asyncio.SelectorEventLoop}[loop]

    async def getaddrinfo(self: Any, host: str, port: int, **options: Any) -> Any:
        found = names.get(host, [host])
        if found is None:
            await asyncio.sleep(3600)
        if isinstance(found, Exception):
            raise found
        infos = []
        for address in found or []:
            infos += await base.getaddrinfo(self, address, port, **options)
        return infos

    factory = type("Resolving", (base,), {"getaddrinfo": getaddrinfo})
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(scenario)


@contextlib.contextmanager
def black_hole(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port that answers no SYN: its backlog is full."""
    with contextlib.ExitStack() as stack:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = stack.enter_context(socket.socket(family))
        listener.bind((host, port))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(4):
            filler = stack.enter_context(socket.socket(family))
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(address)
        yield address[1]
