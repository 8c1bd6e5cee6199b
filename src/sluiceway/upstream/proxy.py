"""Through a proxy: a tunnel to the target, by HTTP CONNECT (RFC 9110 section 9.3.6) or SOCKS5 (RFC 1928).

The library speaks the proxies' protocols; the connection to the proxy is made here and lent to it. So
the proxy's addresses race as an upstream's do, its reply may come in any number of pieces, and the tunnel
ends as an ordinary transport.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

import msgspec
from python_socks import ProxyError, ProxyType
from python_socks.async_.asyncio.v2 import Proxy

from sluiceway.upstream.sockets import open_socket

# A proxy's reply to CONNECT; real ones have a few hundred bytes.
MAX_REPLY_BYTES = 16 * 1024

# The library's own clock is not wanted: `connect_s` covers the whole way.
_NO_TIMEOUT_S = 86400.0

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


class ProxyAddress(msgspec.Struct, frozen=True):
    """A proxy's URL, read. `user` and `password` are empty where there are none."""

    scheme: str
    host: str
    port: int
    user: str
    password: str


def read_proxy(url: str) -> ProxyAddress:
    """Raises `ProxyError`, whose text holds nothing of the URL: it may hold a password.

    The environment's variables often lack the scheme (`proxy:3128`); as for curl, that is HTTP.
    """
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port
    except ValueError:
        raise ProxyError("its URL can't be read") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ProxyError(f"its URL is not one of {', '.join(_DEFAULT_PORTS)}://HOST:PORT")
    return ProxyAddress(
        parts.scheme,
        parts.hostname,
        port or _DEFAULT_PORTS[parts.scheme],
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


async def open_tunnel(url: str, host: str, port: int, ssl_context: ssl.SSLContext) -> asyncio.Transport:
    """A connection to `host:port` through the proxy at `url`, its protocol to be replaced by the caller's.

    The proxy looks up the target's name: often only it can. (curl asks for that by `socks5h`, and so may
    you.) Raises `ProxyError`, caused by an `OSError` where the proxy can't be reached.
    """
    proxy = read_proxy(url)
    secure = proxy.scheme == "https"
    try:
        _, lent = await asyncio.get_running_loop().create_connection(
            _Lent,
            sock=await open_socket(proxy.host, proxy.port),
            ssl=ssl_context if secure else None,
            server_hostname=proxy.host if secure else None,
        )
    except OSError as error:
        raise ProxyError("it can't be reached") from error
    try:
        client = Proxy(
            ProxyType.SOCKS5 if proxy.scheme.startswith("socks") else ProxyType.HTTP,
            proxy.host,
            proxy.port,
            proxy.user,
            proxy.password,
            rdns=True,
            forward=cast(Proxy, lent),  # the library's seam for a way to the proxy that is not its own
        )
        await client.connect(host, port, timeout=_NO_TIMEOUT_S)
        if lent.unread or lent.transport.is_closing():
            raise ProxyError("it did not keep the tunnel open")  # a client speaks first in HTTP and in TLS
    except ValueError as error:  # a user name that can't be sent
        lent.transport.abort()
        raise ProxyError(str(error)) from None
    except BaseException:
        lent.transport.abort()
        raise
    return lent.transport


class _Lent(asyncio.Protocol):
    """A connection to a proxy, in the form in which the library takes one that is already there."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.unread = bytearray()
        self._lost = False
        self._news: asyncio.Future[None] | None = None

    # ── for the library ─────────────────────────────────────────────────────────────────────────────

    async def connect(self, **_where: Any) -> _Lent:
        """It is connected."""
        return self

    async def write(self, data: bytes) -> None:
        """Messages to a proxy are far smaller than any buffer."""
        self.transport.write(data)

    async def read(self) -> bytes:
        """The reply to CONNECT, whole: the library takes one read for all of it."""
        while (end := self.unread.find(b"\r\n\r\n") + 4) < 4:
            if len(self.unread) > MAX_REPLY_BYTES:
                raise ProxyError(f"its reply is over {MAX_REPLY_BYTES} bytes")
            await self._more()
        return self._take(end)

    async def read_exactly(self, size: int) -> bytes:
        """A part of a SOCKS message."""
        while len(self.unread) < size:
            await self._more()
        return self._take(size)

    async def close(self) -> None:
        """The library gave up."""
        self.transport.abort()

    def _take(self, size: int) -> bytes:
        taken = bytes(self.unread[:size])
        del self.unread[:size]
        return taken

    async def _more(self) -> None:
        if self._lost:
            raise ProxyError("it closed the connection")
        self._news = asyncio.get_running_loop().create_future()
        await self._news

    # ── from the transport ──────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Part of a reply."""
        self.unread += data
        self._tell()

    def eof_received(self) -> None:
        """No more will come."""
        self._lost = True
        self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        """No more will come."""
        self.eof_received()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
