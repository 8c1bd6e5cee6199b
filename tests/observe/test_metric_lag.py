"""How late a loop is: told by the clock, remembered for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from sluiceway.observe.metric_definitions import LOOP_LAG_S
from sluiceway.observe.metric_lag import INTERVAL_S, WINDOW_S, LoopLag
from sluiceway.observe.metric_series import Histogram


class FakeLoop:
    """A loop whose time a test moves, and which calls as late as the test says."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: float | None = None
        self._callback: Callable[[], None] | None = None

    def call_later(self, delay: float, callback: Callable[[], None], /) -> FakeLoop:
        self._due, self._callback = self.now + delay, callback
        return self

    def cancel(self) -> None:
        self._due = self._callback = None

    @property
    def armed(self) -> bool:
        return self._callback is not None

    def run_late(self, late_s: float) -> None:
        assert self._due is not None
        assert self._callback is not None
        self.now = self._due + late_s
        self._callback()


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


@pytest.fixture
def lag(loop: FakeLoop) -> LoopLag:
    lag = LoopLag(loop, Histogram([0] * (len(LOOP_LAG_S) + 1)), clock=lambda: loop.now)
    lag.start()
    return lag


def test_a_loop_in_time_has_no_lag(loop: FakeLoop, lag: LoopLag) -> None:
    loop.run_late(0.0)
    loop.run_late(-0.0005)  # a loop that counts milliseconds
    assert lag.seen.counts[0] == 2
    assert lag.seen.total == 0.0
    assert lag.max_s == 0.0


def test_each_call_is_measured_against_its_own_time(loop: FakeLoop, lag: LoopLag) -> None:
    for late_s in (0.2, 0.03, 0.0):
        loop.run_late(late_s)
    assert lag.seen.total == pytest.approx(0.23)
    assert lag.max_s == pytest.approx(0.2)
    assert sum(lag.seen.counts) == 3


def test_the_worst_is_forgotten_after_two_windows(loop: FakeLoop, lag: LoopLag) -> None:
    loop.run_late(0.7)
    calls = int(WINDOW_S / INTERVAL_S)
    for _ in range(calls):
        loop.run_late(0.0)
    assert lag.max_s == pytest.approx(0.7), "it was within the window before"
    for _ in range(calls):
        loop.run_late(0.0)
    assert lag.max_s == 0.0


def test_once_stopped_nothing_is_due_any_more(loop: FakeLoop, lag: LoopLag) -> None:
    assert loop.armed
    lag.stop()
    lag.stop()
    assert not loop.armed


def test_a_real_loop_that_is_blocked_is_seen() -> None:
    async def blocked() -> float:
        lag = LoopLag(asyncio.get_running_loop(), Histogram([0] * (len(LOOP_LAG_S) + 1)))
        lag.start()
        time.sleep(INTERVAL_S + 0.3)  # whenever it was due, it is that late
        await asyncio.sleep(0.05)
        lag.stop()
        return lag.max_s

    assert asyncio.run(blocked()) >= 0.15
