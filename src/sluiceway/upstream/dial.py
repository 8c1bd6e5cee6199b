"""How to get from a target to a connected transport: names, addresses, proxies, TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TypeVar
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

import msgspec

from sluiceway.upstream.proxy import open_tunnel
from sluiceway.upstream.sockets import open_socket

P = TypeVar("P", bound=asyncio.Protocol)


class Target(msgspec.Struct, frozen=True):
    """Where an upstream is: what two requests must share to share a connection. `proxy`: a URL, or none."""

    scheme: str
    host: str
    port: int
    proxy: str = ""

    @property
    def name(self) -> str:
        """For people: no proxy, since its URL may hold a password."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"<Target {self.scheme}://{self.name}{' by proxy' if self.proxy else ''}>"


def client_ssl_context() -> ssl.SSLContext:
    """Certificates are checked against the system's trust store (`SSL_CERT_FILE` replaces it)."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def proxy_for(scheme: str, host: str, configured: str) -> str:
    """The proxy for a target: the configured one, else what the environment says, else `""`.

    `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case, as curl reads them.
    """
    if configured:
        return configured
    proxies = getproxies_environment()
    if not proxies or proxy_bypass_environment(host, proxies):
        return ""
    return proxies.get(scheme) or proxies.get("all") or ""


async def dial(
    target: Target, make_protocol: Callable[[], P], ssl_context: ssl.SSLContext
) -> tuple[asyncio.Transport, P]:
    """Connect. Raises `OSError` (`socket.gaierror` and `ssl.SSLError` are kinds of it) or `ProxyError`.

    `ssl_context` is for the target and for an https proxy. Has no clock of its own beyond the TLS
    handshake's 60 s.
    """
    secure = target.scheme == "https"
    loop = asyncio.get_running_loop()
    if not target.proxy:
        sock = await open_socket(target.host, target.port)
        return await loop.create_connection(
            make_protocol,
            sock=sock,
            ssl=ssl_context if secure else None,
            server_hostname=target.host if secure else None,
        )
    tunnel = await open_tunnel(target.proxy, target.host, target.port, ssl_context)
    protocol = make_protocol()
    if secure:
        try:
            transport = await loop.start_tls(tunnel, protocol, ssl_context, server_hostname=target.host)
        except BaseException:
            tunnel.abort()
            raise
        if transport is None:  # the loops say so where the connection was lost meanwhile
            raise ConnectionError("the connection broke during the TLS handshake")
    else:
        transport = tunnel
        transport.set_protocol(protocol)
    protocol.connection_made(transport)
    return transport, protocol
