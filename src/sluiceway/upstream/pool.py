"""The pool: idle connections by target, and new ones.

Decides nothing about requests: it hands out the newest idle connection, or makes one. A connection gives
itself back when its response has ended.
"""

from __future__ import annotations

import asyncio
import socket
import ssl

from python_socks import ProxyError

from sluiceway.errors import ConnectTimeout, UpstreamUnreachable
from sluiceway.upstream.connection import UpstreamConnection
from sluiceway.upstream.dial import Target, client_ssl_context, dial

__all__ = ["Pool", "Target"]

# Below the 60 s after which most servers and load balancers close idle connections, so that it is
# usually we who close, and a request seldom meets a dead one.
KEEPALIVE_S = 55.0

# Beyond what bursts need, idle sockets are only a burden on the upstream.
MAX_IDLE_PER_TARGET = 256

# What a proxy says in its own words is passed on up to this length.
MAX_REASON_CHARS = 200


class Pool:
    """All upstream connections of one process. Used from one event loop."""

    def __init__(
        self,
        *,
        keepalive_s: float = KEEPALIVE_S,
        max_idle_per_target: int = MAX_IDLE_PER_TARGET,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._keepalive_s = keepalive_s
        self._max_idle = max_idle_per_target
        self._ssl_context = ssl_context
        self._idle: dict[Target, list[UpstreamConnection]] = {}
        self._open: set[UpstreamConnection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"<Pool open={self.open_count} idle={self.idle_count}>"

    @property
    def idle_count(self) -> int:
        """Connections that wait for a request."""
        return sum(map(len, self._idle.values()))

    @property
    def open_count(self) -> int:
        """All connections, busy ones included."""
        return len(self._open)

    def idle(self, target: Target) -> UpstreamConnection | None:
        """The idle connection that was used last: the likeliest to be alive, and old ones get to expire."""
        waiting = self._idle.get(target)
        return waiting.pop() if waiting else None

    async def connect(self, target: Target, timeout_s: float) -> UpstreamConnection:
        """A new connection; `timeout_s` 0 waits for as long as the system does.

        Raises `ConnectTimeout` when the connect clock runs out, else `UpstreamUnreachable` with the reason.
        """
        if self._ssl_context is None:  # made late: reading the trust store takes some 20 ms
            self._ssl_context = client_ssl_context()
        # Kept, since looking it up is a system call (getpid) in CPython 3.11, and costs as much as a small write.
        self._loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s or None) as clock:
                _transport, connection = await dial(
                    target, lambda: UpstreamConnection(target, self._take_back), self._ssl_context
                )
        except (OSError, ProxyError, ValueError) as error:
            if clock.expired():  # the system's own ETIMEDOUT is a TimeoutError too
                message = f"no connection to {target.name} within connect_s ({timeout_s:g} s)"
                raise ConnectTimeout(message) from None
            raise UpstreamUnreachable(f"no connection to {target.name}: {_reason(error)}") from None
        if not connection.closed:  # else the exchange to come will be told
            self._open.add(connection)
        return connection

    async def close(self) -> None:
        """Close everything; running exchanges break."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in list(self._open):
            connection.break_off(UpstreamUnreachable("the gateway is shutting down"))
        await asyncio.sleep(0)  # transports close in the loop's next turn

    def _take_back(self, connection: UpstreamConnection) -> None:
        """Called by a connection that became idle, or was closed."""
        waiting = self._idle.setdefault(connection.target, [])
        if connection.closed:
            self._open.discard(connection)
            if connection in waiting:
                waiting.remove(connection)
            return
        if self._closed or len(waiting) >= self._max_idle:
            connection.abort()
            return
        loop = self._loop
        assert loop is not None
        connection.idle_since = loop.time()
        waiting.append(connection)
        if self._sweeper is None:
            self._sweeper = loop.call_later(self._keepalive_s, self._sweep)

    def _sweep(self) -> None:
        """Close what has waited too long: one timer for all, which stops when nothing waits."""
        self._sweeper = None
        loop = self._loop
        assert loop is not None
        expired_at = loop.time() - self._keepalive_s
        for waiting in self._idle.values():
            for connection in [c for c in waiting if c.idle_since <= expired_at]:
                connection.abort()
        oldest = min((waiting[0].idle_since for waiting in self._idle.values() if waiting), default=None)
        if oldest is not None:
            self._sweeper = loop.call_later(max(oldest - expired_at, 0.1), self._sweep)


def _reason(error: Exception) -> str:
    """What went wrong, in words that name no secret."""
    if isinstance(error, socket.gaierror):
        return f"its name does not resolve ({error.strerror})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason})"
    if isinstance(error, ProxyError):
        if isinstance(error.__cause__, OSError):
            return f"its proxy can't be reached: {_reason(error.__cause__)}"
        return f"the proxy refused ({str(error)[:MAX_REASON_CHARS]})"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
