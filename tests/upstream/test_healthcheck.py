"""Active checks against servers on loopback: what counts as well, when one ends, and that none is left over."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from upstream_helpers import LOOPS, Script, black_hole, local, replying, serving, soon

from sluiceway.config.upstream_settings import HealthSettings
from sluiceway.mock.testing import running_mock
from sluiceway.policy.health import Breaker
from sluiceway.upstream.healthcheck import Check, HealthChecks, check_requests
from sluiceway.upstream.pool import Pool

both_loops = pytest.mark.parametrize("run", LOOPS.values(), ids=LOOPS.keys())
Run = Callable[[Coroutine[Any, Any, None]], None]

INTERVAL_S = 0.02


class Noting(Breaker):
    """A breaker that remembers what it was told."""

    __slots__ = ("told",)

    def __init__(self) -> None:
        super().__init__(HealthSettings(), lambda: 0.0)
        self.told: list[bool] = []

    def set_checked(self, ok: bool, now: float) -> None:
        assert now == pytest.approx(asyncio.get_running_loop().time(), abs=1)
        self.told.append(ok)
        super().set_checked(ok, now)


def check(port: int, *, name: str = "a", keys: int = 1, **more: Any) -> Check:
    requests = check_requests(
        b"/v1/models", [[(b"host", b"upstream"), (b"x-api-key", b"key-%d" % key)] for key in range(keys)]
    )
    given: dict[str, Any] = {"interval_s": INTERVAL_S, "timeout_s": 5.0} | more
    return Check(name=name, target=local(port), requests=requests, **given)


def running_tasks() -> list[str]:
    return sorted(
        name for task in asyncio.all_tasks() if (name := task.get_name()).startswith("health check")
    )


@contextlib.asynccontextmanager
async def checking(*checks: tuple[Check, Breaker]) -> AsyncIterator[tuple[HealthChecks, Pool]]:
    """Checks that run; afterwards nothing of them is left."""
    pool = Pool()
    tested = HealthChecks(pool)
    tested.replace(checks)
    try:
        yield tested, pool
    finally:
        await tested.stop()
        assert running_tasks() == []
        await pool.close()
        assert pool.open_count == 0


def answer(status: int) -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-length: 2\r\n\r\nno" % status


async def result(script: Script, **more: Any) -> bool:
    """What one check of such a server finds."""
    async with serving(script) as port:
        breaker = Noting()
        async with checking((check(port, **more), breaker)):
            await soon(lambda: bool(breaker.told))
    return breaker.told[0]


@both_loops
@pytest.mark.parametrize(
    ("status", "well"),
    [
        (200, True),
        (204, True),
        (302, True),
        (404, True),
        (429, True),
        (401, False),
        (403, False),
        (500, False),
    ],
)
def test_an_answer_below_500_is_well_unless_the_key_is_refused(run: Run, status: int, well: bool) -> None:
    async def scenario() -> None:
        assert await result(replying(answer(status) if status != 204 else b"HTTP/1.1 204 X\r\n\r\n")) == well

    run(scenario())


@both_loops
def test_a_check_asks_again_and_again_on_one_connection_with_its_key(run: Run) -> None:
    async def scenario() -> None:
        heads: list[bytes] = []
        connections = 0

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            while True:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(answer(200))

        async with serving(script) as port:
            breaker = Noting()
            async with checking((check(port), breaker)) as (tested, _):
                await soon(lambda: len(breaker.told) >= 3)
                assert repr(tested) == "<HealthChecks a>"
            assert repr(tested) == "<HealthChecks none>"
        assert all(breaker.told)
        assert connections == 1
        assert set(heads) == {b"GET /v1/models HTTP/1.1\r\nhost: upstream\r\nx-api-key: key-0\r\n\r\n"}

    run(scenario())


def test_one_key_that_is_taken_is_enough() -> None:
    async def scenario() -> None:
        assert await result(replying(answer(401), answer(403), answer(200)), keys=3)
        assert not await result(replying(answer(401), answer(403), answer(401)), keys=2)
        assert not await result(replying(answer(401), answer(500)), keys=3)

    asyncio.run(scenario())


@both_loops
def test_no_connection_and_a_broken_answer_are_ill(run: Run) -> None:
    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async def scenario() -> None:
        assert not await result(hangs_up)
        assert not await result(replying(b"SSH-2.0-OpenSSH_9.9\r\n"))
        async with serving(replying()) as port:
            pass
        breaker = Noting()
        async with checking((check(port), breaker)):
            await soon(lambda: len(breaker.told) >= 2)
        assert not any(breaker.told)

    run(scenario())


@both_loops
def test_silence_is_ill_once_the_time_is_up_and_its_connection_is_closed(run: Run) -> None:
    async def scenario() -> None:
        async with serving(replying()) as port:
            breaker = Noting()
            async with checking((check(port, timeout_s=0.05, interval_s=1), breaker)) as (_, pool):
                await soon(lambda: breaker.told == [False])
                await soon(lambda: pool.open_count == 0)

    run(scenario())


def test_a_connection_that_can_not_be_had_in_time_is_ill() -> None:
    async def scenario(port: int) -> None:
        breaker = Noting()
        async with checking((check(port, timeout_s=0.05), breaker)):
            await soon(lambda: bool(breaker.told))
        assert not any(breaker.told)

    with black_hole() as port:
        asyncio.run(scenario(port))


@both_loops
def test_a_kept_connection_that_proves_dead_is_no_illness(run: Run) -> None:
    async def scenario() -> None:
        connections = 0

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(200))
            await reader.readuntil(b"\r\n\r\n")  # and hangs up when asked again

        async with serving(script) as port:
            breaker = Noting()
            async with checking((check(port), breaker)):
                await soon(lambda: len(breaker.told) >= 4)
        assert all(breaker.told)
        assert connections >= 4

    run(scenario())


def test_a_large_answer_is_not_read_to_its_end() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async def scenario() -> None:
        async with serving(endless) as port:
            breaker = Noting()
            async with checking((check(port), breaker)) as (_, pool):
                await soon(lambda: len(breaker.told) >= 3)
                assert pool.open_count <= 3
            assert all(breaker.told)

    asyncio.run(scenario())


def test_an_upstream_that_falls_ill_and_recovers_is_reported_once_each_way(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        status = 200

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer(status))

        async with serving(script) as port:
            breaker = Noting()
            async with checking((check(port), breaker)):
                await soon(lambda: True in breaker.told)
                status = 503
                await soon(lambda: breaker.state == "open")
                await soon(lambda: breaker.told.count(False) >= 2)
                status = 200
                await soon(lambda: breaker.state == "closed")

    with caplog.at_level(logging.INFO, "sluiceway.health"):
        asyncio.run(scenario())
    assert [record.getMessage() for record in caplog.records] == [
        "health check of a: it answered with status 503",
        "health check of a: well again",
    ]


def test_a_reload_ends_what_is_gone_keeps_what_is_the_same_and_begins_what_is_new() -> None:
    async def scenario() -> None:
        connections = 0

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer(200))

        async with serving(script) as port:
            a, b, c = Noting(), Noting(), Noting()
            async with checking((check(port, name="a"), a), (check(port, name="b"), b)) as (tested, _):
                running = dict(tested._running)
                changed = check(port, name="b", keys=2)
                tested.replace([(check(port, name="a"), a), (changed, b), (check(port, name="c"), c)])
                assert tested._running["a"] == running["a"]
                assert tested._running["b"] != running["b"]
                assert repr(tested) == "<HealthChecks a b c>"
                await soon(lambda: min(len(one.told) for one in (a, b, c)) >= 2)
                tested.replace([(check(port, name="c"), c)])
                heard = len(a.told), len(b.told), len(c.told)
                await soon(lambda: len(c.told) >= heard[2] + 3)
                assert (len(a.told), len(b.told)) == heard[:2]
                tested.replace([])
                assert repr(tested) == "<HealthChecks none>"

    asyncio.run(scenario())


def test_fifty_reloads_leave_one_task_for_each_upstream() -> None:
    async def scenario() -> None:
        async with serving(replying(*[answer(200)] * 1000)) as port:
            breaker = Noting()
            async with checking() as (tested, _):
                for number in range(50):
                    tested.replace([(check(port, timeout_s=5 + number), breaker)])
                    await asyncio.sleep(0.001 * (number % 4))
                await soon(lambda: running_tasks() == ["health check of a"])

    asyncio.run(scenario())


def test_a_defect_is_logged_and_does_not_end_the_checks(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Pool):
        asked = 0

        def idle(self, target: Any) -> None:
            self.asked += 1
            raise RuntimeError("a defect")

    async def scenario() -> None:
        pool = Broken()
        tested = HealthChecks(pool)
        tested.replace([(check(1), Noting())])
        await soon(lambda: pool.asked >= 2)
        await tested.stop()

    asyncio.run(scenario())
    assert "the health check of a failed in the gateway" in caplog.text


def test_the_simulated_provider_is_well() -> None:
    async def scenario(port: int) -> None:
        breaker = Noting()
        async with checking((check(port), breaker)):
            await soon(lambda: len(breaker.told) >= 2)
        assert all(breaker.told)

    with running_mock() as mock:
        asyncio.run(scenario(mock.port))
