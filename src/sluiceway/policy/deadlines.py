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
    """Seconds; None where the client did not say. `first_event_s` counts from when the request was received, all
    attempts included."""

    first_event_s: float | None = None
    idle_s: float | None = None
    total_s: float | None = None

    def lower(self, settings: StreamSettings) -> StreamSettings:
        """The idle and total clock of an answer, the client's own where they are shorter; one that is off is longest.

        The first event is another matter: its clock is the client's for all attempts together, see `answer_by`.
        """
        lowered = {
            name: asked
            for name in ("idle_s", "total_s")
            if (asked := getattr(self, name)) is not None and not 0 < getattr(settings, name) <= asked
        }
        return msgspec.structs.replace(settings, **lowered) if lowered else settings

    def answer_by(self, received_at: float) -> float:
        """Until when the first event has to be there; infinite if the client did not say."""
        return math.inf if self.first_event_s is None else received_at + self.first_event_s

    def caused(
        self, error: GatewayError, settings: StreamSettings, *, received_at: float, first_event_by: float
    ) -> bool:
        """Whether a clock that the client has shortened ran out: that says nothing about the upstream.

        `settings`: the operator's. `first_event_by`: when the time for a first event was up, one of `answer_by` or
        of the operator's own, whichever came first.
        """
        if isinstance(error, FirstEventTimeout):
            return first_event_by >= self.answer_by(
                received_at
            )  # moments: a difference of two would be rounded
        return isinstance(error, IdleTimeout) and self.lower(settings).idle_s != settings.idle_s


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
