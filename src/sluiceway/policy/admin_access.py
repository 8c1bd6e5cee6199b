"""Who may use the console's API: an administrator's key, or nobody but the machine itself. Pure.

    may this page ask?  ──► is a key given? ──► is it right?
                                  │ no
                                  └──► does it come from the machine itself, and nothing stands between?

The first question is about browsers, which send requests for any page that asks them to: there are no cookies, but
a request without a key needs none. A browser says for whom it asks, by `Sec-Fetch-Site` and `Origin`, and pages
can't forge these (Fetch standard, "forbidden request-header").
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Final, Literal

from sluiceway.config.values import is_loopback
from sluiceway.errors import Forbidden, InvalidApiKey, InvalidRequest, RateLimited
from sluiceway.policy.addresses import Networks, client_address
from sluiceway.policy.guessing import Guesses
from sluiceway.wire.http import Headers

Who = Literal["key", "loopback"]

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 section 9.2.1)."""

_FORWARDED: Final = frozenset(
    {
        b"client-ip",
        b"fastly-client-ip",
        b"forwarded",
        b"true-client-ip",
        b"via",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-real-ip",
    }
)
_FORWARDED_PREFIXES: Final = (b"x-forwarded", b"x-original-", b"cf-", b"cdn-", b"x-envoy-", b"tailscale-")

_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}

_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]*))?")

_NO_KEY: Final = "the console's API needs an admin key: send Authorization: Bearer KEY"


class AdminAccess:
    """Decides by the rules of one configuration. `guesses` outlives it."""

    __slots__ = ("_digests", "_guesses", "_loopback", "_trusted")

    def __init__(
        self, digests: Iterable[str], guesses: Guesses, *, loopback: bool, trusted_proxies: Iterable[str] = ()
    ) -> None:
        """`digests`: SHA-256 of the keys, in hexadecimal, as `admin.keys` holds them once it is loaded.
        `loopback`: `admin.loopback`. `trusted_proxies`: `server.trusted_proxies`; none of these is the machine's
        own user, even where it runs there."""
        self._digests = tuple(bytes.fromhex(digest) for digest in digests)
        self._guesses = guesses
        self._loopback = loopback
        self._trusted = Networks(trusted_proxies)

    def check(self, headers: Headers, *, peer: str, method: str, http_version: str, now: float) -> Who:
        """By what right the request may be served.

        `headers`: names in lower case. `peer`: the address of the connection. `now`: Unix seconds. Raises
        `Forbidden`, `InvalidApiKey`, `RateLimited`, or `InvalidRequest` where it is unclear which host is meant.
        """
        host = _host(headers)
        refuse_other_sites(headers, host)
        if method not in SAFE_METHODS:
            need_json(headers)
        given = [value for name, value in headers if name == b"authorization"]
        if given:
            self._check_key(given, client_address(peer, headers, self._trusted), now)
            return "key"
        if not self._loopback:
            raise _unauthorised(_NO_KEY)
        why_not = self._not_local(headers, peer, host, http_version)
        if why_not:
            raise _unauthorised(f"{_NO_KEY}; without one it serves only the machine itself, and {why_not}")
        return "loopback"

    def _check_key(self, given: list[bytes], address: str, now: float) -> None:
        scheme, _, key = given[0].partition(b" ")
        key = key.strip()
        if len(given) > 1 or scheme.lower() != b"bearer" or not key:
            raise _unauthorised(_NO_KEY)
        digest = hashlib.sha256(key).digest()
        guesses = self._guesses
        if (wait_s := guesses.refused_for_s(address, now)) and not guesses.was_right(address, digest):
            raise RateLimited("too many wrong admin keys came from this address", retry_after_s=wait_s)
        found = False
        for known in self._digests:  # all of them: how long it takes tells nothing
            found |= hmac.compare_digest(known, digest)
        if not found:
            guesses.wrong(address, [digest], now)
            raise _unauthorised("unknown admin key")
        guesses.right(address, digest)

    def _not_local(self, headers: Headers, peer: str, host: str, http_version: str) -> str:
        """Why this is not somebody on the machine itself; `""` if it is."""
        address = client_address(peer, (), Networks(()))
        if not is_loopback(address):
            return "this is another one"
        if peer in self._trusted:
            return "this comes from a trusted proxy"
        if not is_loopback(_name_of(host)):
            # A page of evil.example may have its name resolved to 127.0.0.1, and is then of the same origin as
            # the gateway. But the name stays in the Host header ("DNS rebinding").
            return "the Host header names another one"
        if any(name in _FORWARDED or name.startswith(_FORWARDED_PREFIXES) for name, _ in headers):
            return "this was forwarded by a proxy"
        if http_version == "1.0":
            # nginx without `proxy_http_version` and `proxy_set_header` says nothing else of its clients.
            return "this has the HTTP version of proxies"
        return ""


def refuse_other_sites(headers: Headers, host: str) -> None:
    """Raise `Forbidden` if a page of another site has the request sent. `host`: the Host header."""
    for name, value in headers:
        if name == b"sec-fetch-site" and value not in (b"same-origin", b"none"):
            raise Forbidden("a page of another site may not use the console's API (Sec-Fetch-Site)")
        if name == b"origin" and not _is_own(value.decode("latin-1"), host):
            raise Forbidden(
                "a page of another site may not use the console's API: its Origin is not the Host asked for. Behind "
                "a proxy, have it pass the Host header on"
            )


def need_json(headers: Headers) -> None:
    """Raise `InvalidRequest` (415) unless the body is said to be JSON.

    A page may have any form sent anywhere, but JSON only where CORS allows it (Fetch standard, "CORS-safelisted
    request-header"), which the gateway never does here.
    """
    for name, value in headers:
        if name == b"content-type" and value.partition(b";")[0].strip().lower() == b"application/json":
            return
    error = InvalidRequest("the content-type has to be application/json")
    error.status = 415
    raise error


def _host(headers: Headers) -> str:
    given = [value for name, value in headers if name == b"host"]
    if len(given) != 1:  # RFC 9112 section 3.2
        raise InvalidRequest("there has to be one Host header")
    return given[0].decode("latin-1").strip().lower()


def _name_of(host: str) -> str:
    """The host alone: `[::1]:8787` is `::1`; `""` if it is none."""
    match = _HOST.fullmatch(host)
    return match["name"].strip("[]") if match else ""


def _is_own(origin: str, host: str) -> bool:
    """Whether that origin is where the request went to. The scheme may be a proxy's affair, so it does not count."""
    scheme, _, place = origin.lower().partition("://")
    default = _DEFAULT_PORTS.get(scheme)
    page, asked = _HOST.fullmatch(place), _HOST.fullmatch(host)
    if default is None or page is None or asked is None:
        return False
    return (page["name"], page["port"] or default) == (asked["name"], asked["port"] or default)


def _unauthorised(message: str) -> InvalidApiKey:
    error = InvalidApiKey(message)
    error.headers.append((b"www-authenticate", b'Bearer realm="sluiceway"'))  # RFC 9110 section 15.5.2
    return error
