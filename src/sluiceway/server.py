"""The process: uvicorn with our front, started, drained and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import uvicorn

from sluiceway.app import App
from sluiceway.config.settings import ServerSettings, Settings
from sluiceway.errors import Draining
from sluiceway.front import FrontProtocol, Limits
from sluiceway.gateway import Gateway
from sluiceway.runtime import Observer, Runtime
from sluiceway.upstream.pool import Pool

# What the kernel may hold of connections that are not accepted yet; bursts of some thousand clients are usual.
BACKLOG = 4096

# nginx's keepalive_timeout: clients and load balancers reuse connections for about this long.
KEEP_ALIVE_S = 75

# Allocations minus deallocations of containers before the youngest generation is collected.
GC_THRESHOLD = 20_000

# How often a draining process looks whether it is done.
DRAIN_POLL_S = 0.05

# After the last stream was ended with an error, how long its bytes may take to reach the client.
GRACE_S = 2


class GatewayServer(uvicorn.Server):
    """A uvicorn server that drains: streams may finish for `drain_s`, then end with an in-band error."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway, drain_s: float) -> None:
        super().__init__(config)
        self.gateway = gateway
        self._drain_s = drain_s

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but a signal that was obeyed is not raised again: a drained gateway exits with 0."""
        if threading.current_thread() is not threading.main_thread():
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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no new connections, wait for running answers, end what is left with an error, stop.

        Kept connections stay open meanwhile: what comes on them is told that the gateway is draining, which
        is better than a connection that closes under a request.
        """
        gateway = self.gateway
        gateway.draining = True
        for listener in self.servers:
            listener.close()
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._drain_s
        while gateway.active and loop.time() < give_up_at and not self.force_exit:  # noqa: ASYNC110
            await asyncio.sleep(DRAIN_POLL_S)
        gateway.end_all(Draining("the gateway is shutting down; the answer is not complete"))
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal drains, a second one of any kind ends the waiting."""
        if self.should_exit:
            self.force_exit = True
        super().handle_exit(sig, frame)


def build_server(settings: Settings, *, observers: tuple[Observer, ...] = ()) -> GatewayServer:
    """Everything, wired: nothing listens yet."""
    gateway = Gateway(Runtime(settings, observers=observers), Pool())
    server = settings.server
    config = uvicorn.Config(
        App(gateway),
        host=server.host,
        port=server.port,
        http=_front(server),
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
    return GatewayServer(config, gateway, server.drain_s)


def _front(server: ServerSettings) -> type[FrontProtocol]:
    """uvicorn makes protocols from a class, so the limits are the class's."""

    class Front(FrontProtocol):
        limits = Limits(server.head_timeout_s, server.body_timeout_s, server.max_head_bytes)

    return Front


def tune_gc() -> None:
    """Let the garbage collector run seldom: a request makes some hundred objects and leaves no cycles behind.

    With the default threshold (700) the collector runs several times per hundred requests and walks all
    open connections each time it reaches the oldest generation; what start-up made is never garbage.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 100)


def raise_file_limit() -> None:
    """Each stream takes two sockets, and the usual soft limit of 1,024 is from another age."""
    with contextlib.suppress(ValueError, OSError):
        _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def listen(host: str, port: int) -> socket.socket:
    """Open the port (0: any free one), so that a taken one is known before anything starts. Raises `OSError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::")


def bound_port(server: uvicorn.Server) -> int:
    """The port it listens on, once `started`; of use where 0 was asked for."""
    listener: Any = server.servers[0].sockets[0]
    return int(listener.getsockname()[1])
