"""How to get from a target to a connected transport: names, addresses, proxies, TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

import aiohappyeyeballs
import msgspec
from python_socks.async_.asyncio import Proxy
from python_socks.async_.asyncio.v2 import Proxy as TlsProxy

P = TypeVar("P", bound=asyncio.Protocol)

# RFC 8305 section 5: how long one address may take before the next is tried beside it.
HAPPY_EYEBALLS_S = 0.25

# The proxy library's own clock is not wanted: `connect_s` covers the whole way.
NO_TIMEOUT_S = 86400.0


class Target(msgspec.Struct, frozen=True):
    """Where an upstream is: what two requests must share to share a connection. `proxy`: a URL, or none."""

    scheme: str
    host: str
    port: int
    proxy: str = ""

    @property
    def name(self) -> str:
        """For people: no proxy, since its URL may hold a password."""
        return f"{self.host}:{self.port}"


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

    Addresses race as in RFC 8305, by a library, since uvloop's own `create_connection` tries them in turn.
    """
    if target.proxy.startswith("https://"):
        return await _through_tls_proxy(target, make_protocol, ssl_context)
    sock = await (_through_proxy(target) if target.proxy else _to_host(target))
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        secure = target.scheme == "https"
        transport, protocol = await asyncio.get_running_loop().create_connection(
            make_protocol,
            sock=sock,
            ssl=ssl_context if secure else None,
            server_hostname=target.host if secure else None,
        )
    except BaseException:
        sock.close()
        raise
    return transport, protocol


async def _to_host(target: Target) -> socket.socket:
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    return await aiohappyeyeballs.start_connection(infos, happy_eyeballs_delay=HAPPY_EYEBALLS_S, interleave=1)


async def _through_proxy(target: Target) -> socket.socket:
    # socks5h is curl's name for "the proxy resolves the name", which rdns asks for in any case.
    url = target.proxy.replace("socks5h://", "socks5://", 1)
    return await Proxy.from_url(url, rdns=True).connect(target.host, target.port, timeout=NO_TIMEOUT_S)


async def _through_tls_proxy(
    target: Target, make_protocol: Callable[[], P], ssl_context: ssl.SSLContext
) -> tuple[asyncio.Transport, P]:
    """TLS to the proxy, and for an https target TLS to that inside it. The library gives a stream."""
    url = target.proxy.replace("https://", "http://", 1)
    proxy = TlsProxy.from_url(url, rdns=True, proxy_ssl=ssl_context)
    secure = ssl_context if target.scheme == "https" else None
    stream = await proxy.connect(target.host, target.port, dest_ssl=secure, timeout=NO_TIMEOUT_S)
    transport: asyncio.Transport = stream.writer.transport  # type: ignore[assignment]
    protocol = make_protocol()
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    # A StreamWriter that is collected closes its transport; this one has to live as long as that.
    protocol.proxy_stream = stream  # type: ignore[attr-defined]
    return transport, protocol
