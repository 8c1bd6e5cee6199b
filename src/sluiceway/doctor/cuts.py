"""Who cut the answer? What it says tells, and how long it took, since limits are seldom changed. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from sluiceway.doctor.events import error_of
from sluiceway.doctor.finding import Change
from sluiceway.doctor.hops import changes_for
from sluiceway.doctor.seen import Seen

# Default limits, in seconds, from the vendors' documentation. A limit is noticed up to some seconds late.
# (from, to, who, which setting)
_DEFAULTS: Final = (
    (
        14.5,
        16.5,
        "Envoy's route timeout (15 s)",
        Change("Envoy, the route", "timeout: 0s, idle_timeout: 900s"),
    ),
    (
        28.5,
        31.5,
        "a limit of 30 s: Amazon API Gateway, Heroku, or HAProxy's timeout server",
        Change(
            "the proxy or platform",
            "HAProxy: timeout server 900s; the platforms: heartbeats, or another product",
        ),
    ),
    (
        49.5,
        51.5,
        "HAProxy's timeout server (50 s in many examples)",
        Change("haproxy.cfg, the backend", "timeout server 900s"),
    ),
    (
        59.0,
        63.0,
        "a limit of 60 s: nginx's proxy_read_timeout, or an AWS load balancer's idle timeout",
        Change("nginx, the site's `location`", "proxy_read_timeout 660s;"),
    ),
    (
        95.0,
        130.0,
        "Cloudflare's proxy read timeout (100 to 125 s, error 524)",
        Change("Cloudflare", "only Enterprise plans can change it, so the gateway has to speak before"),
    ),
    (
        228.0,
        245.0,
        "Azure's load balancer (4 minutes, App Service 230 s)",
        Change("Azure, the load balancer", "idle timeout in minutes: 30"),
    ),
    (
        298.0,
        310.0,
        "a limit of 300 s: Cloud Run, Vercel, or an ingress",
        Change("the platform", "its request timeout"),
    ),
)


class Cut(msgspec.Struct, frozen=True):
    """`who` cut it, in words, and `changes` where that is set."""

    who: str
    changes: tuple[Change, ...]


def who_cut(seen: Seen, after_s: float, hops: tuple[str, ...]) -> Cut:
    """Whose limit it was. `after_s`: how long it lasted."""
    error = error_of(seen)
    if error is not None and seen.header("x-request-id"):
        clock = "the gateway's own clock" if "timeout" in error[0] else "the gateway itself"
        where = "docs/how-to/clocks.md" if "timeout" in error[0] else "the gateway's log"
        return Cut(f"{clock} ({error[0]}: {error[1]})", (Change("sluiceway.toml", f"see {where}"),))
    if seen.status == 524:
        return Cut("Cloudflare's proxy read timeout (error 524)", (_DEFAULTS[4][3],))
    if seen.status in (408, 502, 503, 504):
        last = hops[-1] if hops else seen.header("server")
        changes = changes_for("silence", hops)
        if "nginx" in hops:
            return Cut(f"nginx's proxy_read_timeout ({after_s:.0f} s, status {seen.status})", changes)
        if last:
            return Cut(f"{last}'s timeout ({after_s:.0f} s, status {seen.status})", changes)
    for begins_s, ends_s, who, change in _DEFAULTS:
        if begins_s <= after_s <= ends_s:
            return Cut(who, (change,))
    if "nginx" in hops:
        return Cut(f"probably nginx's proxy_read_timeout ({after_s:.0f} s)", changes_for("silence", hops))
    return Cut(f"somebody's limit of {after_s:.0f} s", changes_for("silence", hops))
