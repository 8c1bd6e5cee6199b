"""The connection to a real Redis: batches, what it asks of the server, and how it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from redis_server import RedisServer, running_redis

from sluiceway.state import lua
from sluiceway.state.link import Call, Link, LinkDown
from sluiceway.state.lua import Script

ECHO = lua.script("return {ARGV[1], KEYS[1]}", "")
APPEND = lua.script("return redis.call('APPEND', KEYS[1], ARGV[1])", "")
READ = lua.script("return redis.call('GET', KEYS[1])", "")
BREAK = lua.script("return redis.call('LPUSH', KEYS[1], 'x')", "")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running_redis(tcp=True) as server:
        yield server


@pytest.fixture(autouse=True)
def empty(server: RedisServer) -> None:
    server.command("FLUSHALL")
    server.command("SCRIPT", "FLUSH")


def call(script: Script, argument: str = "", key: str = "k") -> Call:
    return Call(script, (key,), (argument,))


def test_answers_come_in_the_order_of_the_calls(server: RedisServer) -> None:
    async def scenario() -> None:
        link = Link(server.url, 5.0)
        letters = [call(APPEND, letter) for letter in "abc"]
        assert await link.run([*letters, call(READ), call(ECHO, "ü", "{k}:ö")]) == [
            1,
            2,
            3,
            b"abc",
            ["ü".encode(), "{k}:ö".encode()],
        ]
        await link.close()

    asyncio.run(scenario())


def test_a_unix_socket_and_another_database_do_as_well(server: RedisServer) -> None:
    async def scenario() -> None:
        socket = server.command("CONFIG", "GET", "unixsocket").split(b"\r\n")[-2].decode()
        for url in (f"unix://{socket}", f"unix://{socket}?db=3", server.url.replace("/0", "/2")):
            link = Link(url, 5.0)
            assert await link.run([call(APPEND, "a")]) == [1]
            await link.close()

    asyncio.run(scenario())


def test_calls_run_in_their_order_also_when_scripts_are_new_or_forgotten(server: RedisServer) -> None:
    async def scenario() -> None:
        link = Link(server.url, 5.0)
        assert await link.run([call(READ)]) == [None]
        assert await link.run([call(APPEND, "a"), call(READ), call(APPEND, "b")]) == [1, b"a", 2]
        server.command("SCRIPT", "FLUSH")
        assert await link.run([call(APPEND, "c"), call(READ)]) == [3, b"abc"]
        server.command("SCRIPT", "FLUSH")
        await link.run([call(READ)])
        assert await link.run([call(APPEND, "d"), call(READ)]) == [4, b"abcd"]
        await link.close()

    asyncio.run(scenario())


def test_an_error_of_one_call_is_an_error_of_the_link(server: RedisServer) -> None:
    async def scenario() -> None:
        link = Link(server.url, 5.0)
        with pytest.raises(LinkDown, match="WRONGTYPE") as caught:
            await link.run([call(APPEND, "a"), call(BREAK), call(READ)])
        assert not caught.value.stale
        assert await link.run([call(READ)]) == [b"a"]
        await link.close()

    asyncio.run(scenario())


def test_a_connection_that_had_worked_and_broke_is_stale_and_a_new_one_is_made(server: RedisServer) -> None:
    async def scenario() -> None:
        link = Link(server.url, 5.0)
        await link.run([call(READ)])
        server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        with pytest.raises(LinkDown) as caught:
            await link.run([call(READ)])
        assert caught.value.stale
        assert await link.run([call(READ)]) == [None]
        await link.close()

    asyncio.run(scenario())


def test_nobody_listening_is_told_with_the_reason() -> None:
    async def scenario(url: str) -> None:
        for _ in range(2):
            with pytest.raises(LinkDown, match="Error") as caught:
                await Link(url, 5.0).run([call(READ)])
            assert not caught.value.stale

    with running_redis(tcp=True) as gone:
        gone.kill()
        asyncio.run(scenario(gone.url))


def test_a_server_that_hangs_is_given_up_in_time_and_answers_that_come_late_are_never_mixed_up(
    server: RedisServer,
) -> None:
    async def scenario() -> None:
        link = Link(server.url, 0.1)
        await link.run([call(READ)])
        server.freeze()
        try:
            with pytest.raises(LinkDown, match=r"no answer within 0\.1 s") as caught:
                await link.run([call(APPEND, "a")])
            assert not caught.value.stale
            with pytest.raises(LinkDown, match=r"no answer within 0\.1 s"):
                await link.run([call(ECHO, "never")])
        finally:
            server.thaw()
        patient = Link(server.url, 5.0)
        assert await patient.run([call(ECHO, "mine")]) == [[b"mine", b"k"]]
        await patient.close()
        await link.close()

    asyncio.run(scenario())


def test_a_batch_that_is_cancelled_drops_its_connection(server: RedisServer) -> None:
    async def scenario() -> None:
        link = Link(server.url, 0.0)
        await link.run([call(READ)])
        server.freeze()
        try:
            running = asyncio.create_task(link.run([call(ECHO, "theirs")]))
            await asyncio.sleep(0.05)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        finally:
            server.thaw()
        assert await link.run([call(ECHO, "mine")]) == [[b"mine", b"k"]]
        await link.close()

    asyncio.run(scenario())


def test_a_password_is_sent_and_a_wrong_one_is_never_repeated() -> None:
    async def scenario(url: str) -> None:
        link = Link(url.replace("//", "//:the-right-one@"), 5.0)
        assert await link.run([call(READ)]) == [None]
        await link.close()
        for wrong in (url, url.replace("//", "//:the-wrong-one@")):
            with pytest.raises(LinkDown) as caught:
                await Link(wrong, 5.0).run([call(READ)])
            assert str(caught.value)
            assert "the-wrong-one" not in str(caught.value)

    with running_redis(tcp=True) as server:
        server.kill()
        server.start("--requirepass", "the-right-one")
        asyncio.run(scenario(server.url))


def test_something_that_is_no_redis_is_away() -> None:
    async def scenario() -> None:
        async def chatter(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 3)
            await writer.drain()
            writer.close()

        other = await asyncio.start_server(chatter, "127.0.0.1", 0)
        async with other:
            port = other.sockets[0].getsockname()[1]
            with pytest.raises(LinkDown):
                await Link(f"redis://127.0.0.1:{port}", 5.0).run([call(READ)])

    asyncio.run(scenario())
