"""Header rules: which headers cross the gateway, in either direction, and which end here.

Names are lower-case bytes throughout, as ASGI and our parser give them.
"""

from __future__ import annotations

from collections.abc import Iterable

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
_SET_ON_EVENT_STREAMS = frozenset(name for name, _ in EVENT_STREAM_HEADERS)


def get_header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """The first value of the header, `b""` if it is absent."""
    for key, value in headers:
        if key == name:
            return value
    return b""


def _named_by_connection(headers: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    """RFC 9110 section 7.6.1: `Connection` may name further fields that end at this hop."""
    return {
        token.strip().lower()
        for name, value in headers
        if name == b"connection"
        for token in value.split(b",")
    } - {b"close", b"keep-alive", b""}


def upstream_request_headers(
    headers: Iterable[tuple[bytes, bytes]], *, keep: frozenset[bytes] = frozenset()
) -> Headers:
    """The client's headers that go on to the upstream. `keep`: credentials it may see (no key of its own)."""
    extra = _named_by_connection(headers)
    return [
        (name, value)
        for name, value in headers
        if (name not in _NOT_UPWARD or name in keep)
        and not name.startswith(_NOT_UPWARD_PREFIXES)
        and name not in extra
    ]


def client_response_headers(headers: Iterable[tuple[bytes, bytes]], *, reframed: bool = False) -> Headers:
    """The upstream's response headers that the client may see.

    `reframed`: the body is not the upstream's own any more, so what describes it is left out too.
    CORS headers are the gateway's to set, since the page talks to the gateway's origin.
    """
    extra = _named_by_connection(headers)
    return [
        (name, value)
        for name, value in headers
        if name not in _NOT_DOWNWARD
        and name not in extra
        and not name.startswith(b"access-control-")
        and not (reframed and (name in _SET_ON_EVENT_STREAMS or name in _DESCRIBES_BODY))
    ]


_DESCRIBES_BODY = frozenset({b"content-encoding", b"etag", b"last-modified", b"digest", b"content-md5"})


def request_head(method: bytes, path: bytes, headers: Headers) -> bytes:
    """The bytes of an HTTP/1.1 request head. The caller has checked names and values."""
    lines = [b"%b %b HTTP/1.1\r\n" % (method, path)]
    lines += [b"%b: %b\r\n" % header for header in headers]
    lines.append(b"\r\n")
    return b"".join(lines)
