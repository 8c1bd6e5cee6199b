"""One timer for many streams, with a grain of 100 microseconds.

An event loop's own timers have a grain of a millisecond: 200 streams at 20 ms would then come in packs
of ten, a gateway would wake once for all ten, and the figures would flatter every gateway. Real upstreams
write independently of one another. So the loop watches one `timerfd` here (Linux; through ctypes because
Python has it only from 3.13 on).
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
from typing import Protocol

TICK_NS = 100_000
_CLOCK_MONOTONIC = 1
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
_GOLDEN = 0.618033988749895


class Timed(Protocol):
    """What the wheel turns: a stream with an interval, in ticks."""

    interval: int

    def next_event(self) -> bool:
        """Write one event; false once there are no more."""
        ...


class _Spec(ctypes.Structure):
    """`struct itimerspec`: interval and first expiry, seconds and nanoseconds each."""

    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "first_s", "first_ns")]


class Wheel:
    """Serves each stream once per interval, the streams evenly spread over it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timer: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC)
        if self._timer < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        loop.add_reader(self._timer, self._turn)
        self._slots: dict[int, list[Timed]] = {}
        self._tick = 0
        self._turning = False
        self._phase = 0.0

    def add(self, stream: Timed) -> None:
        """Serve `stream` from now on: first within one interval, then once in each."""
        # Steps of the golden ratio fill an interval evenly, however many streams there will be.
        self._phase = (self._phase + _GOLDEN) % 1
        now = time.monotonic_ns() // TICK_NS
        if not self._turning:
            self._tick = now
            self._run(True)
        self._slots.setdefault(now + 1 + int(self._phase * stream.interval), []).append(stream)

    def _turn(self) -> None:
        os.read(self._timer, 8)
        now = time.monotonic_ns() // TICK_NS
        while self._tick <= now:
            for stream in self._slots.pop(self._tick, ()):
                if stream.next_event():
                    # From the tick, not from now: a late turn does not slow the stream down.
                    self._slots.setdefault(self._tick + stream.interval, []).append(stream)
            self._tick += 1
        if not self._slots:
            self._run(False)

    def _run(self, turning: bool) -> None:
        self._turning = turning
        period_ns = TICK_NS if turning else 0  # 0 disarms it
        spec = _Spec(0, period_ns, 0, period_ns)
        if self._libc.timerfd_settime(self._timer, 0, ctypes.byref(spec), None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
