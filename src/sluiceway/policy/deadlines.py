"""Deadlines that a client sets for its own request: headers that may lower a clock, never raise it.

x-sluiceway-first-event-s: 20      x-sluiceway-idle-s: 15      x-sluiceway-total-s: 90.5
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from sluiceway.config.stream_settings import StreamSettings
from sluiceway.errors import FirstEventTimeout, GatewayError, IdleTimeout, InvalidRequest

_PREFIX = b"x-sluiceway-"
_CLOCKS = {
    b"x-sluiceway-first-event-s": "first_event_s",
    b"x-sluiceway-idle-s": "idle_s",
    b"x-sluiceway-total-s": "total_s",
}


class Deadlines(msgspec.Struct, frozen=True):
    """Seconds; None where the client did not say. `first_event_s` counts from the request, all attempts included."""

    first_event_s: float | None = None
    idle_s: float | None = None
    total_s: float | None = None

    def lower(self, settings: StreamSettings) -> StreamSettings:
        """The clocks of an answer, with the client's own where they are shorter; a clock that is off is longest."""
        lowered = {
            name: asked
            for name in ("first_event_s", "idle_s", "total_s")
            if (asked := getattr(self, name)) is not None and not 0 < getattr(settings, name) <= asked
        }
        return msgspec.structs.replace(settings, **lowered) if lowered else settings

    def caused(self, error: GatewayError) -> bool:
        """Whether a clock that the client has shortened ran out: that says nothing about the upstream."""
        return (isinstance(error, FirstEventTimeout) and self.first_event_s is not None) or (
            isinstance(error, IdleTimeout) and self.idle_s is not None
        )


def deadlines_of(headers: Iterable[tuple[bytes, bytes]]) -> Deadlines | None:
    """What the client asks for; None, quickly, if nothing. Raises `InvalidRequest` that names the header."""
    given: dict[str, float] = {}
    for name, value in headers:
        if name.startswith(_PREFIX) and name in _CLOCKS:
            given[_CLOCKS[name]] = _seconds(name, value)
    return Deadlines(**given) if given else None


def _seconds(name: bytes, value: bytes) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        header = name.decode()
        raise InvalidRequest(f"{header} takes seconds above 0, as 30 or 2.5", param=header)
    return seconds
