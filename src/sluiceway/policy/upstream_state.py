"""What is known of one upstream beyond its settings: how busy, how well, how quick it is. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from sluiceway.config.upstream_settings import UpstreamSettings
from sluiceway.policy.cooldown import KeyRing
from sluiceway.policy.health import Breaker

NEVER: Final = math.inf

FADE_S: Final = 60.0
"""After this time a measurement weighs a third (1/e) of what it weighed: long enough to average over requests
of different lengths, short enough to notice a provider's rush hour within minutes."""

FAILED_AS_S: Final = 30.0
"""What a failure is taken for among times to the first event: an upstream that fails quickly is not fast."""


class UpstreamState:
    """What is known of one upstream beyond its settings. Lives on across reloads, by its name.

    in_flight: requests that were taken and not released. limit: how many there may be. drained: set by an
    operator; it takes nothing new. ring: None if it has no keys of its own.
    """

    __slots__ = (
        "_api_keys",
        "_measured_at",
        "_sum_s",
        "_weight",
        "breaker",
        "drained",
        "health",
        "in_flight",
        "limit",
        "name",
        "ring",
        "seed",
    )

    def __init__(self, settings: UpstreamSettings, random: Callable[[], float]) -> None:
        """`random`: 0 or more and below 1."""
        self.name = settings.name
        self.in_flight = 0
        self.drained = False
        self.seed = int.from_bytes(blake2b(settings.name.encode(), digest_size=8).digest(), "little")
        self.breaker = Breaker(settings.health, random)
        self.ring: KeyRing | None = None
        self._api_keys: tuple[str, ...] = ()
        self._sum_s = self._weight = self._measured_at = 0.0
        self.reconfigure(settings)

    def reconfigure(self, settings: UpstreamSettings) -> None:
        """Go by these from now on. Keys that stay keep their rest, wherever they now stand in the list."""
        self.health = settings.health
        self.limit: float = settings.max_in_flight or NEVER
        self.breaker.reconfigure(settings.health)
        if settings.api_keys != self._api_keys:
            was = {key: index for index, key in enumerate(self._api_keys)}
            if not settings.api_keys:
                self.ring = None
            elif self.ring is None:
                self.ring = KeyRing(len(settings.api_keys))
            else:
                self.ring = self.ring.rekeyed([was.get(key) for key in settings.api_keys])
            self._api_keys = settings.api_keys

    def ring_of(self, settings: UpstreamSettings) -> KeyRing | None:
        """The ring if it is that of these settings' keys. A request that goes by settings from before a reload
        numbers other keys, of which nothing is known any more: it uses them without regard."""
        return self.ring if settings.api_keys == self._api_keys else None

    @property
    def first_event_s(self) -> float | None:
        """The mean time to the first event lately, failures counted as slow; None if nothing was measured."""
        return self._sum_s / self._weight if self._weight else None

    def measured(self, first_event_s: float, now: float) -> None:
        """Count in one more time to the first event."""
        kept = math.exp((self._measured_at - now) / FADE_S)
        self._sum_s = self._sum_s * kept + first_event_s
        self._weight = self._weight * kept + 1.0
        self._measured_at = now
