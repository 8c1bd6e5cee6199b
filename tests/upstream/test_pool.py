"""The pool: what it keeps, for how long, and what it says where no connection can be had."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from upstream_helpers import (
    LOOPS,
    OK,
    Names,
    answer_to_get,
    ask,
    black_hole,
    connected,
    local,
    replying,
    run_with_names,
    serving,
    soon,
)

from sluiceway.errors import ConnectTimeout, UpstreamError, UpstreamUnreachable
from sluiceway.upstream.pool import Pool, Target

both_loops = pytest.mark.parametrize("run", LOOPS.values(), ids=LOOPS.keys())
Run = Callable[[Coroutine[Any, Any, None]], None]


async def refusal(target: Target, timeout_s: float = 5.0) -> UpstreamError:
    """The error of a connection that can't be had."""
    pool = Pool()
    with pytest.raises(UpstreamError) as caught:
        await pool.connect(target, timeout_s)
    assert pool.open_count == 0
    assert caught.value.__cause__ is None
    return caught.value


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


# ── keeping ─────────────────────────────────────────────────────────────────────────────────────────


@both_loops
def test_the_connection_used_last_is_handed_out_first(run: Run) -> None:
    async def scenario() -> None:
        async with serving(replying(OK, OK)) as port:
            pool, target = Pool(), local(port)
            assert pool.idle(target) is None
            first, second = await pool.connect(target, 5), await pool.connect(target, 0)
            assert (pool.open_count, pool.idle_count) == (2, 0)
            for connection in (first, second):
                await ask(connection).over()
            assert (pool.open_count, pool.idle_count) == (2, 2)
            assert repr(pool) == "<Pool open=2 idle=2>"
            assert pool.idle(target) is second
            assert pool.idle(target) is first
            assert pool.idle(target) is None
            await pool.close()

    run(scenario())


def test_targets_share_nothing() -> None:
    async def scenario() -> None:
        async with connected(replying(OK)) as (pool, connection):
            await ask(connection).over()
            target = connection.target
            for other in (
                Target("https", target.host, target.port),
                Target("http", "localhost", target.port),
                Target("http", target.host, target.port + 1),
                Target("http", target.host, target.port, "http://proxy:3128"),
            ):
                assert pool.idle(other) is None
            assert pool.idle(Target("http", target.host, target.port)) is connection

    uvloop.run(scenario())


@both_loops
def test_an_upstream_that_closes_an_idle_connection_takes_it_out(run: Run) -> None:
    async def scenario() -> None:
        async with connected(replying(OK, close=True)) as (pool, connection):
            await ask(connection).over()
            await soon(lambda: pool.open_count == 0)
            assert pool.idle(connection.target) is None
            assert pool.idle_count == 0

    run(scenario())


def test_idle_connections_expire_and_busy_ones_do_not() -> None:
    async def scenario() -> None:
        async with serving(replying(OK)) as port:
            pool, target = Pool(keepalive_s=1.2), local(port)
            busy = await pool.connect(target, 5)
            old, young = await pool.connect(target, 5), await pool.connect(target, 5)
            await ask(old).over()
            await asyncio.sleep(0.7)
            await ask(young).over()
            await soon(lambda: old.closed)
            assert not young.closed
            assert pool.idle_count == 1
            await soon(lambda: young.closed)
            assert not busy.closed
            assert (pool.open_count, pool.idle_count) == (1, 0)
            assert (await ask(busy).over()).body == b"ok"
            await soon(lambda: busy.closed)  # the timer stops with the last idle one, and starts again
            await pool.close()

    uvloop.run(scenario())


def test_no_more_than_so_many_wait_for_one_target() -> None:
    async def scenario() -> None:
        async with serving(replying(OK)) as port:
            pool, target = Pool(max_idle_per_target=2), local(port)
            connections = [await pool.connect(target, 5) for _ in range(4)]
            for connection in connections:
                assert (await ask(connection).over()).log == ["head", "body", "end"]
            assert (pool.open_count, pool.idle_count) == (2, 2)
            await pool.close()

    uvloop.run(scenario())


