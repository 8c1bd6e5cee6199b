"""Header rules: which headers cross the gateway, in either direction, and which end here.

Names are lower-case bytes throughout, as ASGI and our parser give them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

Headers = list[tuple[bytes, bytes]]

# RFC 9110 section 7.6.1 (connection-specific fields), RFC 9112 (framing is ours on either side).
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"content-length",
    }
)

# What names or authenticates the client toward the gateway is nobody else's business (invariant 10).
CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"api-key", b"cookie"})

# Set anew for the upstream, or telling it about the client's network and page.
_NOT_UPWARD = (
    HOP_BY_HOP
    | CREDENTIALS
    | {
        b"accept-encoding",  # we ask for identity: events must be readable here
        b"expect",  # answered here, before the body is read
        b"forwarded",
        b"host",
        b"origin",
        b"referer",
        b"via",
        b"x-real-ip",
        b"x-request-id",
    }
)
_NOT_UPWARD_PREFIXES = (b"x-forwarded-", b"cf-", b"cdn-", b"sec-", b"x-sluiceway-")

# Statements about the upstream's own connection, origin or clock; false when the gateway repeats them.
_NOT_DOWNWARD = HOP_BY_HOP | {
    b"alt-svc",
    b"date",
    b"server",
    b"set-cookie",
    b"strict-transport-security",
}

EVENT_STREAM_HEADERS: Headers = [
    (b"content-type", b"text/event-stream"),
    # no-transform keeps intermediaries from compressing, and so buffering, the stream.
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


def get_header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """The first value of the header, `b""` if it is absent."""
    for key, value in headers:
        if key == name:
            return value
    return b""


@lru_cache(maxsize=1024)  # a handful of names comes over and over; clients can invent others
def _goes_up(name: bytes) -> bool:
    return name not in _NOT_UPWARD and not name.startswith(_NOT_UPWARD_PREFIXES)


@lru_cache(maxsize=1024)
def _goes_down(name: bytes) -> bool:
    # CORS headers are the gateway's to set, since the page talks to the gateway's origin.
    return name not in _NOT_DOWNWARD and not name.startswith(b"access-control-")


def _without_named(headers: Headers, connection: bytes) -> Headers:
    """RFC 9110 section 7.6.1: `Connection` may name further fields that end at this hop."""
    named = {token.strip().lower() for token in connection.split(b",")}
    return [header for header in headers if header[0] not in named]


def upstream_request_headers(
    headers: Iterable[tuple[bytes, bytes]], *, keep: frozenset[bytes] = frozenset()
) -> Headers:
    """The client's headers that go on to the upstream. `keep`: credentials it may see (no key of its own)."""
    passed: Headers = []
    connection = b""
    for header in headers:
        name = header[0]
        if _goes_up(name) or name in keep:
            passed.append(header)
        elif name == b"connection":
            connection += b"," + header[1]
    return _without_named(passed, connection) if connection else passed


def client_response_headers(headers: Iterable[tuple[bytes, bytes]], *, reframed: bool = False) -> Headers:
    """The upstream's response headers that the client may see.

    `reframed`: the body is not the upstream's own any more, so what describes it is left out too.
    """
    passed: Headers = []
    connection = b""
    for header in headers:
        name = header[0]
        if _goes_down(name):
            if not (reframed and name in _DESCRIBES_BODY):
                passed.append(header)
        elif name == b"connection":
            connection += b"," + header[1]
    return _without_named(passed, connection) if connection else passed


def error_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Of an upstream's error, the headers that tell a client when to try again and whom to ask about it.

    For errors whose body is written anew, so that nothing else about the response still holds.
    """
    return [header for header in headers if header[0] in _OF_ERRORS or header[0].startswith(_OF_LIMITS)]


_OF_ERRORS = frozenset({b"retry-after", b"retry-after-ms", b"x-should-retry", b"x-request-id", b"request-id"})
_OF_LIMITS = (b"x-ratelimit-", b"anthropic-ratelimit-")

_DESCRIBES_BODY = frozenset(
    {b"content-encoding", b"etag", b"last-modified", b"digest", b"content-md5"}
    | {name for name, _ in EVENT_STREAM_HEADERS}
)


def request_head(method: bytes, path: bytes, headers: Headers) -> bytes:
    """The bytes of an HTTP/1.1 request head. The caller has checked names and values."""
    lines = [b"%b %b HTTP/1.1\r\n" % (method, path)]
    lines += [b"%b: %b\r\n" % header for header in headers]
    lines.append(b"\r\n")
    return b"".join(lines)
