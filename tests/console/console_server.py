"""The API on a real port, before a real gateway, in a thread with its own loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import uvloop

from sluiceway.config.load import settings_from
from sluiceway.console.deps import Deps
from sluiceway.server import GatewayServer, bound_port, build_server


class RunningConsole:
    """`port` answers `/api` and `/v1`."""

    def __init__(self, server: GatewayServer, loop: asyncio.AbstractEventLoop, deps: Deps) -> None:
        self.server = server
        self.deps = deps
        self.port = bound_port(server)
        self.url = f"http://127.0.0.1:{self.port}"
        self._loop = loop

    def call(self, function: Callable[[], Any]) -> Any:
        """What it returns, called in the gateway's own loop."""

        async def called() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result(5)


def wait_until(true: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Poll; raises `TimeoutError`."""
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.005)


@contextlib.contextmanager
def running_console(config: dict[str, Any], **deps: Any) -> Iterator[RunningConsole]:
    """Run it while the body runs; `deps`: instead of what the server itself puts there."""
    server = build_server(settings_from({**config, "server": {"port": 0, **config.get("server", {})}}, {}))
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve()

    thread = threading.Thread(target=lambda: uvloop.run(serve()), daemon=True)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive())
    known = server.app.deps
    for name, value in deps.items():
        setattr(known, name, value)
    try:
        yield RunningConsole(server, loops[0], known)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive(), "the gateway did not stop"
