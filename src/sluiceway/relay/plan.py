"""What a relay is given: the plan of an answer, and the seams toward loop and upstream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec

from sluiceway.config.stream_settings import StreamSettings
from sluiceway.dialects.base import Dialect
from sluiceway.dialects.crossing import Crossing
from sluiceway.errors import GatewayError
from sluiceway.wire.http import Headers

if TYPE_CHECKING:
    from sluiceway.relay.attempt import Attempt


class Plan(msgspec.Struct, frozen=True):
    """All that is decided about an answer before an upstream is asked.

    `settings`: until the first attempt brings its own. `crossing`: makes that of an answer for which nobody
    was asked; None is a path that is relayed as it is. `errors`: whose shape the gateway's own errors take, the
    client's dialect where there is one. `heartbeat`: the bytes of one heartbeat, given whether an `id:` went
    out already. `replayable`: the request can be sent a second time.
    """

    settings: StreamSettings
    crossing: Callable[[], Crossing] | None
    errors: Dialect
    wants_stream: bool
    heartbeat: Callable[[bool], bytes]
    replayable: bool
    request_id: str
    headers: Headers  # on every response: request id, CORS
    bodiless: bool  # HEAD
    limited: bool = False  # `headers` tell of the client's own rate limits


class Failover(Protocol):
    """Decides, at once, whether a failed attempt is followed by another. Whoever says yes sees to it."""

    def might_move(self, attempt: Attempt) -> bool:
        """An HTTP error came: is its message to be read, since another attempt may follow?"""
        ...

    def moves(self, attempt: Attempt, error: GatewayError) -> bool:
        """It failed before any of its answer was written: will another attempt follow?"""
        ...

    def resumes(self, attempt: Attempt, error: GatewayError) -> bool:
        """It failed after some of its answer was written: will another attempt take it up?"""
        ...

    def began(self, attempt: Attempt) -> None:
        """Its first real event came."""
        ...


class NoFailover:
    """One attempt is all there is."""

    def might_move(self, attempt: Attempt) -> bool:
        """See `Failover`."""
        return False

    def moves(self, attempt: Attempt, error: GatewayError) -> bool:
        """See `Failover`."""
        return False

    def resumes(self, attempt: Attempt, error: GatewayError) -> bool:
        """See `Failover`."""
        return False

    def began(self, attempt: Attempt) -> None:
        """See `Failover`."""


class Clock(Protocol):
    """The part of an event loop that a relay needs; tests pass a fake."""

    def time(self) -> float:
        """Seconds, monotonic."""
        ...

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        """Call once at that time."""
        ...


class Timer(Protocol):
    """What `call_at` returns."""

    def cancel(self) -> None:
        """Do not call."""
        ...


class Upstream(Protocol):
    """The part of an upstream connection that a relay steers."""

    def pause(self) -> None:
        """Deliver nothing for now."""
        ...

    def resume(self) -> None:
        """Deliver again."""
        ...

    def abort(self) -> None:
        """Close at once; no further calls."""
        ...

    def linger(self, seconds: float) -> None:
        """No further calls; read quietly to the end of the body, then reuse, else close."""
        ...
