"""Debian's nginx between a client and the gateway, with the site file that is shipped: it streams and survives
silence; and where one line of it is wrong, the doctor names that line."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest
from harness import RunningGateway, gateway_and_mock
from nginx_server import NginxServer, free_port, running_nginx, uncommented

from sluiceway.doctor.asking import target_of
from sluiceway.doctor.examine import Examination
from sluiceway.doctor.finding import Finding, Report

IMPATIENT = {"proxy_read_timeout 660s;": "proxy_read_timeout 5s;"}
LIVELY = {"heartbeat_s": 1.0, "commit_after_s": 1.0, "json_heartbeat_s": 1.0}
MUTE = {"heartbeat_s": 0.0, "commit_after_s": 60.0}


pytestmark = pytest.mark.timeout(
    180
)  # silences are long, and on a busy machine they may be listened to again


class Case(msgspec.Struct, frozen=True):
    """A gateway with these stream settings behind an nginx with these changes, and a silence (s) to survive."""

    stream: Mapping[str, float]
    changes: Mapping[str, str]
    silence_s: float = 0.0


CASES = {
    "as shipped": Case(LIVELY, IMPATIENT, 20.0),
    "heartbeats off": Case(MUTE, IMPATIENT, 8.0),
    "buffering on": Case(
        LIVELY,
        {
            **IMPATIENT,
            "proxy_buffering off;": "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;",
        },
        8.0,
    ),
    "buffering left to the gateway": Case(LIVELY, {"proxy_buffering off;": ""}, 3.0),
    "gzip on": Case(LIVELY, {"gzip off;": "gzip on; gzip_types *; gzip_min_length 0;"}),
    "small bodies": Case(LIVELY, {"client_max_body_size 64m;": ""}),
    "a header taken away": Case(LIVELY, {"proxy_cache off;": "proxy_hide_header Cache-Control;"}),
    "no keep-alive": Case(LIVELY, {"keepalive_timeout 75s;": "keepalive_timeout 0;"}),
}


async def examined(nginx: NginxServer, silence_s: float = 0.0, path: str = "") -> Report:
    target = target_of(nginx.url + path)
    return await Examination(target, silence_s=silence_s, trust=nginx.trust).run()


@pytest.fixture(scope="module")
def reports() -> Mapping[str, Report]:
    """All cases at once: together they take as long as the longest silence."""

    async def examine_all(servers: list[NginxServer]) -> list[Report]:
        pairs = list(zip(servers, CASES.values(), strict=True))
        reports = await asyncio.gather(*(examined(nginx, case.silence_s) for nginx, case in pairs))
        # A busy machine makes clumps of events, too; who collects them does so each time.
        for index, (name, (nginx, case)) in enumerate(zip(CASES, pairs, strict=True)):
            for _ in range(2):
                if name != "buffering on" and "buffering" in asking_for_change(reports[index]):
                    reports[index] = await examined(nginx, case.silence_s)
        return reports

    with contextlib.ExitStack() as stack:
        servers = []
        for case in CASES.values():
            gateway, _ = stack.enter_context(gateway_and_mock(stream=dict(case.stream)))
            servers.append(stack.enter_context(running_nginx(gateway.port, case.changes)))
        return dict(zip(CASES, asyncio.run(examine_all(servers)), strict=True))


def finding(report: Report, code: str) -> Finding:
    (found,) = (found for found in report.findings if found.code == code)
    return found


def asking_for_change(report: Report) -> list[str]:
    return [found.code for found in report.findings if found.severity in ("warning", "error")]


def said(found: Finding) -> list[str]:
    return [change.what for change in found.changes]


# ── as it is shipped ────────────────────────────────────────────────────────────────────────────────


def test_through_the_shipped_file_a_silence_of_20_s_survives_a_read_timeout_of_5_s(
    reports: Mapping[str, Report],
) -> None:
    report = reports["as shipped"]
    assert asking_for_change(report) == []
    assert (report.exit_code, report.hops) == (0, ("nginx",))
    silence = finding(report, "silence").figures
    assert silence["status"] == 200
    assert silence["heartbeats"] >= 10
    assert silence["ended_s"] >= 20.0
    assert silence["longest_silence_s"] < 5.0
    assert finding(report, "json-silence").figures["spaces"] >= 10


def test_the_gateways_header_keeps_nginx_from_buffering_even_where_the_file_does_not(
    reports: Mapping[str, Report],
) -> None:
    assert asking_for_change(reports["buffering left to the gateway"]) == []


# ── with one line wrong ─────────────────────────────────────────────────────────────────────────────


def test_without_heartbeats_the_cut_is_found_with_its_second_and_its_directive(
    reports: Mapping[str, Report],
) -> None:
    report = reports["heartbeats off"]
    assert report.exit_code == 1
    assert asking_for_change(report) == ["silence", "json-silence"]
    silence = finding(report, "silence")
    assert re.match(r"a silent stream is cut after [5-7]\.", silence.title)  # s, of the 8 that it was silent
    assert "nginx's proxy_read_timeout" in silence.title
    assert said(silence) == ["heartbeat_s = 1 and commit_after_s = 1", "proxy_read_timeout 660s;"]
    assert silence.figures["status"] == 504
    assert "json_heartbeat_s = 1" in said(finding(report, "json-silence"))


def test_buffering_is_found_in_events_and_in_heartbeats(reports: Mapping[str, Report]) -> None:
    report = reports["buffering on"]
    assert {"buffering", "silence"} <= set(asking_for_change(report))
    buffering = finding(report, "buffering")
    assert (buffering.severity, said(buffering)[0]) == ("error", "proxy_buffering off;")
    assert buffering.figures["moments"] < buffering.figures["events"] / 2
    assert "held back" in finding(report, "silence").title


@pytest.mark.parametrize(
    ("case", "code", "change"),
    [
        ("gzip on", "compression", "gzip off;"),
        ("small bodies", "body-size", "client_max_body_size 64m;"),
        ("a header taken away", "headers", "no `proxy_hide_header Cache-Control`"),
        ("no keep-alive", "keep-alive", "keepalive_timeout 75s;"),
    ],
)
def test_other_faults_are_found_alone_with_the_directive_to_change(
    reports: Mapping[str, Report], case: str, code: str, change: str
) -> None:
    report = reports[case]
    assert asking_for_change(report) == [code]
    assert report.exit_code == 1
    (what, *_) = said(finding(report, code))
    assert what.startswith(change)


# ── the rest of the file ────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    with gateway_and_mock(server={"trusted_proxies": ["127.0.0.1/32"]}) as (running, _):
        yield running


@pytest.fixture(scope="module")
def nginx(gateway: RunningGateway) -> Iterator[NginxServer]:
    with running_nginx(gateway.port) as running:
        yield running


def answer_to(
    nginx: NginxServer, path: str, trust: ssl.SSLContext | None = None
) -> tuple[int, http.client.HTTPMessage]:
    connection = http.client.HTTPSConnection(
        "localhost", nginx.port, timeout=30, context=trust or nginx.trust
    )
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        return response.status, response.headers


def test_who_comes_through_nginx_is_not_taken_for_the_machines_own_user(nginx: NginxServer) -> None:
    assert answer_to(nginx, "/api/overview")[0] in (401, 403)
    assert answer_to(nginx, "/metrics")[0] == 404
    assert answer_to(nginx, "/healthz")[0] == 200


def test_other_sites_learn_where_somebody_came_from_and_no_more(nginx: NginxServer) -> None:
    for path in ("/healthz", "/api/overview"):
        assert answer_to(nginx, path)[1].get_all("referrer-policy") == ["strict-origin"]


def test_the_log_has_no_query(nginx: NginxServer) -> None:
    answer_to(nginx, "/healthz?key=sk-secret")
    assert "sk-secret" not in nginx.access_log()
    assert "GET /healthz" in nginx.access_log()


def test_a_browser_speaks_http_2_with_it(nginx: NginxServer) -> None:
    trust = ssl.create_default_context(cafile=nginx.ca_file)
    trust.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", nginx.port), timeout=30) as plain,
        trust.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        assert secured.selected_alpn_protocol() == "h2"


def another_nginx(port: int, gateway_port: int) -> str:
    """A proxy that is reached by TLS, and refuses whoever does not say by its name whom he wants."""
    tls = "ssl_certificate {folder}/site.pem; ssl_certificate_key {folder}/site.key;"
    return f"""
    server {{ listen 127.0.0.1:{port} ssl default_server; ssl_reject_handshake on; }}
    server {{
        listen 127.0.0.1:{port} ssl; server_name localhost; {tls}
        location / {{ proxy_pass http://127.0.0.1:{gateway_port}; proxy_buffering off; proxy_http_version 1.1;
                      client_max_body_size 64m; proxy_pass_header X-Accel-Buffering; }}
    }}
    """


@pytest.mark.parametrize("named", [True, False])
def test_a_gateway_behind_tls_is_reached_if_its_name_is_said(gateway: RunningGateway, named: bool) -> None:
    port = free_port()
    directives = [
        "proxy_ssl_verify",
        "proxy_ssl_trusted_certificate",
        "proxy_ssl_session_reuse",
        "proxy_ssl_name",
    ]
    changes: dict[str, Any] = {
        "proxy_pass http://sluiceway;": "proxy_pass https://sluiceway;",
        "server 127.0.0.1:8787;": f"server 127.0.0.1:{port};",
        **uncommented(*directives, *(["proxy_ssl_server_name"] if named else [])),
        "gateway.example.com": "localhost",
        "/etc/ssl/certs/ca-certificates.crt": "{folder}/ca.pem",
    }
    with running_nginx(gateway.port, changes, more=another_nginx(port, gateway.port)) as nginx:
        report = asyncio.run(examined(nginx))
    if named:
        assert asking_for_change(report) == []
    else:
        assert report.exit_code == 2
        assert "does not reach the gateway" in finding(report, "reach").title


def test_a_location_that_keeps_its_prefix_is_found(gateway: RunningGateway) -> None:
    changes = {"location / {": "location /ai/ {"}
    with running_nginx(gateway.port, changes) as nginx:
        report = asyncio.run(examined(nginx, path="/ai/v1"))
    reach = finding(report, "reach")
    assert (report.exit_code, reach.severity) == (2, "error")
    assert "the gateway is asked for /ai/v1/chat/completions" in reach.title
    assert "a slash at its end" in said(reach)[0]


def test_a_gateway_that_is_not_there_is_found() -> None:
    with running_nginx(free_port()) as nginx:
        report = asyncio.run(examined(nginx))
    assert report.exit_code == 2
    assert "does not reach the gateway" in finding(report, "reach").title


def test_a_certificate_that_nobody_knows_is_found(nginx: NginxServer) -> None:
    report = asyncio.run(Examination(target_of(nginx.url)).run())
    assert (report.exit_code, finding(report, "reach").title) == (2, "the certificate is not trusted")
