"""The probing client, against servers that answer as no library would."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trustme

from sluiceway.doctor.asking import Target, large, nothing
from sluiceway.doctor.client import Line
from sluiceway.doctor.seen import Seen, Unreachable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve, trust: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server that reads one head and then does `serve`, and closes."""

    running: list[asyncio.Task[None]] = []

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            await reader.readuntil(b"\r\n\r\n")
            await serve(reader, writer)
        writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.append(asyncio.create_task(served(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=trust)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*running)


def saying(*pieces: bytes, pause_s: float = 0.05) -> Serve:
    """These bytes, with a pause between two."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, piece in enumerate(pieces):
            await asyncio.sleep(pause_s if number else 0)
            writer.write(piece)
            await writer.drain()

    return serve


async def asked(serve: Serve, patience_s: float = 5.0) -> Seen:
    async with serving(serve) as port:
        line = await Line.open(Target("http", "127.0.0.1", port, "/v1"), "", ssl.create_default_context())
        try:
            return await line.ask(nothing(), patience_s)
        finally:
            await line.close()


def test_every_read_has_its_time_and_chunks_are_undone() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = (b"3\r\none\r\n", b"3\r\ntwo\r\n1\r\n!\r\n", b"0\r\n\r\n")
    seen = asyncio.run(asked(saying(head, *chunks, pause_s=0.3)))
    assert (seen.status, seen.version, seen.end, seen.keeps) == (200, "1.1", "whole", True)
    assert [piece.data for piece in seen.pieces] == [b"one", b"two!"]
    moments = [seen.head_s, *(piece.at_s for piece in seen.pieces), seen.end_s]
    assert moments == sorted(moments)
    assert seen.pieces[1].at_s - seen.pieces[0].at_s > 0.02


def test_what_comes_before_the_response_is_passed_over() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    seen = asyncio.run(asked(saying(early, b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}")))
    assert (seen.status, seen.headers, seen.body) == (400, (("content-length", "2"),), b"{}")


def test_without_a_length_the_end_of_the_connection_is_the_end() -> None:
    seen = asyncio.run(asked(saying(b"HTTP/1.0 200 OK\r\n\r\nall")))
    assert (seen.version, seen.end, seen.body, seen.keeps) == ("1.0", "whole", b"all", False)


@pytest.mark.parametrize(
    ("said", "end"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "closed"),
        (b"", "closed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "garbage"),
    ],
)
def test_an_answer_that_breaks_off_is_told_from_a_whole_one(said: bytes, end: str) -> None:
    seen = asyncio.run(asked(saying(said)))
    assert (seen.end, seen.keeps) == (end, False)


def test_a_reset_is_told_from_a_close() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    assert asyncio.run(asked(serve)).end == "reset"


def test_patience_ends() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
        await reader.read()  # until the client leaves

    seen = asyncio.run(asked(serve, patience_s=1.0))
    assert (seen.end, seen.body) == ("waited", b"x")
    assert seen.last_byte_s < 1.0 <= seen.end_s


def test_an_answer_that_comes_before_the_request_is_whole_is_read() -> None:
    async def refused() -> Seen:
        said = saying(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        async with serving(said) as port:
            line = await Line.open(Target("http", "127.0.0.1", port, "/v1"), "", ssl.create_default_context())
            seen = await line.ask(large(), 5.0)
            await line.close()
            return seen

    assert asyncio.run(refused()).status == 413


def test_two_requests_may_use_one_connection() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.readuntil(b"{}POST")
        writer.write(answer)

    async def twice() -> list[Seen]:
        async with serving(serve) as port:
            line = await Line.open(Target("http", "127.0.0.1", port, "/v1"), "", ssl.create_default_context())
            seen = [await line.ask(nothing(), 5.0), await line.ask(nothing(), 5.0)]
            await line.close()
            return seen

    assert [(seen.status, seen.keeps) for seen in asyncio.run(twice())] == [(200, True)] * 2


# ── connecting ──────────────────────────────────────────────────────────────────────────────────────


def refused_line(target: Target, trust: ssl.SSLContext | None = None) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        asyncio.run(Line.open(target, "", trust or ssl.create_default_context()))
    return caught.value


def test_nobody_there_and_no_such_name_are_told_apart() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert refused_line(Target("http", "127.0.0.1", port, "/v1")).why == "refused"
    assert refused_line(Target("http", "nobody.invalid", 80, "/v1")).why == "name"


def certified(name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context, and a client's that believes it."""
    ca = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(name).configure_cert(server)
    client = ssl.create_default_context()
    ca.configure_trust(client)
    return server, client


def line_over(name: str, *, trusted: bool = True) -> Line | Unreachable:
    server, client = certified(name)

    async def open_it() -> Line | Unreachable:
        async with serving(saying(b""), server) as port:
            target = Target("https", "localhost", port, "/v1")
            try:
                line = await Line.open(target, "", client if trusted else ssl.create_default_context())
            except Unreachable as error:
                return error
            await line.close()
            return line

    return asyncio.run(open_it())


def test_tls_is_measured_and_its_certificate_read() -> None:
    line = line_over("localhost")
    assert isinstance(line, Line)
    assert line.link.tls_s > 0
    assert line.link.tls_version.startswith("TLS")
    assert line.link.expires > 1_700_000_000


@pytest.mark.parametrize(("name", "trusted"), [("other.example", True), ("localhost", False)])
def test_a_certificate_that_does_not_fit_is_told(name: str, trusted: bool) -> None:
    error = line_over(name, trusted=trusted)
    assert isinstance(error, Unreachable)
    assert error.why == "certificate"


def test_tls_where_none_is_spoken_is_told() -> None:
    async def open_it() -> str:
        async with asyncio.timeout(5):
            server = await asyncio.start_server(_http_only, "127.0.0.1", 0)
            async with server:
                port = server.sockets[0].getsockname()[1]
                with pytest.raises(Unreachable) as caught:
                    await Line.open(
                        Target("https", "127.0.0.1", port, "/v1"), "", ssl.create_default_context()
                    )
                return caught.value.why

    async def _http_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    assert asyncio.run(open_it()) == "tls"
