"""Which of an upstream's API keys is used next, and which of them rest. Pure: the clock is passed in.

A 429 says that a key has used up its rate of one model, so it rests for that model. 401, 402 and 403 say
that the key itself is not right, has no money left, or may not: it rests for all of them, and longer, since
only a person can mend that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from email.utils import mktime_tz, parsedate_tz
from typing import Final

from sluiceway.config.upstream_settings import HealthSettings
from sluiceway.wire.http import get_header

REFUSED: Final = frozenset({401, 402, 403})
"""Statuses that are about the key, where it is the gateway's own."""

REFUSED_RESTS: Final = 12
"""How many `cooldown_s` a refused key rests; by default a minute."""

MAX_RESTS: Final = 1024
"""Rests for one model that are remembered, expired ones included. Clients choose the names of models."""

MAX_NAME_CHARS: Final = 200
"""What is kept of a model's name. Two that agree so far rest together."""

NEVER: Final = math.inf


class KeyRing:
    """The keys of one upstream, as numbers from 0; at least one.

    rests_until: from then on no key rests, for any model, and nothing has to be looked up. Plain, as it is
    asked for each request.
    """

    __slots__ = ("_limited", "_refused", "_turn", "count", "rests_until")

    def __init__(self, count: int) -> None:
        assert count > 0
        self.count = count
        self.rests_until = 0.0
        self._turn = 0
        self._refused: dict[int, float] = {}  # key: until when, for all models
        self._limited: dict[tuple[int, str | None], float] = {}  # … for one; a path may name none

    def rekeyed(self, was: Sequence[int | None]) -> KeyRing:
        """A ring for a changed list of keys. `was[i]`: the former number of key `i`, None if it is new.

        A key that stays goes on resting; one that is new, or was replaced, does not.
        """
        ring = KeyRing(len(was))
        ring.rests_until = self.rests_until
        for index, former in enumerate(was):
            if former is None:
                continue
            if former in self._refused:
                ring._refused[index] = self._refused[former]
            for (key, model), until in self._limited.items():
                if key == former:
                    ring._limited[index, model] = until
        return ring

    def next(self, now: float, model: str | None) -> int | None:
        """The key whose turn it is, of those that do not rest; None if all do."""
        index = self._turn
        if now < self.rests_until:
            free = self.free(now, model)
            if not free:
                return None
            index = free[0]
        self._turn = (index + 1) % self.count
        return index

    def free(self, now: float, model: str | None) -> list[int]:
        """All keys that do not rest, the one whose turn it is first."""
        turn, count = self._turn, self.count
        return [index for index in (*range(turn, count), *range(turn)) if self._until(index, model) <= now]

    def took(self, index: int) -> None:
        """That one was used: it is the turn of the one behind it."""
        self._turn = (index + 1) % self.count

    def cool(
        self,
        index: int,
        status: int,
        retry_after_s: float | None,
        model: str | None,
        now: float,
        settings: HealthSettings,
    ) -> None:
        """Let a key rest, as its upstream answered `status`: 429, or one of `REFUSED`.

        `retry_after_s`: what it asked for, if it did; see `parse_retry_after`. A rest never gets shorter:
        of the requests that were under way together, the last to fail may know least.
        """
        if not settings.cooldown_s:
            return
        if status in REFUSED:
            until = max(now + REFUSED_RESTS * settings.cooldown_s, self._refused.get(index, 0.0))
            self._refused[index] = until
        else:
            rest_s = settings.cooldown_s if retry_after_s is None else retry_after_s
            if settings.max_cooldown_s:
                rest_s = min(rest_s, settings.max_cooldown_s)
            rest = (index, _short(model))
            until = max(now + rest_s, self._limited.get(rest, 0.0))
            self._limited[rest] = until
            if len(self._limited) > MAX_RESTS:
                self._make_room(now)
        self.rests_until = max(self.rests_until, until)

    def until(self, now: float, model: str | None) -> float:
        """When the first key is free for that model; `now` if one is.

        A key that was refused counts only if all were: when its rest ends, it is only tried again.
        """
        limited = [index for index in range(self.count) if self._refused.get(index, 0.0) <= now]
        return max(now, min(self._until(index, model) for index in limited or range(self.count)))

    def refused(self, now: float) -> bool:
        """Whether all keys rest because of what they are, so that waiting is not likely to help."""
        return len(self._refused) == self.count and all(until > now for until in self._refused.values())

    def refused_until(self, index: int) -> float:
        """When the rest of a refused key ends; 0 if it was not refused."""
        return self._refused.get(index, 0.0)

    def _until(self, index: int, model: str | None) -> float:
        limited = self._limited.get((index, _short(model)), 0.0) if self._limited else 0.0
        return max(self._refused.get(index, 0.0), limited)

    def _make_room(self, now: float) -> None:
        """Forget the rests that are over; if that is not enough, the half that would end first."""
        left = {rest: until for rest, until in self._limited.items() if until > now}
        if len(left) > MAX_RESTS // 2:
            left = dict(sorted(left.items(), key=lambda item: -item[1])[: MAX_RESTS // 2])
        self._limited = left


def parse_retry_after(headers: Iterable[tuple[bytes, bytes]], now_unix: float) -> float | None:
    """How long an upstream asks to be left alone, in seconds, 0 or more; None if it does not say so clearly.

    `headers`: names in lower case. RFC 9110 section 10.2.3: seconds, or an HTTP date. `retry-after-ms` is what
    OpenAI's and Anthropic's SDKs read first, and fractions are taken, as there.
    """
    headers = list(headers)
    millis = _number(get_header(headers, b"retry-after-ms"))
    if millis is not None:
        return millis / 1000
    value = get_header(headers, b"retry-after")
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    try:
        date = parsedate_tz(value.decode("latin-1"))
        return max(0.0, mktime_tz(date) - now_unix) if date is not None else None
    except (
        ValueError,
        OverflowError,
        IndexError,
        TypeError,
    ):  # what dates of the year 99999 and the like raise
        return None


def _number(value: bytes) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < NEVER else None


def _short(model: str | None) -> str | None:
    return model[:MAX_NAME_CHARS] if model is not None else None
