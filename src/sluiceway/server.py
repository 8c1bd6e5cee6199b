"""The process: uvicorn with our front, started, drained and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import uvicorn

from sluiceway.app import App
from sluiceway.config.server_settings import ServerSettings
from sluiceway.config.settings import Settings
from sluiceway.config.source import Loaded
from sluiceway.config.stored_keys import StoredKeys
from sluiceway.errors import Draining
from sluiceway.front import FrontProtocol, Limits
from sluiceway.gateway import Gateway
from sluiceway.listener import BACKLOG, HANDSHAKE_S, let_nobody_in
from sluiceway.state.opening import state_of
from sluiceway.watching import Watching

# nginx's keepalive_timeout: clients and load balancers reuse connections for about this long.
KEEP_ALIVE_S = 75

# Allocations minus deallocations of containers before the youngest generation is collected.
GC_THRESHOLD = 20_000

# How long another thread (the store's, the metrics') may keep the interpreter when the loop wants it. By default it
# is 5 ms, in which a hundred events would be late.
SWITCH_S = 0.0005

# How often one that starts looks whether it is up.
START_POLL_S = 0.01

# How often a draining process looks whether it is done.
DRAIN_POLL_S = 0.05

# How long a draining process on which nothing happens any more keeps its connections open: who is about to use
# one is then told to leave, instead of finding it closed. Clients that are busy come back within milliseconds.
LAST_CALL_S = 0.5

# After the last stream was ended with an error, how long its bytes may take to reach the client.
GRACE_S = 2


class GatewayServer(uvicorn.Server):
    """A uvicorn server that drains: streams may finish for `drain_s`, then end with an in-band error."""

    def __init__(
        self,
        config: uvicorn.Config,
        app: App,
        settings: ServerSettings,
        front: type[FrontProtocol],
        *,
        signals: bool = True,
    ) -> None:
        """`signals`: obey SIGINT and SIGTERM; false where somebody else tells it to stop."""
        super().__init__(config)
        self.app = app
        self.gateway = app.gateway
        self._front = front
        self._signals = signals
        self._take(settings)

    def apply(self, loaded: Loaded) -> None:
        """Put another configuration in force, for requests that come from now on."""
        self.app.apply(loaded.settings, loaded.stored)
        self._take(loaded.settings.server)
        logging.getLogger("sluiceway").setLevel(loaded.settings.server.log_level.upper())

    def _take(self, settings: ServerSettings) -> None:
        self._drain_s = settings.drain_s
        self._front.limits = Limits(settings.head_timeout_s, settings.body_timeout_s, settings.max_head_bytes)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but a signal that was obeyed is not raised again: a drained gateway exits with 0."""
        if not self._signals or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self, *, at_once: bool = False) -> None:
        """Drain, as the first signal does, or end the waiting, as a second one does."""
        self.force_exit = self.force_exit or at_once
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in, wait for running answers, end what is left with an error, take leave, stop.

        No connection is reset on the way. Kept ones stay open while answers run: whatever is asked on them is
        answered with 503 and `connection: close`, so that their clients go elsewhere.
        """
        give_up_at = asyncio.get_running_loop().time() + self._drain_s
        self._front.draining = True
        self.gateway.drain()
        for connection in self._connections():
            connection.ask_to_leave()
        await self._let_nobody_in()
        await self._all_is_quiet(give_up_at)
        self.gateway.end_all(Draining("the gateway is shutting down; the answer is not complete"))
        await self._all_have_left()
        await super().shutdown(sockets)
        if self.force_exit:
            # uvicorn would leave it there; what was lent by a shared state has still to be given back.
            await self.lifespan.shutdown()

    async def _let_nobody_in(self) -> None:
        """Accept whom the kernel let in already, and close the port."""
        for server in self.servers:
            for listener in server.sockets:
                let_nobody_in(listener.fileno())
        await asyncio.sleep(HANDSHAKE_S)
        for server in self.servers:
            server.close()

    async def _all_is_quiet(self, give_up_at: float) -> None:
        """Wait until no request is received, waits or is answered, and nobody came or left for `LAST_CALL_S`."""
        loop, state = asyncio.get_running_loop(), self.server_state
        quiet_since, had_open = loop.time(), -1
        while (state.connections or state.tasks) and loop.time() < give_up_at and not self.force_exit:
            has_open = len(state.connections)
            if has_open != had_open or state.tasks or any(one.is_busy for one in self._connections()):
                quiet_since, had_open = loop.time(), has_open
            elif loop.time() - quiet_since >= LAST_CALL_S:
                return
            await asyncio.sleep(DRAIN_POLL_S)

    async def _all_have_left(self) -> None:
        give_up_at = asyncio.get_running_loop().time() + GRACE_S
        while self.server_state.connections and not self.force_exit:
            for connection in self._connections():
                connection.leave()
            if asyncio.get_running_loop().time() >= give_up_at:
                return
            await asyncio.sleep(DRAIN_POLL_S)

    def _connections(self) -> list[FrontProtocol]:
        return [one for one in self.server_state.connections if isinstance(one, FrontProtocol)]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal drains, a second one of any kind ends the waiting."""
        if self.should_exit:
            self.force_exit = True
        super().handle_exit(sig, frame)


def build_server(
    settings: Settings,
    stored: StoredKeys | None = None,
    *,
    onlooking: Watching | None = None,
    worker: int = 0,
    workers: int = 1,
) -> GatewayServer:
    """Everything, wired: nothing listens yet. `stored`: what the keys file holds, None if there is none.

    `onlooking`: who sees what happens, by default nobody. `worker`: which of `workers` processes that share the port
    this is, from 0. One of several obeys no signals, since a terminal or service manager sends them to all, and their
    supervisor then, too.
    """

    class Front(FrontProtocol):
        """uvicorn makes protocols from a class, so what all connections share is the class's."""

    state = state_of(settings.state, worker=worker, workers=workers)
    onlookers = onlooking.onlookers if onlooking is not None else None
    gateway = Gateway(settings, stored, onlookers=onlookers, state=state)
    app = App(gateway, onlooking, worker=worker, workers=workers)
    config = uvicorn.Config(
        app,
        host=settings.server.host,
        port=settings.server.port,
        http=Front,
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    return GatewayServer(config, app, settings.server, Front, signals=workers == 1)


async def is_up(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    """Wait until connections are accepted and signals obeyed. Raises what `serving` fails with."""
    while not server.started:
        if serving.done():
            await serving
        await asyncio.sleep(START_POLL_S)


def tune_gc() -> None:
    """Let the garbage collector run seldom: a request makes some hundred objects and leaves no cycles behind.

    With the default threshold (700) the collector runs several times per hundred requests and walks all
    open connections each time it reaches the oldest generation; what start-up made is never garbage.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(GC_THRESHOLD, 20, 100)


def raise_file_limit() -> None:
    """Each stream takes two sockets, and the usual soft limit of 1,024 is from another age."""
    with contextlib.suppress(ValueError, OSError):
        _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def bound_port(server: uvicorn.Server) -> int:
    """The port it listens on, once `started`; of use where 0 was asked for."""
    listener: Any = server.servers[0].sockets[0]
    return int(listener.getsockname()[1])
