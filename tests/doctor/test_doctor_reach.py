"""Why a request does not reach the gateway, in words that name the place to look at."""

from __future__ import annotations

from typing import Literal

import pytest
from doctor_seen import CLOUDFLARE, NGINX, answered, error_body, nothing_came, refused_by_gateway

from sluiceway.doctor import reach
from sluiceway.doctor.asking import Target, target_of
from sluiceway.doctor.finding import Finding
from sluiceway.doctor.seen import Link, Seen, Unreachable

HERE = target_of("https://ai.example.com/v1")
DAY_S = 86400.0


def found(seen: Seen, target: Target = HERE) -> Finding:
    return reach.answered(seen, target, HERE)


def test_the_gateways_refusal_of_an_empty_request_is_what_was_hoped_for() -> None:
    seen = refused_by_gateway(400, "invalid_request", "the request names no model")
    assert reach.is_gateway(seen)
    assert found(seen).severity == "ok"


def test_another_api_is_worth_a_note() -> None:
    seen = answered(400, error_body("missing_required_parameter"))
    assert not reach.is_gateway(seen)
    assert found(seen).severity == "note"


def test_another_path_is_told_with_the_right_one() -> None:
    elsewhere = target_of("https://ai.example.com/llm/v1")
    finding = found(refused_by_gateway(400, "invalid_request"), elsewhere)
    assert (finding.severity, finding.stops) == ("warning", False)
    assert finding.changes[0].what == "base URL https://ai.example.com/llm/v1"


@pytest.mark.parametrize(
    ("seen", "title", "change"),
    [
        (refused_by_gateway(401, "invalid_api_key"), "the key is not accepted", "SLUICEWAY_KEY"),
        (refused_by_gateway(403, "forbidden", "not from 1.2.3.4"), "may not do this", "not from 1.2.3.4"),
        (
            refused_by_gateway(404, "invalid_request", "no such path: /ai/v1/chat (the API is under /v1/)"),
            "the gateway is asked for /ai/v1/chat,",
            "with a slash at its end",
        ),
        (answered(413, error_body("body_too_large")), "too large", "limit on request bodies"),
        (refused_by_gateway(429, "rate_limited"), "used up", "later"),
        (refused_by_gateway(503, "draining"), "shutting down", "when it is back"),
        (refused_by_gateway(500, "internal_error"), "status 500", "req_1"),
        (nothing_came("garbage"), "does not speak HTTP", "https"),
        (nothing_came("closed"), "without an answer", "hung up"),
        (answered(301, b"", ("location", "https://x/v1")), "redirected", "https://x/v1"),
        (answered(403, b"<html>", *CLOUDFLARE), "takes the client for a bot", "bot fight mode"),
        (answered(521, b"<html>", *CLOUDFLARE), "the origin refused", "521"),
        (answered(526, b"<html>", *CLOUDFLARE), "certificate is not valid", "526"),
        (answered(502, b"<html>", NGINX), "nginx/1.22.1 does not reach the gateway", "proxy_pass"),
        (answered(404, b"<html>", NGINX), "answers by itself", "location /v1/"),
        (answered(405, b"<html>", NGINX), "answers by itself", "location /v1/"),
        (answered(200, b"<html>", NGINX), "answers by itself", "location /v1/"),
        (answered(401, b"<html>", NGINX), "login of its own", "auth_basic"),
        (answered(403, b"<html>", NGINX), "forbids it", "firewall"),
        (answered(400, b"The plain HTTP request was sent to HTTPS port"), "port of TLS", "https"),
        (answered(418, b""), "status 418", "why"),
    ],
)
def test_every_other_answer_is_told_with_where_to_look(seen: Seen, title: str, change: str) -> None:
    finding = found(seen)
    assert (finding.severity, finding.stops) == ("error", True)
    assert title in finding.title
    assert change in finding.changes[0].what


@pytest.mark.parametrize(
    ("why", "message", "title", "change"),
    [
        ("name", "Name or service not known", "can't be resolved", "A or AAAA"),
        ("refused", "Connection refused", "nothing takes connections", "running"),
        ("slow", "no connection within 10 s", "too long", "port"),
        ("certificate", "certificate has expired", "not trusted", "renew"),
        ("certificate", "self-signed certificate", "not trusted", "SSL_CERT_FILE"),
        ("certificate", "unable to get local issuer certificate", "not trusted", "fullchain.pem"),
        ("certificate", "Hostname mismatch, certificate is not valid for 'x'.", "not trusted", "other names"),
        ("certificate", "something new", "not trusted", "replace"),
        ("tls", "WRONG_VERSION_NUMBER", "no TLS", "https only"),
    ],
)
def test_why_there_is_no_connection_is_told(
    why: Literal["name", "refused", "slow", "certificate", "tls"], message: str, title: str, change: str
) -> None:
    finding = reach.unreachable(Unreachable(why, message))
    assert (finding.stops, finding.seen) == (True, message)
    assert title in finding.title
    assert change in finding.changes[0].what


def test_a_certificate_is_fine_until_it_should_have_been_renewed() -> None:
    def of_days(days: float) -> Finding | None:
        return reach.certificate(
            Link(connect_s=0.1, tls_version="TLSv1.3", expires=1000 + days * DAY_S), 1000
        )

    fine, late = of_days(60), of_days(5)
    assert fine is not None
    assert late is not None
    assert (fine.severity, fine.figures) == ("ok", {"days_left": 60})
    assert (late.severity, late.title) == ("warning", "the certificate ends soon")
    assert reach.certificate(Link(connect_s=0.1), 1000) is None
