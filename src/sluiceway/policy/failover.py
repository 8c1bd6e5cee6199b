"""How often, for how long and after which pause one request may be tried again."""

from __future__ import annotations

from collections.abc import Callable

from sluiceway.config.server_settings import FailoverSettings


class Budget:
    """The attempts of one request. `received_at` and `now`: the loop's seconds."""

    __slots__ = ("_pauses", "_received_at", "_settings", "attempts")

    def __init__(self, settings: FailoverSettings, received_at: float) -> None:
        self.attempts = 0  # that were begun
        self._settings = settings
        self._received_at = received_at
        self._pauses = 0

    def spent(self, now: float) -> bool:
        """Whether no attempt may begin any more."""
        settings = self._settings
        if self.attempts >= settings.max_attempts:
            return True
        return bool(settings.max_s) and now >= self._received_at + settings.max_s

    def pause_s(self, random: Callable[[], float]) -> float:
        """How long to wait before the same upstream and key are asked again.

        Grows exponentially with full jitter, so that many requests that failed together do not return
        together (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). `random`: in [0, 1).
        """
        settings = self._settings
        most = settings.backoff_s * 2.0**self._pauses
        self._pauses += 1
        return random() * min(most, settings.max_backoff_s or settings.backoff_s)
