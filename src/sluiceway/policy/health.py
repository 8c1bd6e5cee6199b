"""Whether an upstream is left alone for a while, because it fails. Pure: the clock and chance are passed in.

    closed ── failures in a row, or too many of a window ──► open ── its time is over ──► half open
      ▲                                                       ▲                              │
      │                                                       └── the trial failed: twice as long
      └──────────────────────── the trial succeeded ─────────────────────────────────────────┘

Half open is when a single request, the trial, finds out; the others still go elsewhere. Reports of requests
that began before it opened say nothing about the present and change nothing.

Checks (`[health] check_path`) prove less than requests: that something answers, not that it answers well. So
a check that failed opens, and one that succeeded undoes no more than that: what requests opened, only a
request closes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Literal

from sluiceway.config.upstream_settings import HealthSettings

BUCKETS: Final = 10
"""Into so many pieces the window of the error rate is cut; a report is forgotten up to one piece late."""

JITTER: Final = 0.1
"""The part of an open period that chance may take off, so that upstreams that failed together do not all come
back at once."""

BreakerState = Literal["closed", "open", "half_open"]


class Breaker:
    """Of one upstream. All times are seconds of one monotonic clock.

    closed: requests pass; plain, as it is asked for each request. open_until: while it is not closed, when a
    trial may be made.
    """

    __slots__ = (
        "_bucket_ends",
        "_by_check",
        "_failed",
        "_in_row",
        "_open_s",
        "_past",
        "_random",
        "_requests",
        "_settings",
        "_trial",
        "_trials",
        "closed",
        "open_until",
    )

    def __init__(self, settings: HealthSettings, random: Callable[[], float]) -> None:
        """`random`: 0 or more and below 1."""
        self._random = random
        self._settings = settings
        self.closed = True
        self.open_until = 0.0
        self._open_s = 0.0  # how long it was opened for
        self._by_check = False
        self._trial = 0  # the one that runs
        self._trials = 0  # all there ever were
        self._in_row = 0  # failures
        self._requests = self._failed = 0  # of the bucket that ends then:
        self._bucket_ends = 0.0
        self._past: deque[tuple[float, int, int]] = deque(maxlen=BUCKETS)  # ended, requests, failed

    @property
    def state(self) -> BreakerState:
        """`open` lasts until a request makes the trial; `half_open` is while it does."""
        if self.closed:
            return "closed"
        return "half_open" if self._trial else "open"

    def reconfigure(self, settings: HealthSettings) -> None:
        """Go by these from now on. An open one stays so, unless it may never be open."""
        if settings.window_s != self._settings.window_s:
            self._forget()
        self._settings = settings
        if not settings.open_s:
            self._close()

    def available(self, now: float) -> bool:
        """Whether a request may go there: always while closed; once its time is over, for a trial."""
        return self.closed or (now >= self.open_until and not self._trial)

    def trial(self) -> int:
        """Claim the trial; 0 if there is none to be had, since it is closed or one is running.

        Anything else is a name for it: to be given to `succeeded`, `failed` or `give_back`, exactly one of
        them. Does not ask whether it is time, because the last upstream of all is tried early.
        """
        if self.closed or self._trial:
            return 0
        self._trials += 1
        self._trial = self._trials
        return self._trial

    def give_back(self, trial: int) -> None:
        """The trial came to no result; the next request may make one."""
        if trial == self._trial:
            self._trial = 0

    def succeeded(self, now: float, trial: int = 0) -> None:
        """A request went well."""
        if self.closed:
            self._in_row = 0
            if now >= self._bucket_ends:
                self._next_bucket(now)
            self._requests += 1
        elif trial and trial == self._trial:
            self._close()

    def failed(self, now: float, trial: int = 0) -> None:
        """A request failed, through the upstream's fault."""
        settings = self._settings
        if self.closed:
            if now >= self._bucket_ends:
                self._next_bucket(now)
            self._requests += 1
            self._failed += 1
            self._in_row += 1
            if settings.open_s and self._too_many(now):
                self._open(now, settings.open_s)
        elif trial and trial == self._trial:
            self._by_check = False
            self._open(now, max(settings.open_s, min(2 * self._open_s, settings.max_open_s)))

    def set_checked(self, ok: bool, now: float) -> None:
        """A check found it well or not; see the module. While a trial runs, that decides."""
        if self._trial:
            return
        settings = self._settings
        if self.closed:
            if not ok and settings.open_s:
                self._by_check = True
                self._open(now, settings.open_s)
        elif not ok:
            self.open_until = max(self.open_until, now + self._jittered(settings.open_s))
        elif self._by_check:
            self._close()

    def _too_many(self, now: float) -> bool:
        settings = self._settings
        if 0 < settings.max_failures <= self._in_row:
            return True
        if not settings.max_error_rate:
            return False
        requests, failed = self._requests, self._failed
        horizon = now - settings.window_s
        for ended, in_bucket, failed_in_bucket in self._past:
            if ended > horizon:
                requests += in_bucket
                failed += failed_in_bucket
        return requests >= settings.min_requests and failed > settings.max_error_rate * requests

    def _next_bucket(self, now: float) -> None:
        self._past.append((self._bucket_ends, self._requests, self._failed))
        self._requests = self._failed = 0
        self._bucket_ends = now + self._settings.window_s / BUCKETS

    def _forget(self) -> None:
        self._in_row = self._requests = self._failed = 0
        self._bucket_ends = 0.0
        self._past.clear()

    def _open(self, now: float, seconds: float) -> None:
        self.closed = False
        self._trial = 0
        self._open_s = seconds
        self.open_until = now + self._jittered(seconds)

    def _close(self) -> None:
        self.closed = True
        self.open_until = 0.0
        self._open_s = 0.0
        self._trial = 0
        self._by_check = False
        self._forget()

    def _jittered(self, seconds: float) -> float:
        """Never longer than what the operator allows."""
        return seconds * (1 - JITTER * self._random())
