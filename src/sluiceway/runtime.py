"""The runtime: everything that a request needs and that the configuration decides, built once.

A running request keeps the `Runtime` it began with; a new configuration is a new `Runtime` and one
swapped reference (invariant 8). The connection pool outlives them, since open connections do not
depend on settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from sluiceway.config.key_settings import StoredKey
from sluiceway.config.settings import Settings
from sluiceway.config.upstream_settings import UpstreamSettings
from sluiceway.dialects.repair import REPAIRS, drop_fields, parse_path
from sluiceway.policy.addresses import Networks
from sluiceway.policy.cors import Cors
from sluiceway.policy.guessing import Guesses
from sluiceway.policy.keys import Authenticator
from sluiceway.policy.prices import Prices
from sluiceway.policy.routing import Router
from sluiceway.policy.upstream_state import UpstreamState
from sluiceway.upstream.dial import proxy_for
from sluiceway.upstream.healthcheck import Check, check_requests
from sluiceway.upstream.pool import Target
from sluiceway.wire.http import CREDENTIALS, Headers


class UpstreamRuntime:
    """One configured upstream: where it is, and what is sent to it with every request."""

    __slots__ = (
        "_headers",
        "_host",
        "_keys",
        "base_path",
        "repairs",
        "settings",
        "target",
    )

    def __init__(self, settings: UpstreamSettings) -> None:
        url = urlsplit(settings.base_url)
        assert url.hostname is not None  # checked with the configuration
        port = url.port or (443 if url.scheme == "https" else 80)
        self.settings = settings
        self.base_path = url.path.rstrip("/").encode()
        self.target = Target(
            url.scheme, url.hostname, port, proxy_for(url.scheme, url.hostname, str(settings.proxy))
        )
        self._host = url.netloc.rpartition("@")[2].encode()
        keys = [str(key).encode() for key in settings.api_keys]
        # Anthropic's API takes its keys in a header of its own.
        if settings.dialects == ("messages",):
            self._keys = [(b"x-api-key", key) for key in keys]
        else:
            self._keys = [(b"authorization", b"Bearer " + key) for key in keys]
        self.repairs = [
            REPAIRS[name] for name in settings.repairs if name in REPAIRS
        ]  # "model" needs a request
        if settings.drop_fields:
            self.repairs.append(drop_fields(map(parse_path, settings.drop_fields)))
        self._headers = [
            (name.lower().encode(), str(value).encode()) for name, value in settings.headers.items()
        ]

    @property
    def has_keys(self) -> bool:
        """Whether it authenticates itself; if so, no credential of a client ever reaches it."""
        return bool(self._keys) or any(name in CREDENTIALS for name, _ in self._headers)

    def check(self) -> Check | None:
        """The active health check of it, with each of its keys in turn; None if there is none."""
        health = self.settings.health
        if not health.check_path:
            return None
        keys: Iterable[int | None] = range(len(self._keys)) if self._keys else (None,)
        path = self.base_path + health.check_path.encode()
        requests = check_requests(path, (self.request_headers([], key) for key in keys))
        interval_s, timeout_s = health.check_interval_s, health.check_timeout_s
        return Check(self.settings.name, self.target, requests, interval_s, timeout_s)

    def request_headers(self, passed: Headers, key: int | None) -> Headers:
        """The headers of one request: `passed` on from the client, with the upstream's own in front.

        `key`: the index of the key to send. What the operator configured for this upstream wins over what the
        client sent.
        """
        own: Headers = [(b"host", self._host), (b"accept-encoding", b"identity")]
        if key is not None:
            own.append(self._keys[key])
        if self._headers:
            names = {name for name, _ in self._headers}
            own = [header for header in own if header[0] not in names] + self._headers
            passed = [header for header in passed if header[0] not in names]
        return own + passed


class Runtime:
    """See the module. Attributes are read-only by convention."""

    __slots__ = (
        "authenticator",
        "cors",
        "prices",
        "router",
        "settings",
        "trusted_proxies",
        "upstreams",
    )

    def __init__(
        self,
        settings: Settings,
        stored: Iterable[StoredKey] | None,
        *,
        state_of: Callable[[UpstreamSettings], UpstreamState],
        guesses: Guesses,
    ) -> None:
        """`stored`: what the keys file holds, None if there is none. `state_of`, `guesses`: what lives longer than
        a configuration."""
        self.settings = settings
        self.authenticator = Authenticator(settings.keys, stored, guesses)
        self.router = Router(settings.upstreams, settings.models, state_of, settings.routing)
        self.upstreams = {upstream.name: UpstreamRuntime(upstream) for upstream in settings.upstreams}
        self.cors = Cors(settings.server.cors_origins)
        self.prices = Prices(settings.prices)
        self.trusted_proxies = Networks(settings.server.trusted_proxies)
