"""How one answer gets from what its upstream sends to what its client wants.

The relay deals with a `Crossing` and never asks what is behind it: the dialect itself, where client and
upstream speak the same; a translation, where they do not; repairs in front of either.
"""

from __future__ import annotations

from typing import Protocol

from sluiceway.dialects.base import Collector, Dialect, DialectRequest, Follower, Usage
from sluiceway.dialects.repair import Repairer
from sluiceway.errors import GatewayError, UpstreamReported


class Crossing(Protocol):
    """One answer's way through the gateway; made per request, asked once per answer."""

    @property
    def passes_unread(self) -> bool:
        """A large JSON answer may go to a JSON client piece by piece, without being read whole."""
        ...

    @property
    def passes_errors(self) -> bool:
        """An HTTP error of the upstream may go to the client as it is."""
        ...

    def follow(self) -> Follower:
        """Events in, events out."""
        ...

    def collect(self) -> Collector:
        """Events in, JSON out."""
        ...

    def explode(self, body: bytes) -> tuple[bytes, Usage | None]:
        """JSON in, events out. Raises `UpstreamInvalid`, `UpstreamReported`."""
        ...

    def read_answer(self, body: bytes) -> tuple[bytes, Usage | None]:
        """JSON in, JSON out. Raises `UpstreamInvalid`, `UpstreamReported`."""
        ...

    def read_error(self, status: int, body: bytes) -> UpstreamReported:
        """The upstream's HTTP error. Never raises."""
        ...


class Direct:
    """Client and upstream speak the same dialect: whatever can stay as it is does.

    `hide_usage`: the gateway asked for usage, the client did not. `max_bytes`: of an answer that has to
    be held whole.
    """

    __slots__ = ("_dialect", "_hide_usage", "_max_bytes", "_request")
    passes_unread = True
    passes_errors = True

    def __init__(
        self, dialect: Dialect, request: DialectRequest, *, hide_usage: bool, max_bytes: int
    ) -> None:
        self._dialect = dialect
        self._request = request
        self._hide_usage = hide_usage
        self._max_bytes = max_bytes

    def follow(self) -> Follower:
        """See `Crossing`."""
        return self._dialect.follow(self._request, hide_usage=self._hide_usage)

    def collect(self) -> Collector:
        """See `Crossing`."""
        return self._dialect.collect(self._request, max_bytes=self._max_bytes)

    def explode(self, body: bytes) -> tuple[bytes, Usage | None]:
        """See `Crossing`."""
        usage = self._dialect.read_answer(body)
        include_usage = self._request.wants_usage
        return self._dialect.explode(body, self._request, include_usage=include_usage), usage

    def read_answer(self, body: bytes) -> tuple[bytes, Usage | None]:
        """See `Crossing`."""
        return body, self._dialect.read_answer(body)

    def read_error(self, status: int, body: bytes) -> UpstreamReported:
        """See `Crossing`."""
        return self._dialect.read_error(status, body)


class Repaired:
    """Another crossing, with repairs in front: everything behind them sees the mended answer."""

    __slots__ = ("_inner", "_repairer")
    passes_unread = False

    def __init__(self, inner: Crossing, repairer: Repairer) -> None:
        self._inner = inner
        self._repairer = repairer

    @property
    def passes_errors(self) -> bool:
        """See `Crossing`."""
        return self._inner.passes_errors

    def follow(self) -> Follower:
        """See `Crossing`."""
        return _RepairedFollower(self._inner.follow(), self._repairer)

    def collect(self) -> Collector:
        """See `Crossing`."""
        return _RepairedCollector(self._inner.collect(), self._repairer)

    def explode(self, body: bytes) -> tuple[bytes, Usage | None]:
        """See `Crossing`."""
        return self._inner.explode(self._repairer.json(body))

    def read_answer(self, body: bytes) -> tuple[bytes, Usage | None]:
        """See `Crossing`."""
        return self._inner.read_answer(self._repairer.json(body))

    def read_error(self, status: int, body: bytes) -> UpstreamReported:
        """See `Crossing`."""
        return self._inner.read_error(status, body)


class _RepairedFollower:
    __slots__ = ("_inner", "_repairer")

    def __init__(self, inner: Follower, repairer: Repairer) -> None:
        self._inner = inner
        self._repairer = repairer

    @property
    def ended(self) -> bool:
        return self._inner.ended

    @property
    def error(self) -> UpstreamReported | None:
        return self._inner.error

    @property
    def usage(self) -> Usage | None:
        return self._inner.usage

    @property
    def progressed(self) -> bool:
        return self._inner.progressed

    def feed(self, block: bytes) -> bytes:
        return self._inner.feed(self._repairer.block(block))

    def complete(self) -> bool:
        return self._inner.complete()

    def rest(self) -> bytes:
        return self._inner.rest()

    def error_event(self, error: GatewayError) -> bytes:
        return self._inner.error_event(error)


class _RepairedCollector:
    __slots__ = ("_inner", "_repairer")

    def __init__(self, inner: Collector, repairer: Repairer) -> None:
        self._inner = inner
        self._repairer = repairer

    @property
    def ended(self) -> bool:
        return self._inner.ended

    @property
    def usage(self) -> Usage | None:
        return self._inner.usage

    def feed(self, block: bytes) -> bool:
        return self._inner.feed(self._repairer.block(block))

    def result(self) -> bytes:
        return self._inner.result()
