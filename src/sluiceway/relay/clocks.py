"""The clocks of one answer: what is overdue, and when to look again. Pure; all times are the loop's seconds.

    connect        attempt → connection           the pool's, while connecting
    first event    attempt → first real event     each attempt's own
    idle           real event → real event        not while it is the client that is slow
    total          request → end

Heartbeats, ours or the upstream's, reset none of them (invariant 7): they only know silence toward
the client.
"""

from __future__ import annotations

from sluiceway.config.stream_settings import StreamSettings
from sluiceway.errors import ClientGone, GatewayError, IdleTimeout, TotalTimeout

NEVER = float("inf")


class Clocks:
    """Written to by the relay as things happen; the attributes are plain for the sake of the hot path."""

    __slots__ = ("_started", "began", "last_event", "last_write", "paused", "read_on_until", "settings")

    def __init__(self, settings: StreamSettings, started: float) -> None:
        self.settings = settings  # of the upstream that is being asked
        self._started = started
        self.began = False  # a real event, or body bytes, came from the upstream
        self.paused = False  # the client does not keep up
        self.last_event = started  # from the upstream
        self.last_write = started  # to the client
        self.read_on_until = NEVER  # the client left; how long the rest may still be read

    def overdue(self, now: float) -> GatewayError | None:
        """The error of the first clock that has run out, if one has."""
        settings = self.settings
        if settings.total_s and now >= self._started + settings.total_s:
            return TotalTimeout(f"the answer took longer than total_s ({settings.total_s:g} s)")
        if now >= self.read_on_until:
            return ClientGone("the client left, and the rest of the answer took too long")
        if self.began and settings.idle_s and now >= self._idle_since() + settings.idle_s:
            if self.paused:
                return ClientGone(f"the client read nothing for idle_s ({settings.idle_s:g} s)")
            return IdleTimeout(f"no event came for idle_s ({settings.idle_s:g} s)")
        return None

    def next_at(self) -> float:
        """The earliest time at which `overdue` can have something to say."""
        settings = self.settings
        at = self.read_on_until
        if settings.total_s:
            at = min(at, self._started + settings.total_s)
        if self.began and settings.idle_s:
            at = min(at, self._idle_since() + settings.idle_s)
        return at

    def idle_at(self) -> float:
        """When the idle clock runs out, as things stand."""
        return self.last_event + self.settings.idle_s if self.settings.idle_s else NEVER

    def commit_at(self) -> float:
        """When the status line leaves, if no event has brought it about."""
        return self._started + self.settings.commit_after_s

    def heartbeat_at(self) -> float:
        """When the next heartbeat on an event stream is due."""
        return self.last_write + self.settings.heartbeat_s if self.settings.heartbeat_s else NEVER

    def json_heartbeat_at(self) -> float:
        """When the next white space before a JSON answer is due; they stop after `json_heartbeat_max_s`."""
        settings = self.settings
        if not settings.json_heartbeat_s:
            return NEVER
        at = self.last_write + settings.json_heartbeat_s
        until = self._started + settings.json_heartbeat_max_s if settings.json_heartbeat_max_s else NEVER
        return at if at <= until else NEVER

    def _idle_since(self) -> float:
        return self.last_write if self.paused else self.last_event
