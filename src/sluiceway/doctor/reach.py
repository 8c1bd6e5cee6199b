"""Does a request reach the gateway at all, and with what rights? Pure: from how connecting and a first, empty request
went."""

from __future__ import annotations

from typing import Final

from sluiceway.doctor.asking import Target
from sluiceway.doctor.events import error_of
from sluiceway.doctor.finding import Change, Finding
from sluiceway.doctor.seen import Link, Seen, Unreachable

CERTIFICATE_DAYS: Final = 14.0
"""Certificates are renewed a month before their end; one that has two weeks left was not."""

_DAY_S: Final = 86400.0

_OURS: Final = frozenset({"invalid_request", "invalid_api_key", "forbidden", "rate_limited", "draining"})

# What TLS libraries say, and what it means.
_CERTIFICATE: Final = (
    ("expired", "renew it; for certbot see `certbot renew --dry-run`"),
    ("self-signed", "use one from a public authority; for a private one set SSL_CERT_FILE for clients"),
    ("self signed", "use one from a public authority; for a private one set SSL_CERT_FILE for clients"),
    ("unable to get local issuer", "nginx: `ssl_certificate` has to be the whole chain (fullchain.pem)"),
    ("mismatch", "the certificate is for other names: use one that has this name"),
    ("not valid for", "the certificate is for other names: use one that has this name"),
)  # fmt: skip

# RFC 9110 knows none of these; Cloudflare's documentation does.
_CLOUDFLARE: Final = {
    520: "the origin answered with something that is no HTTP",
    521: "the origin refused the connection: nothing listens there, or a firewall keeps Cloudflare out",
    522: "the origin does not answer to TCP",
    523: "the origin can't be reached",
    525: "TLS between Cloudflare and the origin failed",
    526: "the origin's certificate is not valid: Full (strict) needs one that is",
    530: "Cloudflare can't resolve the origin's name",
}


def unreachable(error: Unreachable) -> Finding:
    """There is no connection."""
    title, where, what = {
        "name": ("the host's name can't be resolved", "DNS", "an A or AAAA record for it"),
        "refused": (
            "nothing takes connections there",
            "the proxy or the gateway",
            "is it running, and on this port?",
        ),
        "slow": ("connecting takes too long", "the firewall", "let this port through"),
        "certificate": ("the certificate is not trusted", "the site's certificate", "replace it"),
        "tls": ("there is no TLS to be had", "the URL or the proxy", "https only where the port speaks TLS"),
    }[error.why]
    message = str(error)
    if error.why == "certificate":
        what = next((advice for sign, advice in _CERTIFICATE if sign in message.lower()), what)
    return Finding(
        code="reach", severity="error", title=title, seen=message, changes=(Change(where, what),), stops=True
    )


def certificate(link: Link, now: float) -> Finding | None:
    """How long the certificate lasts. `now`: Unix seconds."""
    if not link.expires:
        return None
    days = (link.expires - now) / _DAY_S
    figures = {"days_left": round(days, 1)}
    seen = f"{link.tls_version}, valid for {days:.0f} more days"
    if days >= CERTIFICATE_DAYS:
        return Finding(code="tls", severity="ok", title="TLS is fine", seen=seen, figures=figures)
    change = Change("the site's certificate", "renew it, and see why that did not happen by itself")
    return Finding(
        code="tls",
        severity="warning",
        title="the certificate ends soon",
        seen=seen,
        figures=figures,
        changes=(change,),
    )


def is_gateway(seen: Seen) -> bool:
    """Whether this is an answer of the gateway's own to a request without a model."""
    error = error_of(seen)
    return bool(error and error[0] in _OURS and seen.header("x-request-id"))


def is_found(seen: Seen) -> bool:
    """Whether there is an API at that path, the gateway's or another: worth asking further."""
    return seen.status in (400, 422) and error_of(seen) is not None


def answered(seen: Seen, target: Target, asked: Target) -> Finding:
    """What an empty request was answered with. `target`: where; `asked`: where the user had said."""
    if is_found(seen):
        return _found(seen, target, asked)
    error = error_of(seen)
    title, change = _refused(seen, error, target) if error else _strange(seen, target)
    said = f"{error[0]}: {error[1]}" if error else _excerpt(seen)
    return Finding(
        code="reach",
        severity="error",
        title=title,
        seen=f"{_status(seen)} at {target.url}/chat/completions; {said}",
        figures={"status": seen.status},
        changes=(change,),
        stops=True,
    )


