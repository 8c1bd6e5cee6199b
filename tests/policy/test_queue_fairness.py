"""The queue under thousands of random arrivals: no limit is passed, no place lost, nobody forgotten or left out.

Each simulation keeps books of its own and compares them with what the queue does, at every step.
"""

from __future__ import annotations

import math
import random
from collections import Counter, deque

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluiceway.errors import GatewayError, Overloaded, RateLimited
from sluiceway.policy import queue as queue_module
from sluiceway.policy.fair_share import most_turns_before
from sluiceway.policy.queue import SHORTEST_PAUSE_S, FairQueue
from sluiceway.policy.ticket import Ticket, WaitingKey

BOUNDED = settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


class Key:
    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self.priority = chance.choice([1, 1, 1, 2, 4, 7, 100])
        self.limit = chance.choice([0, 0, 0, 1, 3])


class Upstream:
    """Places, and times at which it takes nobody although it has some."""

    def __init__(self, chance: random.Random) -> None:
        self.places = chance.choice([1, 2, 5, 50])
        self.used = 0
        self.rests_until = 0.0

    def can_take(self, now: float) -> bool:
        return self.used < self.places and now >= self.rests_until


class World:
    """A queue, and everything around it that the books are about."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 0.0
        self.max_waiting = self.chance.choice([0, 3, 30, 300])
        self.queue = FairQueue(self.chance.choice([0, 1, 2, 5, 20]), self.max_waiting, self.refused)
        self.keys = [Key(f"key {number}", self.chance) for number in range(self.chance.randint(1, 12))]
        self.upstreams = [Upstream(self.chance) for _ in range(self.chance.randint(1, 4))]
        self.at: dict[Ticket, Upstream] = {}
        self.waiting: set[Ticket] = set()
        self.moving: set[Ticket] = set()
        self.running: set[Ticket] = set()
        self.unsettled: set[Ticket] = set()  # let in, and it is not known yet whether they are put back
        self.admitted = self.gone = 0

    # ── what tickets can do ─────────────────────────────────────────────────────────────────────────

    def ticket(self) -> Ticket:
        key, upstream = self.chance.choice(self.keys), self.chance.choice(self.upstreams)
        raises = self.chance.random() < 0.01

        def claim(now: float) -> float | None:
            assert now == self.now
            if raises:
                raise RateLimited("no more")
            if not upstream.can_take(now):
                return upstream.rests_until if upstream.used < upstream.places else math.inf
            if not ticket.holding:
                self.check_limits_before(ticket)
            upstream.used += 1
            self.at[ticket] = upstream
            return None

        def unclaim() -> None:
            self.at.pop(ticket).used -= 1

        ticket = Ticket(key.name, key.priority, key.limit, upstream, claim, unclaim)
        return ticket

    def check_limits_before(self, ticket: Ticket) -> None:
        """It is about to be let in: there must be room for it, and nobody of its lane before it."""
        limit = self.queue.limit
        held = self.running | self.moving | self.at.keys()
        assert not limit or len(held) < limit
        assert not ticket.key_limit or sum(other.key == ticket.key for other in held) < ticket.key_limit
        for other in self.waiting:
            same = other.key == ticket.key and other.group is ticket.group
            assert not same or other.lane is None or other.arrival >= ticket.arrival, (
                "overtaken in its own lane"
            )

    def refused(self, ticket: Ticket, error: Exception) -> None:
        assert isinstance(error, GatewayError)
        if ticket in self.moving:
            self.moving.remove(ticket)
            self.running.add(ticket)
        else:
            self.waiting.remove(ticket)
            self.gone += 1

    # ── what happens ────────────────────────────────────────────────────────────────────────────────

    def arrive(self) -> None:
        ticket = self.ticket()
        try:
            at_once = self.queue.enter(ticket, self.now)
        except (Overloaded, RateLimited):
            assert not ticket.holding
            assert ticket not in self.at
            return
        if at_once:
            self.let_in(ticket)
        else:
            self.waiting.add(ticket)

    def let_in(self, ticket: Ticket) -> None:
        assert ticket.claimed
        assert ticket.holding
        assert ticket not in self.running, "let in twice"
        self.running.add(ticket)
        self.admitted += 1
        if ticket.trial_of is not None:
            self.unsettled.add(ticket)

    def finish(self) -> None:
        if self.running:
            ticket = self.chance.choice(sorted(self.running, key=arrival))
            self.over(ticket)

    def over(self, ticket: Ticket) -> None:
        self.running.discard(ticket)
        self.unsettled.discard(ticket)
        self.gone += 1
        for _ in range(self.chance.choice([1, 1, 2])):
            self.queue.release(ticket)
        assert ticket not in self.at

    def give_up(self) -> None:
        if self.waiting:
            ticket = self.chance.choice(sorted(self.waiting, key=arrival))
            self.waiting.remove(ticket)
            self.gone += 1
            self.queue.release(ticket)

    def move(self) -> None:
        settled = self.running - self.unsettled
        if settled:
            ticket = self.chance.choice(sorted(settled, key=arrival))
            self.running.remove(ticket)
            self.moving.add(ticket)
            if not isinstance(ticket.group, tuple):
                ticket.group = ticket.group, "again"
            try:
                at_once = self.queue.again(ticket, self.now)
            except (Overloaded, RateLimited):
                at_once = True
            if at_once:
                self.moving.remove(ticket)
                self.running.add(ticket)

    def stop_moving(self) -> None:
        if self.moving:
            ticket = self.chance.choice(sorted(self.moving, key=arrival))
            self.moving.remove(ticket)
            self.running.add(ticket)
            self.queue.leave(ticket)

    def put_back(self) -> None:
        """It is full elsewhere; mostly for those about which it is not known yet."""
        among = self.unsettled or {ticket for ticket in self.running if ticket.claimed}
        if among:
            ticket = self.chance.choice(sorted(among, key=arrival))
            self.running.remove(ticket)
            self.unsettled.discard(ticket)
            (self.moving if ticket.failing_over else self.waiting).add(ticket)
            try:
                self.queue.put_back(ticket, self.now + self.chance.random(), self.now)
            except Overloaded:
                self.moving.discard(ticket)
                self.waiting.discard(ticket)
                self.over(ticket)

    def confirm(self) -> None:
        for ticket in self.unsettled:
            self.queue.confirm(ticket, self.now)
        self.unsettled.clear()

    def rest(self) -> None:
        """Never for less than was said before: a claim that was told a time has to be able to rely on it."""
        upstream = self.chance.choice(self.upstreams)
        upstream.rests_until = max(upstream.rests_until, self.now + self.chance.random() * 5)

    def reconfigure(self) -> None:
        self.queue.reconfigure(self.chance.choice([0, 1, 2, 5, 20]), self.max_waiting)
        for upstream in self.upstreams:
            upstream.places = self.chance.choice([1, 2, 5, 50])

    def pass_time(self) -> None:
        end = self.now + self.chance.random()
        while self.queue.next_wake_at() <= end:
            self.now = max(self.now, self.queue.next_wake_at())
            self.wake()
        self.now = end

    def wake(self) -> None:
        for ticket in self.queue.wake(self.now):
            if ticket in self.moving:
                self.moving.remove(ticket)
                assert ticket.claimed
                self.running.add(ticket)
                if ticket.trial_of is not None:
                    self.unsettled.add(ticket)
            else:
                self.waiting.remove(ticket)
                self.let_in(ticket)

    # ── what must hold after each of these ──────────────────────────────────────────────────────────

    def check(self) -> None:
        queue, now = self.queue, self.now
        assert queue.in_flight == len(self.running) + len(self.moving)
        assert queue.waiting == len(self.waiting) + len(self.moving)
        held = Counter(ticket.key for ticket in self.running | self.moving)
        assert {key.name: key.in_flight for key in queue._keys.values() if key.in_flight} == held
        for upstream in self.upstreams:
            assert upstream.used == sum(at is upstream for at in self.at.values())
        for ticket in self.running - self.unsettled:
            assert ticket.lane is None
        has_room = not queue.limit or queue.in_flight < queue.limit
        asked_by_now = now - SHORTEST_PAUSE_S
        for ticket in self.waiting | self.moving:
            lane = ticket.lane
            assert lane is not None, "it was lost"
            if lane.tickets[0] is not ticket:
                continue
            if lane.not_before > now:  # then one of it was put back, and is the only one that is tried
                assert lane.one_by_one
                on_trial = [other for other in self.unsettled if other.trial_of is lane]
                assert len(on_trial) == (lane.not_before == math.inf)
                continue
            needed = ticket.group[0] if isinstance(ticket.group, tuple) else ticket.group
            assert isinstance(needed, Upstream)
            if ticket.failing_over:
                assert not needed.can_take(asked_by_now), "one that moves waits although there is a place"
            elif has_room and not (ticket.key_limit and held[ticket.key] >= ticket.key_limit):
                assert not needed.can_take(asked_by_now), "one waits who could run"

    def end(self) -> None:
        """Everyone goes; nothing is left."""
        for ticket in [*self.waiting, *self.moving, *self.running]:
            self.queue.release(ticket)
        queue = self.queue
        lanes = queue._lanes
        kept = (lanes.keys, lanes.contending, lanes.moving, lanes._resting, queue._blocked, self.at)
        assert not any(kept)
        assert (queue.in_flight, queue.waiting, queue.next_wake_at()) == (0, 0, math.inf)
        assert all(upstream.used == 0 for upstream in self.upstreams)


def arrival(ticket: Ticket) -> int:
    return ticket.arrival


STEPS = 1500


@given(st.integers(0, 2**32))
@BOUNDED
def test_whatever_happens_no_limit_is_passed_no_place_is_lost_and_nobody_waits_who_could_run(
    seed: int,
) -> None:
    world = World(seed)
    chance = world.chance
    busy = chance.choice([1, 3, 6])  # how many arrive for each that is over
    happenings = (
        [world.arrive] * (4 * busy) + [world.finish] * 5 + [world.pass_time, world.confirm] * 2
        + [world.give_up, world.move, world.stop_moving, world.put_back]
    )  # fmt: skip
    rare = [world.reconfigure, world.rest]
    for _ in range(STEPS):
        chance.choice(happenings if chance.random() > 0.02 else rare)()
        if world.queue.next_wake_at() <= world.now:
            world.wake()
        world.check()
    assert world.admitted > 0
    world.end()


# ── fairness ────────────────────────────────────────────────────────────────────────────────────────


class Contest:
    """Keys of several weights that want more than there is, and answers of all lengths. Counts turns.

    While a key has somebody waiting who could run and holds less than its share, any other key may have at most
    `most_turns_before` turns; and nobody who holds its share gets a place that another with less could use.
    """

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        self.queue = FairQueue(chance.randint(1, 12), 10_000, self.refused)
        self.keys = {key.name: key for key in (Key(f"key {n}", chance) for n in range(chance.randint(2, 9)))}
        self.usual_s = {name: chance.choice([0.1, 1.0, 30.0]) for name in self.keys}
        self.running: list[tuple[float, Ticket]] = []
        self.waiting: dict[str, deque[Ticket]] = {name: deque() for name in self.keys}
        self.turns: dict[str, Counter[str]] = {name: Counter() for name in self.keys}
        self.now = 0.0
        self.contested = 0

    def refused(self, ticket: Ticket, error: Exception) -> None:
        raise AssertionError from error

    def arrive(self, name: str) -> None:
        key = self.keys[name]
        ticket = Ticket(name, key.priority, key.limit, "model", lambda now: None)
        if self.queue.enter(ticket, self.now):
            self.begin(ticket)
        else:
            self.waiting[name].append(ticket)

    def begin(self, ticket: Ticket) -> None:
        ends_at = self.now + self.chance.expovariate(1 / self.usual_s[ticket.key])
        self.running.append((ends_at, ticket))

    def finish(self) -> None:
        self.running.sort(key=lambda running: -running[0])
        self.now, ticket = self.running.pop()
        self.queue.release(ticket)
        for admitted in self.queue.wake(self.now):
            self.count(admitted)
            self.begin(admitted)

    def give_up(self) -> None:
        waiting = self.chance.choice(list(self.waiting.values()))
        if waiting:
            self.queue.release(waiting.pop())
            self.forget_who_left()

    def forget_who_left(self) -> None:
        for name, waiting in self.waiting.items():
            if not waiting:
                self.turns[name].clear()

    def count(self, admitted: Ticket) -> None:
        held = Counter(ticket.key for _, ticket in self.running)
        contenders = [
            key for name, key in self.keys.items() if self.waiting[name] and not 0 < key.limit <= held[name]
        ]
        places = sum(held[key.name] for key in contenders) + 1
        weights = sum(key.priority for key in contenders)
        below = {key.name for key in contenders if held[key.name] * weights < places * key.priority}
        self.contested += len(contenders) > 1
        assert admitted.key in below, "one that holds its share got more"
        assert self.waiting[admitted.key].popleft() is admitted
        self.turns[admitted.key].clear()
        for name in below - {admitted.key}:
            turns = self.turns[name]
            turns[admitted.key] += 1
            own, other = self.keys[name].priority, self.keys[admitted.key].priority
            assert turns[admitted.key] <= most_turns_before(own, other), "more turns than are due"
        self.forget_who_left()

    def run(self) -> None:
        names = list(self.keys)
        eager = self.chance.sample(names, self.chance.randint(2, len(names)))
        for _ in range(2500):
            name = self.chance.choice(eager if self.chance.random() < 0.9 else names)
            self.arrive(name)
            if self.running and self.chance.random() < 0.8:
                self.finish()
            if self.chance.random() < 0.02:
                self.give_up()


@given(st.integers(0, 2**32))
@BOUNDED
def test_no_key_gets_more_turns_or_places_than_are_due_while_another_waits(seed: int) -> None:
    contest = Contest(seed)
    contest.run()


def first_come(contenders: list[WaitingKey]) -> WaitingKey:
    return min(contenders, key=lambda key: key.arrival)


def fewest_places(contenders: list[WaitingKey]) -> WaitingKey:
    """Fair in places alone: ties go to whoever came first."""
    return min(contenders, key=lambda key: (key.in_flight / key.priority, key.arrival))


def turns_alone(contenders: list[WaitingKey]) -> WaitingKey:
    """Fair in turns alone, however long they are."""
    return min(contenders, key=lambda key: (key.turn, key.arrival))


@pytest.mark.parametrize("rule", [first_come, fewest_places, turns_alone])
def test_the_contest_tells_other_rules_from_ours(rule: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation that a plain first-come queue would pass shows nothing."""
    monkeypatch.setattr(queue_module, "whose_turn", rule)
    caught = 0
    for seed in range(10):
        try:
            Contest(seed).run()
        except AssertionError:
            caught += 1
    assert caught >= 5


