"""What a relay is given: the plan of an answer, and the seams toward loop and upstream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from sluiceway.config.settings import StreamSettings
from sluiceway.dialects.base import Dialect
from sluiceway.dialects.crossing import Crossing
from sluiceway.wire.http import Headers


class Plan(msgspec.Struct, frozen=True):
    """All that is decided about an answer before its upstream is asked.

    `crossing` None: a path that is relayed as it is. `errors`: whose shape the gateway's own errors
    take, the client's dialect where there is one. `heartbeat`: the bytes of one heartbeat, given
    whether an `id:` went out already. `replayable`: the request can be sent a second time.
    """

    settings: StreamSettings
    crossing: Crossing | None
    errors: Dialect
    wants_stream: bool
    heartbeat: Callable[[bool], bytes]
    replayable: bool
    request_id: str
    headers: Headers  # on every response: request id, CORS
    bodiless: bool  # HEAD


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
