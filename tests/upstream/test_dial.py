"""The way to an upstream: addresses that race, TLS, and what the environment says of proxies."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
import trustme
import uvloop
from upstream_helpers import LOOPS, OK, Names, ask, black_hole, local, replying, run_with_names, serving, soon

from sluiceway.errors import UpstreamUnreachable
from sluiceway.upstream.dial import Target, client_ssl_context, proxy_for
from sluiceway.upstream.pool import Pool

both_loops = pytest.mark.parametrize("loop", LOOPS)

CA = trustme.CA()
NAMES: Names = {"api.example.test": ["127.0.0.1"], "other.example.test": ["127.0.0.1"]}


def server_context(*names: str, ca: trustme.CA = CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["h2", "http/1.1"])
    ca.issue_cert(*names).configure_cert(context)
    return context


def trusting() -> ssl.SSLContext:
    context = client_ssl_context()
    CA.configure_trust(context)
    return context


# ── addresses ───────────────────────────────────────────────────────────────────────────────────────


@both_loops
@pytest.mark.parametrize("first", ["refuses", "is silent"])
def test_an_address_that_does_not_work_costs_a_moment_and_not_the_connection(loop: str, first: str) -> None:
    async def scenario() -> None:
        async with serving(replying(OK)) as port:
            pool = Pool()
            started = asyncio.get_running_loop().time()
            if first == "is silent":
                with black_hole("::1", port):
                    connection = await pool.connect(local(port, "both.test"), 5)
            else:
                connection = await pool.connect(local(port, "both.test"), 5)
            assert asyncio.get_running_loop().time() - started < 2.0
            assert (await ask(connection).over()).body == b"ok"
            await pool.close()

    run_with_names(loop, {"both.test": ["::1", "127.0.0.1"]}, scenario())


@both_loops
def test_an_upstream_on_ipv6_is_reached_and_named_in_brackets(loop: str) -> None:
    async def scenario() -> None:
        async with serving(replying(OK), host="::1") as port:
            pool = Pool()
            connection = await pool.connect(local(port, "::1"), 5)
            assert (await ask(connection).over()).body == b"ok"
            assert connection.target.name == f"[::1]:{port}"
            await pool.close()

    run_with_names(loop, {}, scenario())


@both_loops
def test_when_every_address_fails_the_reason_is_told(loop: str) -> None:
    async def scenario() -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        with pytest.raises(UpstreamUnreachable, match=r"no connection to both.test.*[Cc]onne"):
            await Pool().connect(local(port, "both.test"), 5)

    run_with_names(loop, {"both.test": ["127.0.0.1", "::1"]}, scenario())


@both_loops
def test_sockets_send_at_once_and_probe_a_silent_upstream(loop: str) -> None:
    async def scenario() -> None:
        async with serving(replying(OK)) as port:
            pool = Pool()
            connection = await pool.connect(local(port), 5)
            sock = connection._transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            await pool.close()

    run_with_names(loop, {}, scenario())


# ── TLS ─────────────────────────────────────────────────────────────────────────────────────────────


@both_loops
def test_tls_asks_for_the_host_by_name_and_for_http_1_1(loop: str) -> None:
    async def scenario() -> None:
        context = server_context("api.example.test")
        asked: list[str | None] = []
        context.sni_callback = lambda _socket, name, _context: asked.append(name)
        async with serving(replying(OK, OK), tls=context) as port:
            pool = Pool(ssl_context=trusting())
            connection = await pool.connect(local(port, "api.example.test", "https"), 5)
            assert connection._transport.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
            for _ in range(2):
                assert (await ask(connection).over()).body == b"ok"
                assert pool.idle(connection.target) is connection
            assert asked == ["api.example.test"]
            await pool.close()
            await asyncio.sleep(0.01)

    run_with_names(loop, NAMES, scenario())


@both_loops
def test_tls_to_an_address_checks_the_address(loop: str) -> None:
    async def scenario() -> None:
        async with serving(replying(OK), tls=server_context("127.0.0.1")) as port:
            pool = Pool(ssl_context=trusting())
            connection = await pool.connect(local(port, scheme="https"), 5)
            assert (await ask(connection).over()).body == b"ok"
            await pool.close()
            await asyncio.sleep(0.01)

    run_with_names(loop, {}, scenario())


@both_loops
@pytest.mark.parametrize(
    ("host", "ca", "reason"),
    [
        ("other.example.test", CA, "Hostname mismatch"),
        ("api.example.test", trustme.CA(), "unable to get local issuer certificate"),
    ],
    ids=["wrong name", "unknown CA"],
)
def test_a_certificate_that_does_not_fit_is_refused(
    loop: str, host: str, ca: trustme.CA, reason: str
) -> None:
    async def scenario() -> None:
        async with serving(replying(OK), tls=server_context("api.example.test", ca=ca)) as port:
            pool = Pool(ssl_context=trusting())
            with pytest.raises(UpstreamUnreachable, match=f"{host}:.*certificate is not trusted.*{reason}"):
                await pool.connect(local(port, host, "https"), 5)
            assert pool.open_count == 0

    run_with_names(loop, NAMES, scenario())


@both_loops
def test_tls_with_what_does_not_speak_it_fails_with_a_reason(loop: str) -> None:
    async def hello(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(1)

    async def scenario() -> None:
        async with serving(hello) as port:
            with pytest.raises(UpstreamUnreachable, match="TLS failed"):
                await Pool().connect(local(port, scheme="https"), 5)

    run_with_names(loop, {}, scenario())


@both_loops
def test_a_body_that_ends_with_a_tls_connection_is_whole(loop: str) -> None:
    async def scenario() -> None:
        reply = b"HTTP/1.1 200 OK\r\n\r\n" + b"all of it" * 10_000
        async with serving(replying(reply, close=True), tls=server_context("127.0.0.1")) as port:
            pool = Pool(ssl_context=trusting())
            told = await ask(await pool.connect(local(port, scheme="https"), 5)).over()
            assert told.log == ["head", "body", "end"]
            assert told.body == b"all of it" * 10_000
            await soon(lambda: pool.open_count == 0)

    run_with_names(loop, {}, scenario())


@both_loops
def test_pausing_holds_back_a_tls_upstream_too(loop: str) -> None:
    body = bytes(range(256)) * 64_000  # 16 MB

    async def scenario() -> None:
        reply = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
        async with serving(replying(reply + body), tls=server_context("127.0.0.1")) as port:
            pool = Pool(ssl_context=trusting())
            connection = await pool.connect(local(port, scheme="https"), 5)
            told = ask(connection, {"head": connection.pause})
            await soon(lambda: told.log == ["head"])
            await asyncio.sleep(0.1)
            assert told.log == ["head"]
            connection.resume()
            await told.over()
            assert told.body == body
            assert pool.idle_count == 1
            await pool.close()
            await asyncio.sleep(0.01)

    run_with_names(loop, {}, scenario())


def test_the_systems_trust_store_can_be_replaced_by_the_usual_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    CA.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    async def scenario() -> None:
        async with serving(replying(OK), tls=server_context("127.0.0.1")) as port:
            pool = Pool()
            connection = await pool.connect(local(port, scheme="https"), 5)
            assert (await ask(connection).over()).body == b"ok"
            await pool.close()
            await asyncio.sleep(0.01)

    uvloop.run(scenario())


# ── which proxy ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def test_without_a_word_there_is_no_proxy(environment: pytest.MonkeyPatch) -> None:
    assert proxy_for("https", "api.example.test", "") == ""
    environment.setenv("NO_PROXY", "*")
    assert proxy_for("https", "api.example.test", "") == ""


def test_the_environment_names_a_proxy_per_scheme_and_one_for_all(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HTTPS_PROXY", "http://secure:1")
    environment.setenv("all_proxy", "socks5://any:2")
    assert proxy_for("https", "api.example.test", "") == "http://secure:1"
    assert proxy_for("http", "api.example.test", "") == "socks5://any:2"


def test_no_proxy_excepts_hosts_and_domains(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ALL_PROXY", "http://any:1")
    environment.setenv("NO_PROXY", "localhost, 127.0.0.1, .internal.test")
    assert proxy_for("http", "localhost", "") == ""
    assert proxy_for("http", "127.0.0.1", "") == ""
    assert proxy_for("http", "llm.internal.test", "") == ""
    assert proxy_for("http", "api.example.test", "") == "http://any:1"


def test_what_is_configured_wins_over_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ALL_PROXY", "http://any:1")
    environment.setenv("NO_PROXY", "*")
    assert proxy_for("http", "localhost", "http://mine:3") == "http://mine:3"


def test_a_target_says_that_there_is_a_proxy_but_not_its_password() -> None:
    target = Target("https", "api.example.test", 443, "http://user:secret@proxy:3128")
    assert repr(target) == "<Target https://api.example.test:443 by proxy>"
    assert repr(Target("http", "a", 80)) == "<Target http://a:80>"