def test_the_contest_is_one() -> None:
    contested = 0
    for seed in range(10):
        contest = Contest(seed)
        contest.run()
        contested += contest.contested
    assert contested > 5000


@given(st.integers(0, 2**32))
@BOUNDED
def test_with_equal_keys_everyone_at_the_head_is_served_within_two_rounds(seed: int) -> None:
    """One place, equal priorities: after it became the first of its key, each of K keys has at most two turns."""
    chance = random.Random(seed)
    queue = FairQueue(1, 10_000, lambda ticket, error: None)
    names = [f"key {number}" for number in range(chance.randint(2, 10))]
    running = Ticket("other", 1, 0, "model", lambda now: None)
    assert queue.enter(running, 0.0)
    waited: dict[str, int] = {}
    waiting: Counter[str] = Counter()
    for _ in range(1000):
        for _ in range(chance.choice([0, 1, 1, 2])):
            name = names[min(int(chance.expovariate(0.7)), len(names) - 1)]  # the first ones ask for most
            assert not queue.enter(Ticket(name, 1, 0, "model", lambda now: None), 0.0)
            waiting[name] += 1
            waited.setdefault(name, 0)
        if not queue.waiting:
            continue
        queue.release(running)
        (running,) = queue.wake(0.0)
        waiting[running.key] -= 1
        del waited[running.key]
        for name in waited:
            waited[name] += 1
            assert waited[name] <= 2 * (len(names) - 1)
        if waiting[running.key]:
            waited[running.key] = 0
