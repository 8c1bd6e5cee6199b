"""The process: uvicorn with our front, started, drained and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import resource
import socket
from typing import Any

import uvicorn

from sluiceway.app import App
from sluiceway.config.settings import ServerSettings, Settings
from sluiceway.errors import Draining
from sluiceway.front import FrontProtocol, Limits
from sluiceway.gateway import Gateway
from sluiceway.runtime import Observer, Runtime
from sluiceway.upstream.pool import Pool

# nginx's keepalive_timeout: clients and load balancers reuse connections for about this long.
KEEP_ALIVE_S = 75

# Allocations minus deallocations of containers before the youngest generation is collected.
GC_THRESHOLD = 20_000

# After the last stream was ended with an error, how long its bytes may take to reach the client.
GRACE_S = 2.0


class GatewayServer(uvicorn.Server):
    """A uvicorn server that drains: streams may finish for `drain_s`, then end with an in-band error."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway, drain_s: float) -> None:
        super().__init__(config)
        self.gateway = gateway
        self._drain_s = drain_s

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """SIGTERM or SIGINT: accept nothing more, wait, end what is left, wait a moment, stop."""
        gateway = self.gateway
        gateway.draining = True
        cut = asyncio.get_running_loop().call_later(
            self._drain_s,
            gateway.end_all,
            Draining("the gateway is shutting down; the answer is not complete"),
        )
        try:
            await super().shutdown(sockets)
        finally:
            cut.cancel()


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
        backlog=4096,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(server.drain_s + GRACE_S),
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


def bound_port(server: uvicorn.Server) -> int:
    """The port it listens on, once `started`; of use where 0 was asked for."""
    listener: Any = server.servers[0].sockets[0]
    return int(listener.getsockname()[1])