@both_loops
def test_closing_the_pool_closes_idle_ones_breaks_busy_ones_and_takes_no_more(run: Run) -> None:
    async def scenario() -> None:
        async with serving(replying(OK)) as port:
            pool, target = Pool(), local(port)
            idle, busy, fresh = [await pool.connect(target, 5) for _ in range(3)]
            await ask(idle).over()
            silent = replying()
            async with serving(silent) as silent_port:
                waiting = await pool.connect(local(silent_port), 5)
                told = ask(waiting)
                await asyncio.sleep(0.01)
                await pool.close()
                await pool.close()
                assert told.log == ["broken"]
            assert all(connection.closed for connection in (idle, busy, fresh, waiting))
            assert (pool.open_count, pool.idle_count) == (0, 0)
            late = await pool.connect(target, 5)
            assert (await ask(late).over()).body == b"ok"
            assert late.closed  # used up, and not kept

    run(scenario())


# ── connecting ──────────────────────────────────────────────────────────────────────────────────────


@both_loops
def test_a_refused_connection_says_where_and_why(run: Run) -> None:
    async def scenario() -> None:
        port = free_port()
        error = await refusal(local(port))
        assert type(error) is UpstreamUnreachable
        assert error.message == f"no connection to 127.0.0.1:{port}: connection refused"

    run(scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_name_that_does_not_resolve_is_told_apart(loop: str) -> None:
    async def scenario() -> None:
        error = await refusal(Target("https", "api.example.test", 443))
        assert type(error) is UpstreamUnreachable
        assert "api.example.test:443" in error.message
        assert "does not resolve (Name or service not known)" in error.message

    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    run_with_names(loop, {"api.example.test": unknown}, scenario())


@both_loops
@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".test"])
def test_a_name_that_can_not_be_one_is_unreachable(run: Run, host: str) -> None:
    async def scenario() -> None:
        assert type(await refusal(Target("http", host, 80))) is UpstreamUnreachable

    run(scenario())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("phase", ["name", "tcp", "tls", "proxy"])
def test_the_connect_clock_covers_the_whole_way(loop: str, phase: str) -> None:
    async def scenario() -> None:
        async with serving(replying()) as silent:
            with black_hole() as hole:
                target = {
                    "name": Target("http", "silent.test", 80),
                    "tcp": local(hole),
                    "tls": local(silent, scheme="https"),
                    "proxy": Target("https", "api.example.test", 443, f"http://127.0.0.1:{silent}"),
                }[phase]
                started = asyncio.get_running_loop().time()
                error = await refusal(target, 0.1)
                assert asyncio.get_running_loop().time() - started < 2.0
                assert type(error) is ConnectTimeout
                assert error.message == f"no connection to {target.name} within connect_s (0.1 s)"

    names: Names = {"silent.test": None, "api.example.test": ["127.0.0.1"]}
    run_with_names(loop, names, scenario())


@both_loops
def test_the_systems_own_timeout_is_not_the_connect_clock(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def give_up(*_: Any, **__: Any) -> socket.socket:
        raise TimeoutError(110, "Connection timed out")

    monkeypatch.setattr("aiohappyeyeballs.start_connection", give_up)

    async def scenario() -> None:
        error = await refusal(local(1))
        assert type(error) is UpstreamUnreachable
        assert error.message == "no connection to 127.0.0.1:1: Connection timed out"

    run(scenario())


@pytest.mark.parametrize("phase", ["tcp", "tls"])
def test_a_connect_that_is_called_off_leaves_nothing_behind(phase: str) -> None:
    async def scenario() -> None:
        async with serving(replying()) as silent:
            with black_hole() as hole:
                pool = Pool()
                target = local(hole) if phase == "tcp" else local(silent, scheme="https")
                connecting = asyncio.ensure_future(pool.connect(target, 5))
                await asyncio.sleep(0.05)
                connecting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await connecting
                assert pool.open_count == 0

    uvloop.run(scenario())


def test_a_thousand_exchanges_leave_nothing_open() -> None:
    async def scenario() -> None:
        for _ in range(20):
            assert (await answer_to_get(replying(OK))).body == b"ok"
        async with connected(replying(*[OK] * 1000)) as (pool, connection):
            for _ in range(1000):
                assert pool.idle_count == 0
                await ask(connection).over()
                assert pool.idle(connection.target) is connection
            assert pool.open_count == 1

    uvloop.run(scenario())
