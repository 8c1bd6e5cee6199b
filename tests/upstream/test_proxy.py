"""Through proxies: HTTP, HTTPS and SOCKS5, with and without a password, to plain and to TLS upstreams."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest
import trustme
from python_socks import ProxyError
from upstream_helpers import (
    LOOPS,
    OK,
    ConnectProxy,
    Names,
    Script,
    SocksProxy,
    ask,
    local,
    replying,
    run_with_names,
    serving,
    soon,
)

from sluiceway.errors import UpstreamUnreachable
from sluiceway.upstream.dial import client_ssl_context
from sluiceway.upstream.pool import Pool
from sluiceway.upstream.proxy import MAX_REPLY_BYTES, ProxyAddress, read_proxy

both_loops = pytest.mark.parametrize("loop", LOOPS)

CA = trustme.CA()
AUTH = "us er:p@ss:word"
IN_URL = "us%20er:p%40ss%3Aword@"


def server_context(*names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert(*names).configure_cert(context)
    return context


def trusting() -> ssl.SSLContext:
    context = client_ssl_context()
    CA.configure_trust(context)
    return context


@both_loops
@pytest.mark.parametrize("target_scheme", ["http", "https"])
@pytest.mark.parametrize("auth", ["", AUTH], ids=["open", "password"])
@pytest.mark.parametrize("proxy_scheme", ["http", "https", "socks5", "socks5h"])
def test_every_kind_of_proxy_leads_to_every_kind_of_upstream(
    loop: str, proxy_scheme: str, auth: str, target_scheme: str
) -> None:
    async def scenario() -> None:
        proxy = SocksProxy(auth) if proxy_scheme.startswith("socks") else ConnectProxy(auth)
        proxy_tls = server_context("proxy.test") if proxy_scheme == "https" else None
        tls = server_context("api.example.test") if target_scheme == "https" else None
        async with serving(replying(OK, OK), tls=tls) as port, serving(proxy, tls=proxy_tls) as proxy_port:
            pool = Pool(ssl_context=trusting())
            url = f"{proxy_scheme}://{IN_URL if auth else ''}proxy.test:{proxy_port}"
            connection = await pool.connect(local(port, "api.example.test", target_scheme, url), 5)
            for _ in range(2):
                assert (await ask(connection).over()).body == b"ok"
                assert pool.idle(connection.target) is connection
            if isinstance(proxy, ConnectProxy):
                assert proxy.asked == [f"CONNECT api.example.test:{port} HTTP/1.1"]
            else:
                assert proxy.asked == [(3, "api.example.test")]  # its name: the proxy looks it up
            await pool.close()
            await asyncio.sleep(0.02)

    run_with_names(loop, {"proxy.test": ["127.0.0.1"]}, scenario())


@both_loops
def test_a_proxys_addresses_race_as_an_upstreams_do(loop: str) -> None:
    async def scenario() -> None:
        async with serving(replying(OK)) as port, serving(ConnectProxy()) as proxy_port:
            pool = Pool()
            connection = await pool.connect(local(port, proxy=f"http://proxy.test:{proxy_port}"), 5)
            assert (await ask(connection).over()).body == b"ok"
            await pool.close()
            await asyncio.sleep(0.01)

    run_with_names(loop, {"proxy.test": ["::1", "127.0.0.1"]}, scenario())


@both_loops
def test_a_large_answer_is_paused_and_resumed_through_tls_in_tls(loop: str) -> None:
    body = bytes(range(256)) * 16_000  # 4 MB

    async def scenario() -> None:
        reply = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
        upstream = serving(replying(reply + body), tls=server_context("127.0.0.1"))
        proxy = serving(ConnectProxy(), tls=server_context("127.0.0.1"))
        async with upstream as port, proxy as proxy_port:
            pool = Pool(ssl_context=trusting())
            target = local(port, scheme="https", proxy=f"https://127.0.0.1:{proxy_port}")
            connection = await pool.connect(target, 5)
            told = ask(connection, {"head": connection.pause})
            await soon(lambda: told.log == ["head"])
            await asyncio.sleep(0.05)
            assert told.log == ["head"]
            connection.resume()
            await told.over()
            assert told.body == body
            await pool.close()
            await asyncio.sleep(0.02)

    run_with_names(loop, {}, scenario())


# ── proxies that will not ───────────────────────────────────────────────────────────────────────────


async def closing(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept, and close."""


async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nx: " + bytes(MAX_REPLY_BYTES * 2))
    await writer.drain()
    await asyncio.sleep(5)


async def eager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison")
    await writer.drain()
    await asyncio.sleep(5)


