"""uvicorn around the simulated provider: for the command line, for a demo in one loop, for tests."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

from sluiceway.front import FrontProtocol
from sluiceway.mock.app import MockProvider

_KEEP_ALIVE_S = 75  # as nginx; faults that close earlier say so
_GRACE_S = 2  # answers are cut at shutdown, so what is left after this hangs
_BACKLOG = 4096


class MockServer(uvicorn.Server):
    """A server that cuts its answers at shutdown instead of waiting an hour for a `silent` one.

    Its port is open from the start: clients may connect before `serve()` runs. `signals`: end on SIGINT
    and SIGTERM; false where somebody else in the process handles them.
    """

    def __init__(
        self, config: uvicorn.Config, provider: MockProvider, listener: socket.socket, *, signals: bool
    ) -> None:
        super().__init__(config)
        self.provider = provider
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        self._signals = signals

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `should_exit` is set or a signal comes; see `uvicorn.Server`."""
        await super().serve([self._listener, *(sockets or ())])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cut what is running, then end; see `uvicorn.Server`."""
        self.provider.abort_all()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Only if it was asked to; see `uvicorn.Server`."""
        with super().capture_signals() if self._signals else contextlib.nullcontext():
            yield


def make_server(
    provider: MockProvider, host: str = "127.0.0.1", port: int = 0, *, signals: bool = True
) -> MockServer:
    """Open the port (0: any free one) and return a server for it, to be run by `await server.serve()`.

    Raises `OSError` if the port can't be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    config = uvicorn.Config(
        provider,
        http=FrontProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_level="warning",
        log_config=None,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        backlog=_BACKLOG,
    )
    return MockServer(config, provider, listener, signals=signals)


@contextlib.asynccontextmanager
async def serving(
    provider: MockProvider, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[MockServer]:
    """Serve in the running loop while the body runs. Raises `OSError` if the port can't be had."""
    server = make_server(provider, host, port, signals=False)
    task = asyncio.create_task(server.serve())
    try:
        yield server
    finally:
        server.should_exit = True
        await task
