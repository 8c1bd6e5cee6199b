"""Active health checks: a request to each upstream's `health.check_path` every now and then.

What an answer means for the upstream is its breaker's to decide (`policy.health`). One task per upstream that is
checked; a reload replaces those whose check has changed and leaves the others to their rhythm.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Iterable
from typing import Final

import msgspec

from sluiceway.errors import StaleConnection, UpstreamError
from sluiceway.policy.health import Breaker
from sluiceway.upstream.connection import UpstreamConnection
from sluiceway.upstream.pool import Pool, Target
from sluiceway.upstream.response import ResponseHead
from sluiceway.wire.http import Headers, request_head

log = logging.getLogger("sluiceway.health")

JITTER: Final = 0.1
"""The part by which an interval is longer or shorter, so that checks of many upstreams do not fall together."""

LINGER_S: Final = 1.0
"""How long the rest of an answer is read, to use its connection again."""

_REFUSED: Final = (401, 403)


class Check(msgspec.Struct, frozen=True):
    """What is asked of one upstream. Two that are equal are the same check, before and after a reload.

    requests: the bytes to send, one for each of its keys, or one; see `check_requests`.
    """

    name: str
    target: Target
    requests: tuple[bytes, ...]
    interval_s: float
    timeout_s: float


def check_requests(path: bytes, headers_by_key: Iterable[Headers]) -> tuple[bytes, ...]:
    """The requests of a check. `path`: from the root, the base URL's own in front. `headers_by_key`: of each key
    the headers with it, `host` included."""
    return tuple(request_head(b"GET", path, headers) for headers in headers_by_key)


class HealthChecks:
    """All checks of one process. Used from one event loop; `stop` before its pool is closed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._running: dict[str, tuple[Check, Breaker, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # those that were told to end, too

    def __repr__(self) -> str:
        return f"<HealthChecks {' '.join(sorted(self._running)) or 'none'}>"

    def replace(self, checks: Iterable[tuple[Check, Breaker]]) -> None:
        """Check these from now on, and no others. A breaker hears of each result."""
        wanted = {check.name: (check, breaker) for check, breaker in checks}
        for name, (check, breaker, task) in list(self._running.items()):
            if wanted.get(name) == (check, breaker):
                del wanted[name]
            else:
                task.cancel()
                del self._running[name]
        for name, (check, breaker) in wanted.items():
            task = asyncio.get_running_loop().create_task(
                self._run(check, breaker), name=f"health check of {name}"
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._running[name] = (check, breaker, task)

    async def stop(self) -> None:
        """End all checks, and wait until they have ended."""
        self._running.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, check: Check, breaker: Breaker) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(check.interval_s * JITTER * random.random())  # noqa: S311
        was_well = True
        while True:
            try:
                trouble = await self._checked(check)
            except Exception:  # a defect here must not leave an upstream unchecked for ever
                log.exception("the health check of %s failed in the gateway", check.name)
            else:
                is_well = trouble is None
                breaker.set_checked(is_well, loop.time())
                if was_well and not is_well:
                    log.warning("health check of %s: %s", check.name, trouble)
                elif is_well and not was_well:
                    log.info("health check of %s: well again", check.name)
                was_well = is_well
            await asyncio.sleep(check.interval_s * (1 + JITTER * (2 * random.random() - 1)))  # noqa: S311

    async def _checked(self, check: Check) -> str | None:
        """What is wrong; None if it is well. A refused key is not, unless every one is refused."""
        try:
            async with asyncio.timeout(check.timeout_s):
                for request in check.requests:
                    status = await self._ask(check.target, request)
                    if status not in _REFUSED:
                        break
        except TimeoutError:
            return f"no answer within check_timeout_s ({check.timeout_s:g} s)"
        except UpstreamError as error:
            return error.message
        return f"it answered with status {status}" if status >= 500 or status in _REFUSED else None

    async def _ask(self, target: Target, request: bytes) -> int:
        """The status of the answer. On a kept connection, or on a fresh one where that proves dead."""
        connection = self._pool.idle(target)
        while True:
            if connection is None:
                connection = await self._pool.connect(target, 0)  # the check's own clock is running
            try:
                return await _status(connection, request)
            except StaleConnection:
                connection = None


async def _status(connection: UpstreamConnection, request: bytes) -> int:
    handler = _StatusReader(connection)
    connection.send(request, b"", handler)
    try:
        return await handler.status
    except asyncio.CancelledError:
        handler.give_up()
        raise


class _StatusReader:
    """Reads a response's head, and leaves the rest to be read in passing."""

    def __init__(self, connection: UpstreamConnection) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._connection = connection
        self._is_over = False

    def give_up(self) -> None:
        """Nobody waits any more."""
        if not self._is_over:
            self._is_over = True
            self._connection.abort()

    def on_head(self, head: ResponseHead) -> None:
        self._is_over = True
        with contextlib.suppress(asyncio.InvalidStateError):  # given up in this very turn of the loop
            self.status.set_result(head.status)
        self._connection.linger(LINGER_S)

    def on_body(self, data: bytes) -> None: ...

    def on_end(self) -> None: ...

    def on_broken(self, error: UpstreamError) -> None:
        self._is_over = True
        with contextlib.suppress(asyncio.InvalidStateError):
            self.status.set_exception(error)