async def plain_text(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()
    await asyncio.sleep(5)


@both_loops
@pytest.mark.parametrize(
    ("scheme", "proxy", "reason"),
    [
        ("http", ConnectProxy(AUTH), "407 Proxy Authentication Required"),
        ("http", ConnectProxy(reply=b"HTTP/1.1 403 Forbidden\r\n\r\n"), "403 Forbidden"),
        ("http", ConnectProxy(reply=b"HTTP/1.1 502 " + b"x" * 300 + b"\r\n\r\n"), "502"),
        ("http", ConnectProxy(reply=b"garbage\r\n\r\n"), "[Ii]nvalid"),
        ("http", closing, "it closed the connection"),
        ("http", endless, "its reply is over"),
        ("http", eager, "it did not keep the tunnel open"),
        ("socks5", SocksProxy(AUTH), "authentication"),
        ("socks5", SocksProxy(reply=5), "refused by destination host"),
        ("socks5", closing, "it closed the connection"),
    ],
)
def test_a_proxy_that_refuses_is_told_apart_from_the_upstream(
    loop: str, scheme: str, proxy: Script, reason: str
) -> None:
    async def scenario() -> None:
        async with serving(proxy) as proxy_port:
            pool = Pool()
            target = local(9, proxy=f"{scheme}://127.0.0.1:{proxy_port}")
            with pytest.raises(
                UpstreamUnreachable, match=f"no connection to 127.0.0.1:9: the proxy refused .*{reason}"
            ) as e:
                await pool.connect(target, 5)
            assert len(e.value.message) < 300
            assert pool.open_count == 0
            await asyncio.sleep(0.01)

    run_with_names(loop, {}, scenario())


@both_loops
def test_a_wrong_password_is_refused_and_never_told(loop: str) -> None:
    async def scenario() -> None:
        for scheme, proxy in (("http", ConnectProxy(AUTH)), ("socks5", SocksProxy(AUTH))):
            async with serving(proxy) as proxy_port:
                target = local(9, proxy=f"{scheme}://someone:sesame@127.0.0.1:{proxy_port}")
                with pytest.raises(UpstreamUnreachable, match="the proxy refused") as caught:
                    await Pool().connect(target, 5)
                assert "sesame" not in caught.value.message
                assert "someone" not in caught.value.message
                await asyncio.sleep(0.01)

    run_with_names(loop, {}, scenario())


@both_loops
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1", "connection refused"),
        ("http://unknown.test:1", "does not resolve"),
        ("https://127.0.0.1:{plain}", "TLS failed"),
        ("ftp://user:sesame@127.0.0.1:1", "not one of"),
        ("http://user:sesame@127.0.0.1:99999", "can't be read"),
        ("http://us%3Aer:sesame@127.0.0.1:{plain}", "not allowed"),
    ],
)
def test_a_proxy_that_can_not_be_used_says_why_without_its_password(loop: str, url: str, reason: str) -> None:
    async def scenario() -> None:
        async with serving(plain_text) as plain:
            target = local(9, proxy=url.replace("{plain}", str(plain)))
            with pytest.raises(UpstreamUnreachable, match=f"proxy .*{reason}") as caught:
                await Pool().connect(target, 5)
            assert "sesame" not in caught.value.message

    names: Names = {"unknown.test": socket.gaierror(socket.EAI_NONAME, "Name or service not known")}
    run_with_names(loop, names, scenario())


@both_loops
def test_an_upstream_behind_a_proxy_has_its_certificate_checked_too(loop: str) -> None:
    async def scenario() -> None:
        upstream = serving(replying(OK), tls=server_context("other.test"))
        async with upstream as port, serving(ConnectProxy()) as proxy_port:
            pool = Pool(ssl_context=trusting())
            target = local(port, scheme="https", proxy=f"http://127.0.0.1:{proxy_port}")
            with pytest.raises(UpstreamUnreachable, match=r"127.0.0.1:.*certificate is not trusted"):
                await pool.connect(target, 5)
            assert pool.open_count == 0
            await asyncio.sleep(0.02)

    run_with_names(loop, {}, scenario())


# ── its URL ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://proxy:3128", ProxyAddress("http", "proxy", 3128, "", "")),
        ("proxy:3128", ProxyAddress("http", "proxy", 3128, "", "")),
        ("http://proxy", ProxyAddress("http", "proxy", 80, "", "")),
        ("https://proxy/", ProxyAddress("https", "proxy", 443, "", "")),
        ("socks5h://[::1]", ProxyAddress("socks5h", "::1", 1080, "", "")),
        ("socks5://u%40:p%2F@proxy:1", ProxyAddress("socks5", "proxy", 1, "u@", "p/")),
    ],
)
def test_a_proxys_url_is_read_as_people_write_it(url: str, address: ProxyAddress) -> None:
    assert read_proxy(url) == address


@pytest.mark.parametrize("url", ["http://", "socks4://proxy:1", "http://proxy:x", "http://[::1"])
def test_a_url_that_names_no_proxy_is_refused(url: str) -> None:
    with pytest.raises(ProxyError):
        read_proxy(url)