def _found(seen: Seen, target: Target, asked: Target) -> Finding:
    if target.base != asked.base:
        return Finding(
            code="reach",
            severity="warning",
            title="the path is another one",
            seen=f"nothing at {asked.url}; the API is at {target.url}",
            changes=(Change("clients", f"base URL {target.url}"),),
        )
    if not is_gateway(seen):
        return Finding(
            code="reach",
            severity="note",
            title="an API answers, which is not a Sluiceway, or whose x-request-id is taken away",
            seen=f"{_status(seen)} at {target.url}",
        )
    return Finding(code="reach", severity="ok", title="the gateway answers", seen=target.url)


def _refused(seen: Seen, error: tuple[str, str], target: Target) -> tuple[str, Change]:
    """In JSON, as an API answers."""
    code, message = error
    if seen.status == 401:
        return "the key is not accepted", Change(
            "this command", "--key KEY, or SLUICEWAY_KEY in the environment"
        )
    if seen.status == 403:
        return "the key may not do this", Change("the key", f"its allowed_ips, dialects, models ({message})")
    if seen.status == 404 and "no such path: " in message:
        path = message.split("no such path: ")[1].split(" ")[0]
        return (
            f"the gateway is asked for {path}, which it does not have",
            Change(
                "nginx, the site's `location`",
                "proxy_pass http://sluiceway/; with a slash at its end takes the location's prefix away "
                f"(Caddy: handle_path); or give clients a URL without {target.base}",
            ),
        )
    if seen.status == 413:
        return "even an empty request is too large", Change("the proxy", "its limit on request bodies")
    if seen.status == 429:
        return "the key or this address has used up its requests", Change("this command", "try again later")
    if code == "draining":
        return "the gateway is shutting down", Change("this command", "try again when it is back")
    return f"the API answers with {_status(seen)}", Change("the gateway's log", seen.header("x-request-id"))


def _strange(seen: Seen, target: Target) -> tuple[str, Change]:
    """Not as an API answers: somebody on the way did, or nobody."""
    status, server = seen.status, seen.header("server") or "whoever answers"
    if status == 0 and seen.end == "garbage":
        return "what answers does not speak HTTP", Change("the URL", "https instead of http, or another port")
    if status == 0:
        return "the connection ended without an answer", Change("the proxy's error log", "why it hung up")
    if status in (301, 302, 303, 307, 308):
        to = seen.header("location")
        return "requests are redirected, which makes many clients drop body or key", Change(
            "clients", f"use {to}"
        )
    if seen.header("cf-mitigated") or (status in (403, 503) and "cloudflare" in server.lower()):
        return "Cloudflare takes the client for a bot", Change(
            "Cloudflare, Security → WAF", "skip challenges, bot fight mode and browser checks for this path"
        )
    if status in _CLOUDFLARE:
        return _CLOUDFLARE[status], Change("the origin behind Cloudflare", "see error " + str(status))
    if status in (502, 503, 504):
        return f"{server} does not reach the gateway", Change(
            f"{server}: its error log",
            "proxy_pass to where the gateway listens (`sluiceway serve` prints it)",
        )
    if status in (404, 405) or 200 <= status < 300:
        return f"{server} answers by itself, nothing leads to the gateway", Change(
            "the proxy's site file",
            f"lead {target.base}/ to the gateway: nginx: location {target.base}/ {{ proxy_pass … }}",
        )
    if status in (401, 407):
        return f"{server} wants a login of its own", Change(
            "the proxy's site file",
            "no auth_basic, no forward auth for this path: the gateway has its own keys",
        )
    if status == 403:
        return f"{server} forbids it", Change(
            "the proxy's site file", "its allow, deny and firewall rules for this path"
        )
    if status == 400 and "https" in _excerpt(seen).lower():
        return "plain HTTP was spoken to a port of TLS", Change("the URL", "https instead of http")
    return f"{server} answers with {_status(seen)}", Change("the proxy's error log", "why")


def _status(seen: Seen) -> str:
    return f"status {seen.status}" if seen.status else "no status"


def _excerpt(seen: Seen) -> str:
    text = " ".join(seen.body[:400].decode("utf-8", "replace").split())
    return text[:120] or "an empty body"
