"""Cross-origin requests: which web pages may call the gateway (Fetch standard, section 3.2).

A page's requests are answered with `access-control-*` headers only if its origin is in
`server.cors_origins`; anything else the browser itself withholds from the page.
"""

from __future__ import annotations

from collections.abc import Iterable

from sluiceway.wire.http import Headers, get_header

# How long a browser may remember the answer to a preflight; two hours is the most that Chromium keeps.
PREFLIGHT_MAX_AGE_S = 7200

_OF_A_LIMIT = (b"limit", b"remaining", b"reset")
_METHODS = b"GET, POST, PUT, PATCH, DELETE"
# All that tells a page whom to ask and when to try again: the gateway's own, which may be the upstream's.
_EXPOSED = b", ".join(
    [
        b"x-request-id, retry-after",
        *(b"x-ratelimit-%b-%b" % (what, of) for of in (b"requests", b"tokens") for what in _OF_A_LIMIT),
    ]
)


class Cors:
    """Pure: origins in, headers out."""

    __slots__ = ("_any", "_origins", "enabled")

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)
        self._any = b"*" in self._origins
        self.enabled = bool(self._origins)

    def headers(self, request: Iterable[tuple[bytes, bytes]]) -> Headers:
        """What to add to a response; nothing for requests that are not cross-origin or not allowed."""
        origin = get_header(request, b"origin")
        if not origin or not (self._any or origin in self._origins):
            return []
        return [
            (b"access-control-allow-origin", b"*" if self._any else origin),
            (b"access-control-expose-headers", _EXPOSED),
            (b"vary", b"origin"),
        ]

    def preflight(self, request: Iterable[tuple[bytes, bytes]]) -> Headers | None:
        """The headers of the answer to a preflight; None if the origin is not allowed."""
        allowed = self.headers(request)
        if not allowed:
            return None
        asked = get_header(request, b"access-control-request-headers")
        return [
            *allowed,
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", asked or b"authorization, content-type"),
            (b"access-control-max-age", b"%d" % PREFLIGHT_MAX_AGE_S),
        ]
