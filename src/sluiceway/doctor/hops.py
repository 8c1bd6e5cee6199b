"""Who is on the way, as far as headers tell, and where each is told what to do with a stream. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from sluiceway.doctor.finding import Change
from sluiceway.doctor.seen import Seen

Fault = Literal["buffering", "compression", "headers", "body size", "keep-alive", "silence"]

# Outermost first: a CDN is in front of a load balancer, which is in front of a proxy.
# (name, header, what its value begins with, in lower case)
_SIGNS: Final = (
    ("Cloudflare", "cf-ray", ""),
    ("Cloudflare", "server", "cloudflare"),
    ("CloudFront", "x-amz-cf-id", ""),
    ("Azure Front Door", "x-azure-ref", ""),
    ("Google load balancer", "via", "1.1 google"),
    ("AWS load balancer", "server", "awselb"),
    ("Envoy", "server", "envoy"),
    ("Envoy", "server", "istio-envoy"),
    ("Envoy", "x-envoy-upstream-service-time", ""),
    ("nginx", "server", "nginx"),
    ("nginx", "server", "openresty"),
    ("nginx", "server", "tengine"),
    ("Caddy", "server", "caddy"),
    ("Caddy", "via", "1.1 caddy"),
    ("Apache", "server", "apache"),
    ("IIS", "server", "microsoft-iis"),
)

_NGINX: Final = "nginx, the site's `location`"
_CADDY: Final = "Caddyfile, in `reverse_proxy`"
_GATEWAY: Final = "sluiceway.toml"

_CHANGES: Final[dict[tuple[str, Fault], tuple[Change, ...]]] = {
    ("nginx", "buffering"): (
        Change(_NGINX, "proxy_buffering off;"),
        Change(_NGINX, "no `proxy_ignore_headers X-Accel-Buffering`, and no `proxy_cache`"),
    ),
    ("nginx", "compression"): (Change(_NGINX, "gzip off;"),),
    ("nginx", "headers"): (
        Change(_NGINX, "no `proxy_hide_header Cache-Control`, no `expires`, no `add_header Cache-Control`"),
    ),
    ("nginx", "body size"): (Change(_NGINX, "client_max_body_size 64m;"),),
    ("nginx", "keep-alive"): (Change("nginx, the site's `server`", "keepalive_timeout 75s;"),),
    ("nginx", "silence"): (Change(_NGINX, "proxy_read_timeout 660s;"),),
    ("Caddy", "buffering"): (Change(_CADDY, "flush_interval -1"),),
    ("Caddy", "compression"): (
        Change("Caddyfile", "no `encode` for event streams: `match { not header Content-Type text/event-stream* }`"),
    ),
    ("Caddy", "body size"): (Change("Caddyfile", "request_body { max_size 64MB }"),),
    ("Cloudflare", "buffering"): (
        Change("Cloudflare, Rules → Configuration Rules", "Response Body Buffering: None"),
        Change("Cloudflare, Workers and Snippets", "pass `response.body` on as it is, never `await response.text()`"),
    ),
    ("Cloudflare", "compression"): (
        Change("Cloudflare, Rules → Compression Rules", "text/event-stream: disable compression"),
    ),
    ("Cloudflare", "headers"): (
        Change("Cloudflare, Rules → Cache Rules", "bypass the cache for the gateway's host"),
    ),
    ("Cloudflare", "body size"): (Change("Cloudflare, Security → WAF", "let large bodies of this path through"),),
    ("CloudFront", "buffering"): (Change("CloudFront, the behaviour", "CachingDisabled; no Lambda@Edge on answers"),),
    ("CloudFront", "compression"): (Change("CloudFront, the behaviour", "Compress objects automatically: no"),),
    ("Envoy", "silence"): (Change("Envoy, the route", "timeout: 0s, idle_timeout: 900s"),),
    ("Envoy", "buffering"): (Change("Envoy, http_filters", "no `envoy.filters.http.buffer`"),),
    ("Envoy", "compression"): (Change("Envoy, the compressor filter", "content_type without text/event-stream"),),
    ("AWS load balancer", "silence"): (
        Change("AWS, the load balancer's attributes", "idle_timeout.timeout_seconds = 900"),
    ),
    ("Apache", "buffering"): (Change("Apache, the site's ProxyPass", "flushpackets=on"),),
    ("Apache", "compression"): (Change("Apache, the site", "SetEnvIf Request_URI ^/v1/ no-gzip"),),
    ("Apache", "silence"): (Change("Apache, the site's ProxyPass", "timeout=660"),),
    ("Apache", "body size"): (Change("Apache, the site", "LimitRequestBody 67108864"),),
    ("IIS", "buffering"): (Change("IIS, Application Request Routing → Server Proxy", "responseBufferLimit=0"),),
}  # fmt: skip

# A CDN hides whoever is behind it, and several proxies do not say who they are: then these are the likely ones.
_LIKELY: Final = ("nginx", "Caddy")
_HIDING: Final = frozenset({"Cloudflare", "CloudFront", "Azure Front Door", "Google load balancer"})


def hops_of(answers: Iterable[Seen]) -> tuple[str, ...]:
    """Who was recognised in these answers, outermost first; empty if nobody says who he is."""
    found: dict[str, None] = {}
    for name, header, beginning in _SIGNS:
        for seen in answers:
            value = seen.header(header).lower()
            if value and value.startswith(beginning):
                found[name] = None
    return tuple(found)


def changes_for(fault: Fault, hops: tuple[str, ...]) -> tuple[Change, ...]:
    """What to change where, for those who are on the way, or for the likely ones where nobody says who he is."""
    asked = list(hops)
    if not asked or all(hop in _HIDING for hop in asked):
        asked += _LIKELY
    changes = [change for hop in asked for change in _CHANGES.get((hop, fault), ())]
    return tuple(changes) or (
        Change("the proxy in front of the gateway", f"turn its {fault} setting off or up"),
    )


def heartbeats_below(limit_s: float) -> tuple[Change, ...]:
    """The gateway's own part: to speak before somebody loses patience."""
    wanted = max(1, min(10, int(limit_s / 3)))
    return (Change(f"{_GATEWAY}, [stream]", f"heartbeat_s = {wanted} and commit_after_s = {wanted}"),)


def white_space_below(limit_s: float) -> Change:
    """The same for JSON answers."""
    return Change(f"{_GATEWAY}, [stream]", f"json_heartbeat_s = {max(1, min(20, int(limit_s / 3)))}")
