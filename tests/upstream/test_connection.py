"""One connection: what of a response reaches its handler, however the upstream behaves."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import socket
import struct
import zlib
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from upstream_helpers import (
    CHUNKED,
    GET,
    LOOPS,
    OK,
    Recorder,
    Script,
    answer_to_get,
    ask,
    connected,
    replying,
    soon,
)

from sluiceway.errors import (
    StaleConnection,
    UpstreamError,
    UpstreamInvalid,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from sluiceway.upstream.connection import MAX_HEAD_BYTES, MAX_LINGER_BYTES

both_loops = pytest.mark.parametrize("run", LOOPS.values(), ids=LOOPS.keys())
Run = Callable[[Coroutine[Any, Any, None]], None]


def in_pieces(pieces: list[bytes], pause_s: float = 0.005) -> Script:
    """One answer in several writes, that do not arrive together."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause_s)
        await reader.read()

    return script


def resetting(reply: bytes) -> Script:
    """Answer so much, then RST."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await asyncio.sleep(0.02)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return script


# ── whole responses ─────────────────────────────────────────────────────────────────────────────────


@both_loops
def test_a_response_with_a_length_is_delivered_whole(run: Run) -> None:
    async def scenario() -> None:
        reply = b"HTTP/1.1 201 Made\r\nContent-Type: a/b\r\nX-Odd:  two words \t\r\ncontent-length: 5\r\n\r\nhello"
        told = await answer_to_get(replying(reply))
        assert told.log == ["head", "body", "end"]
        assert told.body == b"hello"
        assert told.head is not None
        assert told.head.status == 201
        assert told.head.length == 5
        assert told.head.headers == [
            (b"content-type", b"a/b"),
            (b"x-odd", b"two words"),
            (b"content-length", b"5"),
        ]

    run(scenario())


@both_loops
def test_a_chunked_response_is_delivered_chunk_by_chunk_however_it_is_cut(run: Run) -> None:
    reply = CHUNKED + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-trailer: 1\r\n\r\n"

    async def scenario() -> None:
        pieces = [reply[i : i + 7] for i in range(0, len(reply), 7)]
        for script in (replying(reply), in_pieces(pieces, 0.001)):
            told = await answer_to_get(script)
            assert told.log == ["head", "body", "end"]
            assert told.body == b"abcde"
            assert told.head is not None
            assert told.head.length is None
            assert told.head.headers == [(b"transfer-encoding", b"chunked")]

    run(scenario())


@both_loops
def test_a_body_without_a_length_ends_with_the_connection(run: Run) -> None:
    async def scenario() -> None:
        told = await answer_to_get(replying(b"HTTP/1.1 200 OK\r\n\r\nall of it", close=True))
        assert told.log == ["head", "body", "end"]
        assert told.body == b"all of it"
        assert told.head is not None
        assert told.head.length is None

    run(scenario())


def test_the_end_of_the_connection_is_heard_even_while_the_request_still_has_bytes_to_send() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")  # and no more of it
        writer.write(b"HTTP/1.1 413 Too Large\r\n\r\nno")
        writer.write_eof()
        await asyncio.sleep(10)

    async def scenario() -> None:
        async with connected(script) as (_, connection):
            told = Recorder()
            connection.send(GET, bytes(32 * 1024 * 1024), told)
            await told.over()
            assert told.log == ["head", "body", "end"]
            assert connection.closed

    uvloop.run(scenario())


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ],
)
def test_a_response_without_a_body_ends_with_its_head_and_leaves_the_connection_usable(reply: bytes) -> None:
    async def scenario() -> None:
        async with connected(replying(reply, OK)) as (pool, connection):
            told = await ask(connection).over()
            assert told.log == ["head", "end"]
            assert told.head is not None
            assert told.head.length == 0
            assert pool.idle(connection.target) is connection
            assert (await ask(connection).over()).body == b"ok"

    uvloop.run(scenario())


@pytest.mark.parametrize("stray", [b"", b"12345", b"12"])
def test_an_answer_to_head_has_no_body_whatever_its_headers_say(stray: bytes) -> None:
    async def scenario() -> None:
        reply = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\n" + stray
        async with connected(replying(reply)) as (pool, connection):
            told = Recorder()
            connection.send(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n", b"", told, no_body=True)
            await told.over()
            assert told.log == ["head", "end"]
            assert told.head is not None
            assert told.head.length == 5
            assert (b"content-encoding", b"gzip") in told.head.headers
            assert connection.closed
            assert pool.open_count == 0

    uvloop.run(scenario())


def test_interim_responses_are_skipped() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"

    async def scenario() -> None:
        for script in (replying(interim + OK), in_pieces([interim[:40], interim[40:], OK])):
            async with connected(script) as (pool, connection):
                told = await ask(connection).over()
                assert told.log == ["head", "body", "end"]
                assert told.head is not None
                assert told.head.headers == [(b"content-length", b"2")]
                assert pool.idle_count == 1

    uvloop.run(scenario())


# ── responses that break ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        CHUNKED + b"5\r\nhel",
        CHUNKED + b"5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
@pytest.mark.parametrize("how", ["closed", "reset"])
def test_a_response_that_stops_before_its_end_is_truncated(reply: bytes, how: str) -> None:
    async def scenario() -> None:
        script = replying(reply, close=True) if how == "closed" else resetting(reply)
        told = await answer_to_get(script)
        assert told.log[-1] == "broken"
        assert type(told.error) is UpstreamTruncated
        assert f"{len(reply)} bytes" in told.error.message

    uvloop.run(scenario())


def test_a_reset_ends_no_body_cleanly_not_even_one_that_lasts_until_the_end_of_the_connection() -> None:
    async def scenario() -> None:
        told = await answer_to_get(resetting(b"HTTP/1.1 200 OK\r\n\r\nsome"))
        assert told.log == ["head", "body", "broken"]
        assert type(told.error) is UpstreamTruncated

    uvloop.run(scenario())


@both_loops
def test_a_fresh_connection_that_breaks_before_a_response_byte_says_so(run: Run) -> None:
    async def scenario() -> None:
        for script in (replying(b"", close=True), resetting(b"")):
            told = await answer_to_get(script)
            assert told.log == ["broken"]
            assert type(told.error) is UpstreamUnreachable

    run(scenario())


@both_loops
def test_a_reused_connection_that_breaks_before_a_response_byte_is_stale(run: Run) -> None:
    async def scenario() -> None:
        for script in (replying(OK, b"", close=True), resetting_second()):
            async with connected(script) as (pool, connection):
                first = ask(connection)
                reused = [connection.reused]
                await first.over()
                assert pool.idle(connection.target) is connection
                told = ask(connection)
                reused.append(connection.reused)
                assert reused == [False, True]
                await told.over()
                assert told.log == ["broken"]
                assert type(told.error) is StaleConnection

    def resetting_second() -> Script:
        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
            await resetting(b"")(reader, writer)

        return script

    run(scenario())


def test_a_reused_connection_that_breaks_within_a_response_is_not_stale() -> None:
    async def scenario() -> None:
        async with connected(replying(OK, b"H", close=True)) as (_, connection):
            await ask(connection).over()
            assert type((await ask(connection).over()).error) is UpstreamTruncated

    uvloop.run(scenario())


@both_loops
def test_a_connection_that_was_lost_before_it_was_used_breaks_the_exchange_instead_of_hanging(
    run: Run,
) -> None:
    async def script(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        """Accept, and close."""

    async def scenario() -> None:
        async with connected(script) as (pool, connection):
            await soon(lambda: connection.closed)
            told = ask(connection)
            assert told.log == []  # not from within send
            await told.over()
            assert type(told.error) is UpstreamUnreachable
            assert pool.open_count == 0

    run(scenario())


@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"<html>502</html>",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 099 What\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nokk",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"2\r\nokX",
    ],
)
def test_what_is_not_http_is_invalid_and_the_connection_is_dropped(reply: bytes) -> None:
    async def scenario() -> None:
        async with connected(replying(reply)) as (pool, connection):
            told = await ask(connection).over()
            assert told.log[-1] == "broken"
            assert type(told.error) is UpstreamInvalid
            assert connection.closed
            assert pool.open_count == 0

    uvloop.run(scenario())


def flood(start: bytes, piece: bytes, sent: list[int]) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(start)
        for _ in range(100_000_000 // len(piece)):
            writer.write(piece)
            sent[0] += len(piece)
            await writer.drain()

    return script


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"x-endless: yes\r\n" * 64),
        (b"HTTP/1.1 200 OK\r\nx-endless: ", b"y" * 1024),
        (b"HTTP/1.1 200 ", b"K" * 1024),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 40),
        (b"", b"HTTP/1.1 103 Hint\r\nlink: a\r\n\r\n" * 30),
        (CHUNKED + b"2\r\nok\r\n0\r\n", b"x-endless: yes\r\n" * 64),
        (CHUNKED + b"2\r\nok\r\n0\r\nx-endless: ", b"y" * 1024),
        (CHUNKED + b"2;ext=", b"y" * 1024),
    ],
    ids=["headers", "line", "reason", "100s", "103s", "trailers", "trailer line", "chunk extension"],
)
def test_whatever_never_ends_before_or_around_a_body_meets_the_limit(start: bytes, piece: bytes) -> None:
    async def scenario() -> None:
        sent = [0]
        told = await answer_to_get(flood(start, piece, sent))
        assert told.log[-1] == "broken"
        assert type(told.error) is UpstreamInvalid
        assert str(MAX_HEAD_BYTES) in told.error.message
        assert sent[0] < 20_000_000  # the limit, and what the kernel's buffers took

    uvloop.run(scenario())


def test_a_large_head_within_the_limit_passes_together_with_its_body() -> None:
    async def scenario() -> None:
        reply = b"HTTP/1.1 200 OK\r\n" + b"x-large: %b\r\n" % (b"y" * 4000) * 15
        told = await answer_to_get(replying(reply + b"content-length: 200000\r\n\r\n" + bytes(200_000)))
        assert told.log == ["head", "body", "end"]
        assert len(told.body) == 200_000

    uvloop.run(scenario())


# ── keep-alive ──────────────────────────────────────────────────────────────────────────────────────


def test_many_responses_follow_one_another_on_one_connection() -> None:
    async def scenario() -> None:
        chunked = CHUNKED + b"2\r\nok\r\n0\r\n\r\n"
        async with connected(replying(*[OK, chunked] * 10)) as (pool, connection):
            for _ in range(20):
                told = await ask(connection).over()
                assert told.log == ["head", "body", "end"]
                assert told.body == b"ok"
                assert pool.idle(connection.target) is connection
            assert pool.open_count == 1

    uvloop.run(scenario())


def test_the_connection_is_in_its_pool_again_before_its_handler_hears_of_the_end() -> None:
    async def scenario() -> None:
        async with connected(replying(OK, OK)) as (pool, connection):
            second: list[Recorder] = []

            def again() -> None:
                assert pool.idle(connection.target) is connection
                second.append(ask(connection))

            await ask(connection, {"end": again}).over()
            assert (await second[0].over()).body == b"ok"

    uvloop.run(scenario())


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison",
        OK + b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoi",
        OK + b"garbage",
        b"HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=["close", "1.0", "one more", "part of one more", "garbage", "a body that can't be"],
)
def test_a_connection_that_could_confuse_the_next_request_is_not_kept(reply: bytes) -> None:
    async def scenario() -> None:
        async with connected(replying(reply)) as (pool, connection):
            told = await ask(connection).over()
            assert told.log[-1] == "end"
            assert bytes(told.body) in (b"ok", b"")
            assert connection.closed
            assert pool.idle(connection.target) is None
            assert pool.open_count == 0

    uvloop.run(scenario())


@both_loops
def test_bytes_that_nobody_asked_for_close_an_idle_connection(run: Run) -> None:
    async def scenario() -> None:
        for stray in (b"HTTP/1.1 408 Request Timeout\r\n\r\n", b"\r\n", b"x"):
            async with connected(in_pieces([OK, stray])) as (pool, connection):
                await ask(connection).over()
                assert pool.idle_count == 1
                await soon(lambda c=connection: c.closed)  # type: ignore[misc]
                assert pool.idle(connection.target) is None
                assert pool.open_count == 0

    run(scenario())


# ── the request's body ──────────────────────────────────────────────────────────────────────────────


def receiving(size: int, got: bytearray, reply: bytes = OK, delay_s: float = 0.0) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(delay_s)
        while len(got) < size:
            got.extend(await reader.read(65536) or b"\0" * size)
        writer.write(reply)
        await reader.read()

    return script


@pytest.mark.parametrize("size", [10, 300_000])
def test_a_request_body_follows_its_head(size: int) -> None:
    async def scenario() -> None:
        got, body = bytearray(), os.urandom(size)
        async with connected(receiving(size, got)) as (pool, connection):
            told = Recorder()
            connection.send(GET, body, told)
            assert (await told.over()).body == b"ok"
            assert got == body
            assert pool.idle_count == 1

    uvloop.run(scenario())


@both_loops
@pytest.mark.parametrize("chunked", [True, False])
def test_a_request_body_in_pieces_is_framed_here_and_waits_for_a_slow_upstream(
    run: Run, chunked: bool
) -> None:
    async def scenario() -> None:
        pieces = [os.urandom(300_000) for _ in range(20)]
        framed = (
            b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
            if chunked
            else b"".join(pieces)
        )
        got = bytearray()
        async with connected(receiving(len(framed), got, delay_s=0.1)) as (pool, connection):
            told = Recorder()
            connection.send(GET, pieces[0], told, more=True, chunked=chunked)
            waited = False
            for piece in pieces[1:]:
                draining = asyncio.ensure_future(connection.drain())
                await asyncio.sleep(0)
                waited = waited or not draining.done()
                await draining
                connection.write_body(piece)
            connection.finish_body()
            await told.over()
            assert got == framed
            assert waited
            await soon(lambda: pool.idle_count == 1)

    run(scenario())


def test_a_response_that_comes_before_the_request_is_complete_counts_but_ends_the_connection() -> None:
    async def scenario() -> None:
        async with connected(replying(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")) as (
            pool,
            connection,
        ):
            told = Recorder()
            connection.send(GET, b"x", told, more=True, chunked=True)
            await told.over()
            assert told.log == ["head", "end"]
            assert connection.closed
            assert pool.open_count == 0
            connection.write_body(b"more")  # its sender has not noticed yet
            connection.finish_body()
            with pytest.raises(UpstreamError):
                await connection.drain()

    uvloop.run(scenario())


@pytest.mark.parametrize("how", ["lost", "aborted"])
def test_waiting_for_a_slow_upstream_ends_with_the_connection(how: str) -> None:
    async def script(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.5 if how == "lost" else 30)

    async def scenario() -> None:
        async with connected(script) as (_, connection):
            connection.send(GET, bytes(16_000_000), Recorder(), more=True)
            draining = asyncio.ensure_future(connection.drain())
            await asyncio.sleep(0.02)
            assert not draining.done()
            if how == "aborted":
                connection.abort()
            with pytest.raises(UpstreamError):
                await asyncio.wait_for(draining, 20)

    uvloop.run(scenario())


# ── pausing ─────────────────────────────────────────────────────────────────────────────────────────


@both_loops
def test_while_paused_nothing_comes_and_afterwards_everything_in_order(run: Run) -> None:
    body = os.urandom(1000) * 16_000  # 16 MB

    async def scenario() -> None:
        sent = [0]

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body))
            for start in range(0, len(body), 100_000):
                writer.write(body[start : start + 100_000])
                await writer.drain()
                sent[0] += 100_000
            await reader.read()

        async with connected(script, sndbuf=200_000) as (pool, connection):
            told = ask(connection, {"head": connection.pause})
            connection.pause()
            connection.pause()
            await asyncio.sleep(0.2)
            assert told.log == []
            connection.resume()
            await soon(lambda: told.log == ["head"])  # paused again from within, in front of the body
            await asyncio.sleep(0.2)
            assert told.log == ["head"]
            assert sent[0] < len(body) - 2_000_000  # the kernel's buffers are full, and the upstream waits
            connection.resume()
            connection.resume()
            await told.over()
            assert hashlib.sha256(told.body).digest() == hashlib.sha256(body).digest()
            assert pool.idle_count == 1

    run(scenario())


def test_a_handler_that_pauses_gets_not_even_the_next_chunk_of_the_same_read() -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % char for char in b"abcdefgh")

    async def scenario() -> None:
        async with connected(replying(CHUNKED + chunks + b"0\r\n\r\n")) as (pool, connection):
            told = ask(connection, {"body": connection.pause})
            for count in range(1, 9):
                await soon(lambda n=count: len(told.body) == n)  # type: ignore[misc]
                await asyncio.sleep(0.005)
                assert told.body == b"abcdefgh"[:count]
                assert told.log == ["head", "body"]
                assert pool.idle_count == 0
                connection.resume()
            await told.over()
            assert told.body == b"abcdefgh"
            assert pool.idle_count == 1

    uvloop.run(scenario())


def test_a_handler_that_pauses_and_resumes_within_one_call_loses_and_reorders_nothing() -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % char for char in b"abcdefgh")

    async def scenario() -> None:
        def hiccup() -> None:
            connection.pause()
            connection.resume()

        encoded = gzip.compress(bytes(range(256)) * 4000)
        compressed = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(encoded)
        script = replying(CHUNKED + chunks + b"0\r\n\r\n", compressed + encoded)
        async with connected(script) as (_, connection):
            told = await ask(connection, {"head": hiccup, "body": hiccup}).over()
            assert told.body == b"abcdefgh"
            told = await ask(connection, {"head": hiccup, "body": hiccup}).over()
            assert told.body == bytes(range(256)) * 4000

    uvloop.run(scenario())


@pytest.mark.parametrize("clean", [True, False])
def test_an_end_that_came_while_paused_is_told_after_what_was_held(clean: bool) -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n" if clean else b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"

    async def scenario() -> None:
        async with connected(replying(head + b"rest", close=True)) as (_, connection):
            told = ask(connection, {"head": connection.pause})
            await soon(lambda: told.log == ["head"])
            await asyncio.sleep(0.05)
            assert told.log == ["head"]
            connection.resume()
            await told.over()
            assert told.body == b"rest"
            assert told.log == ["head", "body", "end" if clean else "broken"]

    uvloop.run(scenario())


# ── letting go ──────────────────────────────────────────────────────────────────────────────────────


@both_loops
def test_abort_reaches_the_upstream_and_the_handler_never(run: Run) -> None:
    async def scenario() -> None:
        gone = asyncio.Event()

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(CHUNKED + b"2\r\nok\r\n")
            try:
                await reader.read()
            finally:
                gone.set()

        async with connected(script) as (pool, connection):
            told = ask(connection)
            await soon(lambda: told.body == b"ok")
            connection.abort()
            connection.abort()
            assert pool.open_count == 0
            await asyncio.wait_for(gone.wait(), 30)
            assert told.log == ["head", "body"]

    run(scenario())


@pytest.mark.parametrize("when", ["head", "body"])
def test_a_handler_may_abort_from_within_and_hears_nothing_more(when: str) -> None:
    async def scenario() -> None:
        for reply in (
            OK,
            OK + b"garbage",
            CHUNKED + b"1\r\na\r\n1\r\nb\r\nzz",
            CHUNKED + b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
        ):
            async with connected(replying(reply)) as (pool, connection):
                told = ask(connection, {when: connection.abort})
                await soon(lambda c=connection: c.closed)  # type: ignore[misc]
                await asyncio.sleep(0.01)
                assert told.log == ["head", "body"][: 1 if when == "head" else 2]
                assert len(told.pieces) <= 1
                assert pool.open_count == 0

    uvloop.run(scenario())


@pytest.mark.parametrize("together", [True, False])
def test_after_linger_the_rest_is_read_quietly_and_the_connection_kept(together: bool) -> None:
    first, rest = CHUNKED + b"6\r\n[DONE]\r\n", b"2\r\n\n\n\r\n0\r\n\r\n"

    async def scenario() -> None:
        script = replying(first + rest, OK) if together else in_pieces([first, rest])
        async with connected(script) as (pool, connection):
            told = ask(connection, {"body": lambda: connection.linger(2.0)})
            await soon(lambda: pool.idle_count == 1)
            assert told.log == ["head", "body"]
            assert told.body == b"[DONE]"
            assert not connection.closed
            connection.linger(1.0)  # nothing to read any more
            if together:
                assert pool.idle(connection.target) is connection
                assert (await ask(connection).over()).body == b"ok"

    uvloop.run(scenario())


def test_linger_reads_on_though_the_handler_had_paused() -> None:
    async def scenario() -> None:
        async with connected(replying(CHUNKED + b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n")) as (pool, connection):
            told = ask(connection, {"body": connection.pause})
            await soon(lambda: told.body == b"a")
            connection.linger(1.0)
            assert pool.idle_count == 1
            assert told.body == b"a"

    uvloop.run(scenario())


@pytest.mark.parametrize("rest", [b"", b"%x\r\n" % (MAX_LINGER_BYTES * 2) + bytes(MAX_LINGER_BYTES + 1)])
def test_linger_gives_up_when_the_end_takes_too_long_or_too_much(rest: bytes) -> None:
    async def scenario() -> None:
        limit_s = 0.05 if not rest else 30.0
        async with connected(in_pieces([CHUNKED + b"2\r\nok\r\n", rest])) as (pool, connection):
            told = ask(connection, {"body": lambda: connection.linger(limit_s)})
            await soon(lambda: connection.closed)
            assert told.log == ["head", "body"]
            assert pool.open_count == 0

    uvloop.run(scenario())


@pytest.mark.parametrize("why", ["upload", "eof"])
def test_linger_closes_at_once_what_could_not_be_kept_anyway(why: str) -> None:
    async def scenario() -> None:
        reply = CHUNKED + b"2\r\nok\r\n" if why == "upload" else b"HTTP/1.1 200 OK\r\n\r\nok"
        async with connected(replying(reply)) as (_, connection):
            told = Recorder({"body": lambda: connection.linger(30.0)})
            connection.send(GET, b"", told, more=why == "upload")
            await soon(lambda: told.body == b"ok")
            assert connection.closed

    uvloop.run(scenario())


def test_breaking_off_tells_the_handler_once() -> None:
    async def scenario() -> None:
        async with connected(replying(b"HTTP/1.1 200 OK\r\n\r\nsome")) as (_, connection):
            told = ask(connection)
            await soon(lambda: told.body == b"some")
            connection.break_off(UpstreamUnreachable("enough"))
            connection.break_off(UpstreamUnreachable("again"))
            await asyncio.sleep(0.01)
            assert told.log == ["head", "body", "broken"]
            assert told.error is not None
            assert told.error.message == "enough"

    uvloop.run(scenario())


# ── handlers that fail ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("where", ["head", "body", "resumed", "decoded"])
def test_a_handler_that_raises_is_logged_and_ends_the_exchange(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        if where == "resumed" and not ready:
            return
        raise ValueError("a defect")

    ready: list[bool] = []
    encoded = gzip.compress(b"hello")
    compressed = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(encoded)

    async def scenario() -> None:
        async with connected(replying(compressed + encoded if where == "decoded" else OK)) as (
            pool,
            connection,
        ):
            told = Recorder({"head" if where == "head" else "body": fail})
            connection.send(GET, b"", told)
            if where == "resumed":
                connection.pause()
                await asyncio.sleep(0.02)
                ready.append(True)
                connection.resume()
            await told.over()
            assert type(told.error) is UpstreamInvalid
            assert "log" in told.error.message
            assert connection.closed
            assert pool.open_count == 0

    uvloop.run(scenario())
    assert "a defect" in caplog.text


def test_a_handler_that_raises_at_the_end_is_logged_and_the_connection_stays_good(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise ValueError("a defect")

    async def scenario() -> None:
        async with connected(replying(OK, OK)) as (pool, connection):
            await ask(connection, {"end": fail}).over()
            assert pool.idle(connection.target) is connection
            assert (await ask(connection).over()).body == b"ok"

    uvloop.run(scenario())
    assert "a defect" in caplog.text


# ── content codings ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("coding", "encoded"),
    [
        (b"gzip", gzip.compress(b"hello" * 99)),
        (b"deflate", zlib.compress(b"hello" * 99)),
    ],
)
def test_a_body_compressed_unasked_is_delivered_as_if_it_were_not(coding: bytes, encoded: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: a/b\r\nContent-Encoding: %b\r\ncontent-length: %d\r\n\r\n"

    async def scenario() -> None:
        reply = head % (coding, len(encoded)) + encoded
        for script in (
            replying(reply),
            in_pieces([reply[i : i + 40] for i in range(0, len(reply), 40)], 0.001),
        ):
            async with connected(script) as (pool, connection):
                told = await ask(connection).over()
                assert told.body == b"hello" * 99
                assert told.head is not None
                assert told.head.headers == [(b"content-type", b"a/b")]
                assert told.head.length is None
                assert pool.idle_count == 1

    uvloop.run(scenario())


@pytest.mark.parametrize("lines", [b"content-encoding: br\r\n", b"content-encoding: gzip\r\n" * 2])
def test_a_coding_that_can_not_be_undone_is_left_to_the_gateway(lines: bytes) -> None:
    async def scenario() -> None:
        told = await answer_to_get(
            replying(b"HTTP/1.1 200 OK\r\n" + lines + b"content-length: 3\r\n\r\n\1\2\3")
        )
        assert told.body == b"\1\2\3"
        assert told.head is not None
        assert told.head.length == 3
        assert told.head.headers[0][0] == b"content-encoding"

    uvloop.run(scenario())


def test_a_bomb_stops_when_its_handler_pauses_and_goes_on_in_bounded_pieces() -> None:
    size = 50_000_000
    encoded = gzip.compress(bytes(size))

    async def scenario() -> None:
        reply = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(encoded)
        async with connected(replying(reply + encoded)) as (_, connection):
            told = ask(connection, {"body": connection.pause})
            for count in range(1, 4):
                await soon(lambda n=count: len(told.pieces) == n)  # type: ignore[misc]
                await asyncio.sleep(0.005)
                assert len(told.pieces) == count
                connection.resume()
            while told.log[-1] != "end":
                connection.resume()
                await asyncio.sleep(0)
            assert len(told.body) == size
            assert max(told.pieces) <= 256 * 1024

    uvloop.run(scenario())


@pytest.mark.parametrize(
    ("body", "error"),
    [(b"not gzip at all", UpstreamInvalid), (gzip.compress(b"hello")[:-4], UpstreamTruncated)],
)
@pytest.mark.parametrize("paused", [True, False])
def test_a_compressed_body_that_does_not_decode_breaks_the_exchange(
    body: bytes, error: type[UpstreamError], paused: bool
) -> None:
    async def scenario() -> None:
        reply = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body)
        async with connected(replying(reply + body)) as (pool, connection):
            told = ask(connection, {"head": connection.pause} if paused else {})
            await asyncio.sleep(0.02)
            connection.resume()
            await told.over()
            assert told.log[-1] == "broken"
            assert type(told.error) is error
            assert connection.closed
            assert pool.open_count == 0

    uvloop.run(scenario())
