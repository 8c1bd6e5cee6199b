"""Who cut an answer is told by what it says, and by how long it lasted."""

from __future__ import annotations

import pytest
from doctor_seen import CLOUDFLARE, NGINX, NGINX_504, answered, nothing_came, refused_by_gateway

from sluiceway.doctor.cuts import who_cut


def test_nginx_says_504_and_the_number_is_its_own() -> None:
    cut = who_cut(answered(504, NGINX_504, NGINX), 60.0, ("nginx",))
    assert cut.who == "nginx's proxy_read_timeout (60 s, status 504)"
    assert any("proxy_read_timeout" in change.what for change in cut.changes)


def test_cloudflare_has_a_status_of_its_own() -> None:
    assert "Cloudflare" in who_cut(answered(524, b"", *CLOUDFLARE), 100.0, ("Cloudflare",)).who


def test_another_hop_that_says_504_is_named() -> None:
    answer = answered(504, b"", ("server", "awselb/2.0"))
    cut = who_cut(answer, 60.0, ("AWS load balancer",))
    assert cut.who.startswith("AWS load balancer's timeout")
    assert "idle_timeout" in cut.changes[0].what


@pytest.mark.parametrize(
    ("after_s", "who"),
    [
        (15.1, "Envoy"),
        (30.0, "HAProxy"),
        (50.2, "HAProxy"),
        (60.4, "nginx"),
        (100.2, "Cloudflare"),
        (124.9, "Cloudflare"),
        (230.5, "Azure"),
        (300.9, "Cloud Run"),
    ],
)
def test_a_connection_that_just_ends_is_told_by_its_time(after_s: float, who: str) -> None:
    assert who in who_cut(nothing_came(end_s=after_s), after_s, ()).who


def test_a_limit_that_somebody_chose_is_told_as_it_is() -> None:
    assert who_cut(nothing_came(), 7.0, ()).who == "somebody's limit of 7 s"
    assert "probably nginx" in who_cut(nothing_came(), 7.0, ("nginx",)).who


def test_the_gateways_own_clock_is_no_fault_of_the_way() -> None:
    cut = who_cut(refused_by_gateway(504, "upstream_timeout_first_event"), 60.0, ("nginx",))
    assert cut.who.startswith("the gateway's own clock (upstream_timeout_first_event")
    assert who_cut(refused_by_gateway(503, "draining"), 3.0, ()).who.startswith(
        "the gateway itself (draining"
    )
