"""Several processes of one gateway, in one loop: each with an API of its own, and the others as its peers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from console_client import Client, console

from sluiceway.config.observe_settings import InspectorSettings
from sluiceway.console.api import PARTS
from sluiceway.console.deps import Deps
from sluiceway.observe.draft import Draft
from sluiceway.observe.inspector import Inspector
from sluiceway.relay.observe import Tape

EVENT = b'data: {"choices":[]}\n\n'


class Near:
    """Peers that are asked without a socket; those in `silent` can't be heard."""

    def __init__(self, every: list[Deps], silent: set[int]) -> None:
        self._every = every
        self._silent = silent
        self.asked: list[tuple[int, str]] = []

    async def ask(self, worker: int, part: str, question: bytes) -> bytes | None:
        self.asked.append((worker, part))
        if worker in self._silent:
            return None
        await asyncio.sleep(0)
        return await next(one for one in PARTS if one.name == part).answered(self._every[worker], question)


class Fleet:
    """`clients`: one for each worker. `silent`: workers that can't be heard."""

    def __init__(self, clients: list[Client], silent: set[int]) -> None:
        self.clients = clients
        self.silent = silent
        self._running: dict[str, tuple[int, Draft, Tape]] = {}

    def begin(self, worker: int, name: str, **fields: Any) -> None:
        """A stream begins in that worker."""
        now = asyncio.get_running_loop().time()
        given: dict[str, Any] = {"dialect": "chat", "model": "gpt-x", "stream": True, **fields}
        draft = Draft(name, time.time(), "POST", "/v1/chat/completions", now, **given)
        self._running[name] = worker, draft, self._inspector(worker).begin(draft, "chat")

    def write(self, name: str, count: int = 1) -> None:
        """So many events."""
        for _ in range(count):
            self._running[name][2].wrote_events(asyncio.get_running_loop().time(), EVENT)

    def end(self, name: str) -> None:
        """It is over."""
        worker, draft, tape = self._running.pop(name)
        draft.finished_at = asyncio.get_running_loop().time()
        self._inspector(worker).end(draft.finish(tape), tape)

    def restart(self, worker: int) -> None:
        """Another process takes its place, and knows nothing."""
        deps = self.clients[worker].deps
        deps.inspector = Inspector(InspectorSettings())
        deps.started += 1

    def _inspector(self, worker: int) -> Inspector:
        inspector = self.clients[worker].deps.inspector
        assert inspector is not None
        return inspector


@contextlib.asynccontextmanager
async def fleet(workers: int = 3, config: dict[str, Any] | None = None) -> AsyncIterator[Fleet]:
    """So many workers with this configuration."""
    silent: set[int] = set()
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                console(
                    {"admin": {"live_s": 0.01}, **(config or {})},
                    inspector=Inspector(InspectorSettings()),
                    worker=worker,
                    workers=workers,
                )
            )
            for worker in range(workers)
        ]
        every = [client.deps for client in clients]
        for deps in every:
            deps.peers = Near(every, silent)
        yield Fleet(clients, silent)
