"""One of several processes that share the port: what its supervisor tells it, and how it obeys.

They talk over a pair of sockets (`orders`). When the supervisor dies its end closes, and the worker drains. It obeys
no signal: a terminal or a service manager sends them to all processes, and a worker would take the supervisor's
order, which follows, for a second one.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import uvloop

from sluiceway.config.settings import Settings
from sluiceway.config.source import Loaded
from sluiceway.console.api import PARTS
from sluiceway.console.peers import Siblings, answering
from sluiceway.console.upstreams import drain_these
from sluiceway.observe.logs import configure_logging
from sluiceway.orders import (
    Answer,
    Apply,
    Drain,
    Message,
    Obeyed,
    Ready,
    Reload,
    Reloaded,
    SetDrained,
    Start,
    Stop,
    encode,
    messages,
)
from sluiceway.policy.parts import divided
from sluiceway.reload import Result
from sluiceway.server import GatewayServer, build_server, is_up, tune_gc
from sluiceway.watching import watching

log = logging.getLogger("sluiceway.worker")

# How long the supervisor may take to have all workers drain an upstream; they wait no longer for one that is stuck.
PATIENCE_S = 5.0


class Superior:
    """The supervisor, as the console's API asks it. `settings`: what is configured for all workers together."""

    def __init__(self, writer: asyncio.StreamWriter, start: Start) -> None:
        self.settings: Settings = start.settings
        self.last_result: Result | None = start.last_reload
        self.files = start.files
        self._writer = writer
        self._asked = 0
        self._waiting: dict[int, asyncio.Future[Answer]] = {}

    async def reload(self, reason: str) -> Result:
        """Have the configuration read again, for all workers; how it went. See `console.deps.Reloader`."""
        self._asked += 1
        answer = await self._ask(Reload(self._asked, reason))
        assert answer.result is not None, "a reload has one"
        return answer.result

    async def set_drained(self, upstream: str, drained: bool) -> None:
        """Have no worker send anything new there, or all of them again. It is not waited for for ever."""
        self._asked += 1
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._ask(SetDrained(self._asked, upstream, drained))
        except TimeoutError:
            log.warning("not all workers have obeyed yet", extra={"upstream": upstream, "drained": drained})

    async def _ask(self, question: Reload | SetDrained) -> Answer:
        told: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[question.number] = told
        try:
            self._writer.write(encode(question))
            return await told
        finally:
            del self._waiting[question.number]

    def answered(self, answer: Answer) -> None:
        """What was asked for is done."""
        told = self._waiting.get(answer.number)
        if told is not None and not told.done():  # nobody may wait for it any more
            told.set_result(answer)

    def obeyed(self) -> None:
        """Say so."""
        self._writer.write(encode(Obeyed()))


async def work(control: socket.socket) -> None:
    """Serve as the supervisor says, until it says stop or is gone."""
    reader, writer = await asyncio.open_connection(sock=control)
    orders = messages(reader)
    start = await anext(orders, None)
    if not isinstance(start, Start):
        return  # it is gone before it began
    configure_logging(start.settings.server.log_level)
    shared = Path(start.shared)
    superior = Superior(writer, start)
    settings, stored = divided(start.settings, start.stored, start.workers)
    with watching(settings, worker=start.worker, shared=shared) as onlooking:
        server = build_server(
            settings, stored, onlooking=onlooking, worker=start.worker, workers=start.workers
        )
        deps = server.app.deps
        deps.reloader, deps.set_drained, deps.peers = superior, superior.set_drained, Siblings(shared)
        deps.settings, deps.files = lambda: superior.settings, lambda: tuple(map(Path, superior.files))
        drain_these(server.gateway, start.drained)
        async with answering(deps, PARTS, shared):
            serving = asyncio.create_task(server.serve([socket.socket(fileno=start.listener)]))
            obeying = asyncio.create_task(_obey(orders, server, superior, start.workers))
            try:
                await is_up(server, serving)
                writer.write(encode(Ready()))
                tune_gc()
                await serving
            finally:
                obeying.cancel()
                writer.close()


async def _obey(
    orders: AsyncIterator[Message], server: GatewayServer, superior: Superior, workers: int
) -> None:
    async for order in orders:
        match order:
            case Apply(settings, stored):
                try:
                    server.apply(Loaded(*divided(settings, stored, workers)))
                except Exception:
                    log.exception("the configuration could not be put in force; nothing has changed")
                else:
                    superior.settings = settings
                superior.obeyed()
            case Drain(upstreams):
                drain_these(server.gateway, upstreams)
                if server.started:  # before, nobody waits
                    server.gateway.admission.wake()
                superior.obeyed()
            case Reloaded(result, files):
                superior.last_result, superior.files = result, files
            case Answer():
                superior.answered(order)
            case Stop(at_once):
                server.stop(at_once=at_once)
    if not server.should_exit:
        log.error("the supervisor is gone; draining")
        server.stop()


def main() -> None:
    """Entry point of the process; its only argument is the file descriptor of its end of the pair."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    uvloop.run(work(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()
