"""Who is on the way, and where each is told what to do."""

from __future__ import annotations

import pytest
from doctor_seen import CLOUDFLARE, NGINX, answered

from sluiceway.doctor.hops import changes_for, heartbeats_below, hops_of, white_space_below


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (NGINX, "nginx"),
        (("server", "openresty"), "nginx"),
        (("via", "1.1 Caddy"), "Caddy"),
        (("server", "awselb/2.0"), "AWS load balancer"),
        (("x-envoy-upstream-service-time", "3"), "Envoy"),
        (("x-amz-cf-id", "x"), "CloudFront"),
        (("server", "Microsoft-IIS/10.0"), "IIS"),
    ],
)
def test_a_hop_is_known_by_its_headers(header: tuple[str, str], name: str) -> None:
    assert hops_of([answered(200, b"", header)]) == (name,)


def test_hops_are_told_outermost_first_and_once_whoever_answered() -> None:
    answers = [answered(504, b"", NGINX), answered(200, b"", *CLOUDFLARE), answered(200, b"", *CLOUDFLARE)]
    assert hops_of(answers) == ("Cloudflare", "nginx")
    assert hops_of([answered(200)]) == ()


def test_what_to_change_is_told_for_who_is_there() -> None:
    (change, _) = changes_for("buffering", ("nginx",))
    assert change.what == "proxy_buffering off;"
    assert [change.where for change in changes_for("body size", ("Cloudflare", "nginx"))][1].startswith(
        "nginx"
    )


def test_whoever_says_nothing_is_taken_for_the_likely_ones() -> None:
    said = " ".join(change.what for change in changes_for("buffering", ()))
    assert "proxy_buffering off;" in said
    assert "flush_interval -1" in said
    assert "flush_interval -1" in " ".join(
        change.what for change in changes_for("buffering", ("Cloudflare",))
    )


def test_where_nothing_is_known_there_still_is_an_advice() -> None:
    (change,) = changes_for("body size", ("IIS",))
    assert change.where == "the proxy in front of the gateway"


@pytest.mark.parametrize(("limit_s", "wanted"), [(5, 1), (15, 5), (60, 10), (2, 1)])
def test_heartbeats_are_wanted_well_below_a_limit(limit_s: float, wanted: int) -> None:
    (change,) = heartbeats_below(limit_s)
    assert change.what == f"heartbeat_s = {wanted} and commit_after_s = {wanted}"
    assert white_space_below(60).what == "json_heartbeat_s = 20"
