"""The runtime: everything that a request needs and that the configuration decides, built once.

A running request keeps the `Runtime` it began with; a new configuration is a new `Runtime` and one
swapped reference (invariant 8). The connection pool outlives them, since open connections do not
depend on settings.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from sluiceway.config.settings import Settings, UpstreamSettings
from sluiceway.dialects.repair import REPAIRS, drop_fields, parse_path
from sluiceway.errors import Overloaded
from sluiceway.observe.record import Record
from sluiceway.policy.auth import Authenticator
from sluiceway.policy.cors import Cors
from sluiceway.policy.routing import Router
from sluiceway.upstream.dial import proxy_for
from sluiceway.upstream.pool import Target
from sluiceway.wire.http import CREDENTIALS, Headers

Observer = Callable[[Record], None]


class UpstreamRuntime:
    """One configured upstream: where it is, what is sent to it with every request, how busy it is."""

    __slots__ = (
        "_headers",
        "_host",
        "_key_index",
        "_keys",
        "base_path",
        "in_flight",
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
        self.in_flight = 0
        self._host = url.netloc.rpartition("@")[2].encode()
        keys = [str(key).encode() for key in settings.api_keys]
        # Anthropic's API takes its keys in a header of its own.
        if settings.dialects == ("messages",):
            self._keys = [(b"x-api-key", key) for key in keys]
        else:
            self._keys = [(b"authorization", b"Bearer " + key) for key in keys]
        self._key_index = 0
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

    def request_headers(self, passed: Headers) -> Headers:
        """The headers of one request: `passed` on from the client, with the upstream's own in front.

        What the operator configured for this upstream wins over what the client sent. Several keys
        are used in turn.
        """
        own: Headers = [(b"host", self._host), (b"accept-encoding", b"identity")]
        if self._keys:
            own.append(self._keys[self._key_index])
            self._key_index = (self._key_index + 1) % len(self._keys)
        if self._headers:
            names = {name for name, _ in self._headers}
            own = [header for header in own if header[0] not in names] + self._headers
            passed = [header for header in passed if header[0] not in names]
        return own + passed

    def slot(self) -> UpstreamRuntime:
        """For `with`: counts one request in and out again. Raises `Overloaded` at `max_in_flight`."""
        limit = self.settings.max_in_flight
        if limit and self.in_flight >= limit:
            error = Overloaded(
                f"upstream {self.settings.name!r} has {limit} requests in flight, its max_in_flight"
            )
            error.headers.append((b"retry-after", b"1"))
            raise error
        return self

    def __enter__(self) -> None:
        self.in_flight += 1

    def __exit__(self, *_: object) -> None:
        self.in_flight -= 1


class Runtime:
    """See the module. Attributes are read-only by convention."""

    __slots__ = ("authenticator", "cors", "observers", "router", "settings", "upstreams")

    def __init__(self, settings: Settings, *, observers: tuple[Observer, ...] = ()) -> None:
        self.settings = settings
        self.authenticator = Authenticator(settings.keys)
        self.router = Router(settings.upstreams, settings.models)
        self.upstreams = {upstream.name: UpstreamRuntime(upstream) for upstream in settings.upstreams}
        self.cors = Cors(settings.server.cors_origins)
        self.observers = observers
