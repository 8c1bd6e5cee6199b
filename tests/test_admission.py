"""Waiting for a place, with a clock that only moves when told: who is let in, when, and what is given back."""

from __future__ import annotations

import asyncio
import gc
import math
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.admission import SHARED_RETRY_S, Admission
from sluiceway.config.server_settings import QueueSettings
from sluiceway.errors import (
    Draining,
    GatewayError,
    Overloaded,
    QueueTimeout,
    RateLimited,
    StateUnavailable,
)
from sluiceway.policy.ticket import Ticket


class Timer:
    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Clock:
    """Time stands still until `advance`. `armed`: how many timers there ever were."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Timer] = []
        self.armed = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        self.armed += 1
        self.timers.append(Timer(when, callback))
        return self.timers[-1]

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer.when <= end]:
            timer = min(due, key=lambda timer: timer.when)
            self.timers.remove(timer)
            self.now = max(self.now, timer.when)
            if timer.callback is not None:
                timer.callback()
        self.now = end


class Alone:
    """The state of one process: it counts nothing here."""

    shared = False

    async def lease(self, scopes: Sequence[tuple[str, int]]) -> str | None:
        raise AssertionError("one process has nobody to ask")

    def release(self, scopes: Sequence[tuple[str, int]]) -> None:
        raise AssertionError("one process has nobody to tell")


class Shared:
    """The state of several processes, of which this is one: `held` counts the places of all."""

    shared = True

    def __init__(self) -> None:
        self.held: Counter[str] = Counter()
        self.asked = 0
        self.error: GatewayError | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def lease(self, scopes: Sequence[tuple[str, int]]) -> str | None:
        self.asked += 1
        await asyncio.sleep(0)
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        for name, limit in scopes:
            assert limit > 0
            if self.held[name] >= limit:
                return name
        self.held.update(name for name, _ in scopes)
        return None

    def release(self, scopes: Sequence[tuple[str, int]]) -> None:
        self.held.subtract(name for name, _ in scopes)
        assert min(self.held.values(), default=0) >= 0, "given back twice"
        self.held += Counter()  # drops the zeros


class Upstream:
    def __init__(self, places: int = 1000, name: str = "one", limit: int = 0) -> None:
        self.places = places
        self.name = name
        self.limit = limit

    def claim(self, now: float) -> float | None:
        if not self.places:
            return math.inf
        self.places -= 1
        return None

    def unclaim(self) -> None:
        self.places += 1


class Gate:
    """An admission, its clock, and tickets for it."""

    def __init__(
        self,
        limit: int = 0,
        *,
        max_waiting: int = 100,
        max_wait_s: float = 60.0,
        shared: Shared | None = None,
    ) -> None:
        self.clock = Clock()
        self.shared = shared
        self.limit = limit
        self.upstream = Upstream()
        self.admission = Admission(
            QueueSettings(max_waiting=max_waiting, max_wait_s=max_wait_s),
            limit,
            shared or Alone(),
            clock=self.clock,
            random=lambda: 0.5,
        )

    def ticket(self, key: str = "a", *, key_limit: int = 0, upstream: Upstream | None = None) -> Ticket:
        where = upstream or self.upstream

        def scopes() -> list[tuple[str, int]]:
            named = [
                ("gateway", self.limit),
                (f"key:{key}", key_limit),
                (f"upstream:{where.name}", where.limit),
            ]
            return [(name, limit) for name, limit in named if limit]

        return Ticket(key, 1, key_limit, where.name, where.claim, where.unclaim, scopes)

    def runs(self, key: str = "a", **more: Any) -> Ticket:
        ticket = self.ticket(key, **more)
        assert self.admission.offer(ticket)
        return ticket

    async def waits(self, key: str = "a", **more: Any) -> tuple[Ticket, asyncio.Task[None]]:
        ticket = self.ticket(key, **more)
        assert not self.admission.offer(ticket)
        task = asyncio.ensure_future(self.admission.admitted(ticket))
        await settle()
        return ticket, task

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await settle()

    def is_empty(self) -> bool:
        admission = self.admission
        nothing_kept = not admission._waiters and not admission._leases and not admission._queue._keys
        return nothing_kept and (admission.in_flight, admission.waiting) == (0, 0)


async def settle() -> None:
    """Let everything that is ready go on."""
    for _ in range(10):
        await asyncio.sleep(0)


Scene = Callable[[], Coroutine[Any, Any, None]]


def scene(test: Scene) -> Callable[[], None]:
    """A test that plays in an event loop, in which nothing may go wrong unseen."""

    def play() -> None:
        complaints: list[dict[str, Any]] = []

        async def watched() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
            await test()
            gc.collect()
            await settle()

        asyncio.run(watched())
        assert complaints == []

    play.__name__ = test.__name__
    play.__doc__ = test.__doc__
    return play


# ── at once ─────────────────────────────────────────────────────────────────────────────────────────


def test_who_finds_room_needs_no_event_loop() -> None:
    gate = Gate(1)
    ticket = gate.runs()
    assert gate.admission.in_flight == 1
    gate.admission.leave(ticket)
    assert gate.clock.armed == 0
    assert gate.is_empty()


def test_leaving_twice_gives_back_once() -> None:
    gate = Gate(5)
    first, _second = gate.runs(), gate.runs()
    for _ in range(3):
        gate.admission.leave(first)
    assert gate.admission.in_flight == 1
    assert gate.upstream.places == 999


def test_what_a_claim_raises_is_raised_to_who_is_offered() -> None:
    gate = Gate()

    def claim(now: float) -> float | None:
        raise RateLimited("no")

    ticket = gate.ticket()
    ticket.claim = claim
    with pytest.raises(RateLimited):
        gate.admission.offer(ticket)
    gate.admission.leave(ticket)
    assert gate.is_empty()


# ── waiting ─────────────────────────────────────────────────────────────────────────────────────────


@scene
async def test_who_waits_is_let_in_when_another_is_over() -> None:
    gate = Gate(1)
    running = gate.runs()
    waiting, task = await gate.waits("b")
    assert gate.admission.waiting == 1
    assert not task.done()
    gate.admission.leave(running)
    await task
    assert waiting.holding
    gate.admission.leave(waiting)
    assert gate.is_empty()


@scene
async def test_one_who_is_let_in_before_it_begins_to_wait_need_not_wait() -> None:
    gate = Gate(1)
    running, waiting = gate.runs(), gate.ticket()
    assert not gate.admission.offer(waiting)
    gate.admission.leave(running)
    await gate.admission.admitted(waiting)
    assert waiting.holding


@scene
async def test_one_who_never_begins_to_wait_leaves_like_any_other() -> None:
    gate = Gate(1, max_waiting=2)
    running = gate.runs()
    tickets = [gate.ticket(), gate.ticket()]
    for ticket in tickets:
        assert not gate.admission.offer(ticket)
    assert not gate.admission.offer(gate.ticket("b"))  # pushes the second one out, which does not know yet
    assert tickets[1].lane is None
    for ticket in [running, *tickets]:
        gate.admission.leave(ticket)
    assert gate.admission.in_flight == 1


@scene
async def test_one_who_is_cancelled_while_it_waits_leaves_nothing_behind() -> None:
    gate = Gate(1)
    running = gate.runs()
    _, task = await gate.waits()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gate.admission.waiting == 0
    gate.admission.leave(running)
    assert gate.is_empty()


@scene
async def test_one_who_is_cancelled_just_as_it_is_let_in_passes_its_place_on() -> None:
    gate = Gate(1)
    running = gate.runs()
    first, first_task = await gate.waits()
    second, second_task = await gate.waits()
    gate.admission.leave(running)
    assert first.holding
    first_task.cancel()
    await second_task
    assert (first.holding, second.holding) == (False, True)
    assert gate.upstream.places == 999


@scene
async def test_an_upstream_that_got_room_otherwise_is_noticed_when_told() -> None:
    gate = Gate()
    full = Upstream(0)
    ticket, task = await gate.waits(upstream=full)
    full.places = 1
    gate.admission.wake()
    await task
    assert ticket.claimed


@scene
async def test_an_upstream_that_rests_is_asked_again_at_its_time_with_one_timer_for_all() -> None:
    gate = Gate()
    resting = Upstream(0)
    opens_at = gate.clock.time() + 5.0

    def claim(now: float) -> float | None:
        return None if resting.claim(now) is None else opens_at

    tickets = []
    for _ in range(20):
        ticket = gate.ticket(upstream=resting)
        ticket.claim = claim
        assert not gate.admission.offer(ticket)
        tickets.append(asyncio.ensure_future(gate.admission.admitted(ticket)))
    await settle()
    assert gate.clock.armed == 1
    resting.places = 20
    await gate.advance(4.9)
    assert not any(task.done() for task in tickets)
    await gate.advance(0.1)
    assert all(task.done() for task in tickets)


@scene
async def test_what_a_claim_raises_later_reaches_that_one_alone() -> None:
    gate = Gate(1)
    running = gate.runs()
    bad, bad_task = await gate.waits()
    _good, good_task = await gate.waits()

    def claim(now: float) -> float | None:
        raise RateLimited("no")

    bad.claim = claim
    gate.admission.leave(running)
    await good_task
    with pytest.raises(RateLimited):
        await bad_task


@scene
async def test_a_waiting_client_can_be_told_its_place() -> None:
    gate = Gate(1)
    running = gate.runs()
    first, task = await gate.waits()
    second, second_task = await gate.waits()
    assert gate.admission.place_of(first) == (1, None)
    assert gate.admission.place_of(second) == (2, None)
    await gate.advance(4.0)
    gate.admission.leave(running)
    await task
    position, estimate_s = gate.admission.place_of(second)
    assert position == 1
    assert estimate_s == pytest.approx(4.0)
    assert gate.admission.place_of(first)[0] == 1  # let in, but whoever asks may not know yet
    gate.admission.leave(first)
    await second_task


# ── refusals ────────────────────────────────────────────────────────────────────────────────────────


@scene
async def test_the_wait_is_limited() -> None:
    gate = Gate(1, max_wait_s=10.0)
    running = gate.runs()
    _, first = await gate.waits()
    await gate.advance(4.0)
    _, second = await gate.waits("b")
    await gate.advance(6.0)
    assert first.done()
    with pytest.raises(QueueTimeout) as caught:
        await first
    assert caught.value.retry_after_s is not None
    assert not second.done()
    await gate.advance(4.0)
    with pytest.raises(QueueTimeout):
        await second
    gate.admission.leave(running)
    assert gate.is_empty()


@scene
async def test_who_has_waited_too_long_is_not_let_in_at_the_same_moment() -> None:
    gate = Gate(max_wait_s=10.0)
    until = gate.clock.time() + 10.0
    asked: list[float] = []

    def claim(now: float) -> float | None:
        asked.append(now)
        return until if now < until else None

    ticket = gate.ticket()
    ticket.claim = claim
    assert not gate.admission.offer(ticket)
    task = asyncio.ensure_future(gate.admission.admitted(ticket))
    await gate.advance(10.0)
    with pytest.raises(QueueTimeout):
        await task
    assert len(asked) == 1


@scene
async def test_where_one_is_put_back_another_takes_its_places_at_once() -> None:
    shared = Shared()
    gate = Gate(1, shared=shared)
    shared.held["key:a"] = 1
    _, first = await gate.waits("a", key_limit=1)
    shared.answers.clear()
    await gate.advance(SHARED_RETRY_S)  # the first asks again
    _, second = await gate.waits("b")
    shared.answers.set()
    await second
    assert not first.done()
    first.cancel()


@scene
async def test_a_wait_without_limit_is_one() -> None:
    gate = Gate(1, max_wait_s=0.0)
    running = gate.runs()
    _, task = await gate.waits()
    await gate.advance(1e6)
    assert not task.done()
    gate.admission.leave(running)
    await task


@scene
async def test_a_full_queue_refuses_at_once_or_pushes_the_newest_of_the_most_out() -> None:
    gate = Gate(1, max_waiting=2)
    running = gate.runs()
    _, oldest = await gate.waits("a")
    _, newest = await gate.waits("a")
    with pytest.raises(Overloaded):
        gate.admission.offer(gate.ticket("a"))
    _, other = await gate.waits("b")
    with pytest.raises(Overloaded):
        await newest
    assert not oldest.done()
    assert not other.done()
    gate.admission.reconfigure(QueueSettings(), 3)
    await oldest
    await other
    gate.admission.leave(running)


@scene
async def test_draining_refuses_who_waits_and_who_comes_and_harms_nobody_who_runs() -> None:
    gate = Gate(1)
    running = gate.runs()
    tasks = [(await gate.waits(key))[1] for key in "abc"]
    gate.admission.drain()
    for task in tasks:
        with pytest.raises(Draining):
            await task
    with pytest.raises(Draining):
        gate.admission.offer(gate.ticket())
    assert running.holding
    await gate.admission.again(running)
    gate.admission.leave(running)
    assert gate.is_empty()


@scene
async def test_new_limits_count_for_those_who_wait_already() -> None:
    gate = Gate(1, max_wait_s=60.0)
    gate.runs()
    _, first = await gate.waits()
    _, second = await gate.waits()
    gate.admission.reconfigure(QueueSettings(max_wait_s=5.0), 2)
    await first
    await gate.advance(5.0)
    with pytest.raises(QueueTimeout):
        await second


# ── another upstream ────────────────────────────────────────────────────────────────────────────────


@scene
async def test_one_that_moves_to_an_upstream_with_room_does_not_wait() -> None:
    gate = Gate(1)
    other = Upstream(1, "other")
    ticket = gate.runs()
    ticket.claim, ticket.unclaim = move(ticket, gate.upstream, other)
    await gate.admission.again(ticket)
    assert (gate.upstream.places, other.places) == (1000, 0)
    gate.admission.leave(ticket)
    assert other.places == 1
    assert gate.is_empty()


def move(
    ticket: Ticket, old: Upstream, new: Upstream
) -> tuple[Callable[[float], float | None], Callable[[], None]]:
    """A claim at another upstream; the first place to be given back is that at the old one."""
    at = [old]

    def claim(now: float) -> float | None:
        until = new.claim(now)
        if until is None:
            at.append(new)
        return until

    return claim, lambda: at.pop().unclaim()


@scene
async def test_the_place_that_one_gives_back_when_it_moves_is_another_ones() -> None:
    gate = Gate()
    one, other = Upstream(1, "one"), Upstream(0, "other")
    ticket = gate.runs(upstream=one)
    _, waiting = await gate.waits("b", upstream=one)
    ticket.claim, ticket.unclaim = move(ticket, one, other)
    ticket.group = "other"
    moving = asyncio.ensure_future(gate.admission.again(ticket))
    await waiting
    assert not moving.done()
    other.places = 1
    gate.admission.wake()
    await moving


@scene
async def test_that_is_so_even_if_it_need_not_wait_itself() -> None:
    gate = Gate()
    one, other = Upstream(1, "one"), Upstream(1, "other")
    ticket = gate.runs(upstream=one)
    _, waiting = await gate.waits("b", upstream=one)
    ticket.claim, ticket.unclaim = move(ticket, one, other)
    await gate.admission.again(ticket)
    await waiting


@scene
async def test_one_that_moves_waits_no_longer_than_others_and_keeps_its_other_places_until_it_leaves() -> (
    None
):
    gate = Gate(1, max_wait_s=10.0)
    ticket = gate.runs()
    await gate.advance(100.0)
    ticket.claim, ticket.unclaim = move(ticket, gate.upstream, Upstream(0))
    moving = asyncio.ensure_future(gate.admission.again(ticket))
    await settle()
    gate.admission.drain()  # it is none of those who are refused
    await gate.advance(9.0)
    assert not moving.done()
    await gate.advance(1.0)
    with pytest.raises(QueueTimeout):
        await moving
    assert gate.admission.in_flight == 1
    gate.admission.leave(ticket)
    assert gate.is_empty()


# ── several processes ───────────────────────────────────────────────────────────────────────────────


@scene
async def test_shared_places_are_taken_and_given_back() -> None:
    shared = Shared()
    gate = Gate(10, shared=shared)
    upstream = Upstream(5, "one", limit=5)
    ticket, task = await gate.waits("a", key_limit=2, upstream=upstream)
    await task
    assert shared.held == {"gateway": 1, "key:a": 1, "upstream:one": 1}
    gate.admission.leave(ticket)
    gate.admission.leave(ticket)
    assert not shared.held
    assert gate.is_empty()


@scene
async def test_without_limits_no_other_process_is_asked() -> None:
    shared = Shared()
    gate = Gate(shared=shared)
    ticket, task = await gate.waits()
    await task
    assert shared.asked == 0
    gate.admission.leave(ticket)


@scene
async def test_where_another_process_has_the_places_one_asks_again_a_little_later() -> None:
    shared = Shared()
    gate = Gate(2, shared=shared)
    shared.held["gateway"] = 2
    _first, first_task = await gate.waits()
    _second, second_task = await gate.waits()
    assert gate.upstream.places == 1000
    assert gate.admission.waiting == 2
    await gate.advance(SHARED_RETRY_S)
    assert shared.asked == 2  # the first of the lane asks for both
    shared.held["gateway"] = 1
    await gate.advance(SHARED_RETRY_S)
    assert (first_task.done(), second_task.done()) == (True, False)
    assert shared.asked == 4  # no sooner had the first a place than the second asked
    shared.held["gateway"] = 1  # the other process is done
    await gate.advance(SHARED_RETRY_S)
    assert second_task.done()
    assert shared.held["gateway"] == 2


@scene
async def test_to_ask_again_has_the_same_longest_wait() -> None:
    shared = Shared()
    gate = Gate(1, shared=shared, max_wait_s=5.0)
    shared.held["gateway"] = 1
    _, task = await gate.waits()
    for _ in range(49):
        await gate.advance(SHARED_RETRY_S)
    assert not task.done()
    await gate.advance(2 * SHARED_RETRY_S)
    with pytest.raises(QueueTimeout):
        await task
    assert gate.is_empty()


@scene
async def test_a_state_that_answers_too_late_ends_the_wait_then() -> None:
    shared = Shared()
    gate = Gate(1, shared=shared, max_wait_s=5.0)
    shared.held["gateway"] = 1
    shared.answers.clear()
    _, task = await gate.waits()
    await gate.advance(6.0)
    assert not task.done()
    shared.answers.set()
    with pytest.raises(QueueTimeout):
        await task
    assert gate.is_empty()


@scene
async def test_where_nothing_may_wait_a_full_shared_limit_is_a_refusal() -> None:
    shared = Shared()
    gate = Gate(1, shared=shared, max_waiting=0)
    shared.held["gateway"] = 1
    _, task = await gate.waits()
    with pytest.raises(Overloaded):
        await task
    assert gate.is_empty()


@scene
async def test_draining_refuses_who_asks_for_shared_places_and_does_not_get_them() -> None:
    shared = Shared()
    gate = Gate(1, shared=shared)
    shared.held["gateway"] = 1
    shared.answers.clear()
    _, task = await gate.waits()
    gate.admission.drain()
    shared.answers.set()
    with pytest.raises(Draining):
        await task
    assert gate.is_empty()


@pytest.mark.parametrize("moves", [False, True])
def test_an_error_of_the_shared_state_and_being_cancelled_leave_nothing_behind(moves: bool) -> None:
    async def play() -> None:
        for cancelled in (False, True):
            shared = Shared()
            gate = Gate(2, shared=shared)
            upstream = Upstream(5, "one", limit=5)
            ticket, task = await gate.waits(upstream=upstream)
            await task
            if not moves:
                gate.admission.leave(ticket)
                ticket = gate.ticket(upstream=upstream)
            shared.answers.clear()
            if moves:
                asking = asyncio.ensure_future(gate.admission.again(ticket))
            else:
                assert not gate.admission.offer(ticket)
                asking = asyncio.ensure_future(gate.admission.admitted(ticket))
            await settle()
            if cancelled:
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
            else:
                shared.error = StateUnavailable("away")
                shared.answers.set()
                with pytest.raises(StateUnavailable):
                    await asking
            assert upstream.places == 5
            assert shared.held == ({"gateway": 1} if moves else {})
            gate.admission.leave(ticket)
            assert not shared.held
            assert gate.is_empty()

    asyncio.run(play())


@scene
async def test_one_that_moves_changes_only_its_place_at_the_upstream() -> None:
    shared = Shared()
    gate = Gate(1, shared=shared)
    one, other = Upstream(1, "one", limit=1), Upstream(1, "other", limit=1)
    ticket, task = await gate.waits(key_limit=1, upstream=one)
    await task
    ticket.claim, ticket.unclaim = move(ticket, one, other)
    ticket.scopes = lambda: [("gateway", 1), ("key:a", 1), ("upstream:other", 1)]
    shared.held["upstream:other"] = 1
    moving = asyncio.ensure_future(gate.admission.again(ticket))
    await settle()
    assert shared.held == {"gateway": 1, "key:a": 1, "upstream:other": 1}
    assert other.places == 1
    assert ticket.holding
    shared.held["upstream:other"] = 0
    await gate.advance(SHARED_RETRY_S)
    await moving
    assert shared.held == {"gateway": 1, "key:a": 1, "upstream:other": 1}
    gate.admission.leave(ticket)
    assert not shared.held
    assert (one.places, other.places) == (1, 1)


# ── all together ────────────────────────────────────────────────────────────────────────────────────


class Crowd:
    """Requests that come, move to another upstream, end and are cancelled, in whatever order they are told to."""

    def __init__(self, shared: Shared | None) -> None:
        self.gate = Gate(3, max_waiting=4, max_wait_s=3.0, shared=shared)
        self.upstreams = [Upstream(2, "one", limit=2), Upstream(1, "two", limit=1)]
        self.lives: list[tuple[asyncio.Task[None], asyncio.Event]] = []

    async def live(self, ticket: Ticket, go_on: asyncio.Event) -> None:
        admission = self.gate.admission
        try:
            if not admission.offer(ticket):
                await admission.admitted(ticket)
            assert admission.in_flight <= 3
            await go_on.wait()
            go_on.clear()
            await admission.again(ticket)
            await go_on.wait()
        finally:
            admission.leave(ticket)

    async def step(self, what: str, which: int) -> None:
        if what == "come":
            ticket = self.gate.ticket("abc"[which % 3], key_limit=2, upstream=self.upstreams[which % 2])
            go_on = asyncio.Event()
            self.lives.append((asyncio.ensure_future(self.live(ticket, go_on)), go_on))
        elif what == "wait":
            self.gate.clock.advance(which * 0.3)
        elif self.lives:
            task, go_on = self.lives[which % len(self.lives)]
            if what == "cancel":
                task.cancel()
            else:
                go_on.set()
        if which:
            await settle()

    async def end(self) -> list[BaseException | None]:
        for _ in range(100):
            for _task, go_on in self.lives:
                go_on.set()
            await self.gate.advance(SHARED_RETRY_S)
        return await asyncio.gather(*(task for task, _ in self.lives), return_exceptions=True)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["come", "come", "come", "go on", "go on", "cancel", "wait"]), st.integers(0, 5)
        ),
        min_size=20,
        max_size=150,
    ),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_whatever_is_done_in_whatever_order_nothing_is_left_at_the_end(
    steps: list[tuple[str, int]], is_shared: bool
) -> None:
    async def play() -> None:
        shared = Shared() if is_shared else None
        crowd = Crowd(shared)
        for what, which in steps:
            await crowd.step(what, which)
        outcomes = await crowd.end()
        allowed = (type(None), Overloaded, asyncio.CancelledError)
        assert [outcome for outcome in outcomes if not isinstance(outcome, allowed)] == []
        assert crowd.gate.is_empty()
        assert [upstream.places for upstream in crowd.upstreams] == [2, 1]
        assert shared is None or not shared.held

    asyncio.run(play())
