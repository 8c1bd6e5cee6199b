"""Who may start, who waits, and what each is told: one queue on a table, with a clock that is an argument."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from sluiceway.errors import GatewayError, Overloaded, RateLimited
from sluiceway.policy.fair_share import Party, Turns, most_turns_before, whose_turn
from sluiceway.policy.queue import RETRY_MOST_S, RETRY_UNKNOWN_S, SHORTEST_PAUSE_S, FairQueue
from sluiceway.policy.queue_place import Pace
from sluiceway.policy.ticket import Ticket


class Upstream:
    """So many places; `until` is what a claim that finds none is told."""

    def __init__(self, places: int = 1000, until: float = math.inf) -> None:
        self.places = places
        self.until = until
        self.asked = 0

    def claim(self, now: float) -> float | None:
        self.asked += 1
        if not self.places:
            return self.until
        self.places -= 1
        return None

    def unclaim(self) -> None:
        self.places += 1


class Desk:
    """A queue, and all that it said."""

    def __init__(self, limit: int = 0, max_waiting: int = 100) -> None:
        self.refused: list[tuple[Ticket, Exception]] = []
        self.queue = FairQueue(limit, max_waiting, lambda *args: self.refused.append(args))
        self.upstream = Upstream()

    def ticket(
        self,
        key: str = "a",
        *,
        priority: int = 1,
        key_limit: int = 0,
        group: str = "model",
        upstream: Upstream | None = None,
        claim: Callable[[float], float | None] | None = None,
    ) -> Ticket:
        where = upstream or self.upstream
        return Ticket(key, priority, key_limit, group, claim or where.claim, where.unclaim)

    def runs(self, key: str = "a", now: float = 0.0, **more: object) -> Ticket:
        ticket = self.ticket(key, **more)  # type: ignore[arg-type]
        assert self.queue.enter(ticket, now)
        return ticket

    def waits(self, key: str = "a", now: float = 0.0, **more: object) -> Ticket:
        ticket = self.ticket(key, **more)  # type: ignore[arg-type]
        assert not self.queue.enter(ticket, now)
        return ticket

    def turns(self, first: Ticket, count: int) -> str:
        """The keys that are let in, when each answer ends as soon as the next may begin."""
        names, running = "", first
        for _ in range(count):
            self.queue.release(running)
            (running,) = self.queue.wake(0.0)
            names += running.key
        return names

    def is_empty(self) -> bool:
        queue = self.queue
        lanes = queue._lanes
        kept = (lanes.keys, lanes.contending, lanes.moving, lanes._resting, queue._blocked)
        return not any(kept) and (queue.in_flight, queue.waiting) == (0, 0)


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────


def test_without_limits_everyone_starts_at_once() -> None:
    desk = Desk()
    tickets = [desk.runs() for _ in range(100)]
    assert desk.queue.in_flight == 100
    for ticket in tickets:
        desk.queue.release(ticket)
    assert desk.is_empty()


def test_over_the_limit_of_the_gateway_one_waits_until_another_is_over() -> None:
    desk = Desk(limit=1)
    running, waiting = desk.runs(), desk.waits("b")
    assert desk.queue.wake(1.0) == []
    desk.queue.release(running)
    assert desk.queue.wake(1.0) == [waiting]
    assert waiting.holding
    assert desk.queue.in_flight == 1


def test_over_the_limit_of_its_key_one_waits_and_others_do_not() -> None:
    desk = Desk()
    running, waiting = desk.runs(key_limit=1), desk.waits(key_limit=1)
    other = desk.runs("b", key_limit=1)
    desk.queue.release(other)
    assert desk.queue.wake(1.0) == []
    desk.queue.release(running)
    assert desk.queue.wake(1.0) == [waiting]


def test_without_room_at_an_upstream_one_waits_until_there_is() -> None:
    desk = Desk()
    full = Upstream(places=0)
    waiting = desk.waits(upstream=full)
    assert desk.queue.in_flight == 0
    full.places = 1
    assert desk.queue.wake(1.0) == [waiting]
    assert full.places == 0


def test_a_full_upstream_holds_up_nobody_who_goes_elsewhere() -> None:
    desk = Desk()
    desk.waits(upstream=Upstream(places=0), group="full model")
    desk.runs(group="other model")
    desk.runs("b", group="other model")


def test_an_upstream_that_is_full_for_one_is_not_asked_for_others_of_the_group() -> None:
    desk = Desk()
    full = Upstream(places=0)
    for number in range(20):
        desk.waits(f"key {number}", upstream=full)
    assert full.asked == 1
    desk.queue.wake(1.0)
    assert full.asked == 2


def test_releasing_twice_gives_back_once() -> None:
    desk = Desk(limit=5)
    first, _second = desk.runs(), desk.runs()
    for _ in range(3):
        desk.queue.release(first)
    assert desk.queue.in_flight == 1
    assert desk.upstream.places == 999


def test_a_raised_limit_lets_in_at_once_and_a_lowered_one_harms_nobody() -> None:
    desk = Desk(limit=1)
    running = [desk.runs()]
    waiting = [desk.waits() for _ in range(3)]
    desk.queue.reconfigure(3, 100)
    running += desk.queue.wake(0.0)
    assert running[1:] == waiting[:2]
    desk.queue.reconfigure(1, 0)
    assert desk.queue.wake(0.0) == []
    assert desk.queue.in_flight == 3
    assert desk.queue.waiting == 1
    for ticket in running[:2]:
        desk.queue.release(ticket)
        assert desk.queue.wake(0.0) == []
    desk.queue.release(running[2])
    assert desk.queue.wake(0.0) == waiting[2:]


# ── order ───────────────────────────────────────────────────────────────────────────────────────────


def test_one_key_is_served_in_the_order_in_which_it_asked() -> None:
    desk = Desk(limit=1)
    running = desk.runs()
    waiting = [desk.waits() for _ in range(5)]
    for expected in waiting:
        desk.queue.release(running)
        (running,) = desk.queue.wake(0.0)
        assert running is expected


def test_keys_take_turns_however_many_requests_one_of_them_has() -> None:
    desk = Desk(limit=1)
    running = desk.runs("a")
    for _ in range(6):
        desk.waits("a")
    for key in "bbcc":
        desk.waits(key)
    assert desk.turns(running, 10) == "abcabcaaaa"


def test_a_priority_is_a_share_of_the_turns_and_leaves_nobody_out() -> None:
    desk = Desk(limit=1)
    running = desk.runs("a")
    for _ in range(12):
        desk.waits("a", priority=1)
        desk.waits("b", priority=4)
    turns = desk.turns(running, 15)
    assert turns.count("b") == 12
    assert "bbbbbb" not in turns


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 10])
def test_shares_come_out_however_few_places_there_are(limit: int) -> None:
    desk = Desk(limit=limit, max_waiting=1000)
    running = [desk.runs("a", priority=1) for _ in range(limit)]
    for _ in range(200):
        desk.waits("a", priority=1)
        desk.waits("b", priority=4)
    served = ""
    for _ in range(200):
        desk.queue.release(running.pop(0))
        (ticket,) = desk.queue.wake(0.0)
        running.append(ticket)
        served += ticket.key
    assert served.count("b") == pytest.approx(160, abs=limit + 2)


def test_long_answers_do_not_get_a_key_more_than_its_share_of_the_places() -> None:
    desk = Desk(limit=4)
    running = [desk.runs("slow") for _ in range(4)]
    for _ in range(50):
        desk.waits("slow")
        desk.waits("quick")
    for _ in range(20):
        quick = [ticket for ticket in running if ticket.key == "quick"]
        done = quick[0] if len(quick) >= 2 else running[0]  # those of `slow` hardly ever end
        running.remove(done)
        desk.queue.release(done)
        running += desk.queue.wake(0.0)
    assert sorted(ticket.key for ticket in running) == ["quick", "quick", "slow", "slow"]


def test_a_key_that_was_idle_has_saved_up_nothing_and_lost_nothing() -> None:
    desk = Desk(limit=1)
    running = desk.runs("a")
    for _ in range(8):
        desk.waits("a")
        desk.waits("b")
    for _ in range(4):
        desk.queue.release(running)
        (running,) = desk.queue.wake(0.0)
    for _ in range(3):
        desk.waits("late")
    turns = desk.turns(running, 9)
    assert turns.replace("late", "l").count("l") == 3
    assert turns.replace("late", "l")[:3].count("l") == 1


def test_to_come_back_after_each_answer_gains_no_turns() -> None:
    """A key that never has more than one request waiting must not look new each time."""
    desk = Desk(limit=1, max_waiting=1000)
    running = desk.runs("first")
    for _ in range(200):
        desk.waits("b", priority=10)
    served = ""
    desk.waits("a", priority=1)
    for _ in range(110):
        desk.queue.release(running)
        if running.key == "a":  # it is quicker than the queue, even
            desk.waits("a", priority=1)
        (running,) = desk.queue.wake(0.0)
        served += running.key
    assert served.count("a") == pytest.approx(10, abs=1)


def test_a_newcomer_does_not_overtake_one_of_its_key_that_waits_for_the_same() -> None:
    desk = Desk()
    full = Upstream(places=0)
    first = desk.waits(upstream=full)
    full.places = 1  # nobody has told the queue yet
    second = desk.waits(upstream=full)
    assert desk.queue.wake(0.0) == [first]
    assert second.lane is not None


def test_a_newcomer_does_not_get_what_was_just_given_back() -> None:
    desk = Desk(limit=1)
    running, first = desk.runs("a"), desk.waits("b")
    desk.queue.release(running)
    second = desk.waits("c")
    assert desk.queue.next_wake_at() <= 0.0
    assert desk.queue.wake(0.0) == [first]
    assert second.lane is not None


def test_a_newcomer_does_not_overtake_one_whose_time_has_come() -> None:
    desk = Desk()
    resting = Upstream(places=0, until=5.0)
    first = desk.waits(upstream=resting)
    assert desk.queue.next_wake_at() == 5.0
    resting.places = 1
    second = desk.waits("b", now=6.0, upstream=resting)
    assert desk.queue.next_wake_at() <= 6.0
    assert desk.queue.wake(6.0) == [first]
    assert second.lane is not None


def test_nothing_is_kept_about_keys_that_are_gone() -> None:
    desk = Desk(limit=1)
    running = desk.runs("first")
    tickets = [desk.waits(f"key {number}", group=f"group {number % 3}") for number in range(50)]
    for _ in range(25):
        desk.queue.release(running)
        (running,) = desk.queue.wake(0.0)
    for ticket in tickets:
        desk.queue.release(ticket)
    assert desk.is_empty()


def test_a_stream_of_keys_that_are_new_holds_nobody_up_and_leaves_nothing_behind() -> None:
    desk = Desk(limit=1, max_waiting=1000)
    running = desk.runs("steady")
    for _ in range(300):
        desk.waits("steady")
    served = 0
    for number in range(200):
        desk.waits(f"passer-by {number}")
        desk.queue.release(running)
        (running,) = desk.queue.wake(0.0)
        served += running.key == "steady"
    assert served >= 10  # more and more keys wait, and each has its turn
    assert len(desk.queue._lanes._resting) <= 2


# ── time ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_upstream_that_rests_is_asked_again_when_it_said() -> None:
    desk = Desk()
    resting = Upstream(places=0, until=30.0)
    waiting = desk.waits(upstream=resting)
    assert desk.queue.next_wake_at() == 30.0
    resting.places = 1
    assert desk.queue.wake(30.0) == [waiting]
    assert desk.queue.next_wake_at() == math.inf


def test_who_says_ask_again_now_is_asked_again_a_little_later() -> None:
    desk = Desk()
    desk.waits(upstream=Upstream(places=0, until=0.0), now=10.0)
    assert desk.queue.next_wake_at() == 10.0 + SHORTEST_PAUSE_S
    desk.queue.wake(20.0)
    assert desk.queue.next_wake_at() == 20.0 + SHORTEST_PAUSE_S


def test_the_time_of_one_who_left_calls_nobody() -> None:
    desk = Desk()
    ticket = desk.waits(upstream=Upstream(places=0, until=30.0))
    desk.queue.leave(ticket)
    assert desk.queue.next_wake_at() == math.inf


# ── a full queue ────────────────────────────────────────────────────────────────────────────────────


def test_where_nothing_may_wait_a_limit_is_a_refusal() -> None:
    desk = Desk(limit=1, max_waiting=0)
    desk.runs()
    with pytest.raises(Overloaded) as caught:
        desk.queue.enter(desk.ticket(), 0.0)
    assert caught.value.retry_after_s == RETRY_UNKNOWN_S
    assert desk.queue.waiting == 0


def test_a_refusal_leaves_nothing_behind() -> None:
    desk = Desk(max_waiting=0)
    full = Upstream(places=0)
    with pytest.raises(Overloaded):
        desk.queue.enter(desk.ticket(upstream=full), 0.0)
    assert desk.is_empty()
    full.places = 1
    desk.runs(upstream=full)


def test_a_full_queue_refuses_the_key_that_fills_it() -> None:
    desk = Desk(limit=1, max_waiting=3)
    desk.runs()
    for _ in range(3):
        desk.waits()
    with pytest.raises(Overloaded, match="full"):
        desk.queue.enter(desk.ticket(), 0.0)
    assert desk.queue.waiting == 3


def test_in_a_full_queue_a_newcomer_takes_the_place_of_the_newest_of_the_key_with_the_most() -> None:
    desk = Desk(limit=1, max_waiting=3)
    desk.runs()
    a1, _a2, a3 = (desk.waits("a", group=group) for group in ("y", "x", "y"))
    b1 = desk.waits("b")
    ((ticket, error),) = desk.refused
    assert ticket is a3
    assert isinstance(error, Overloaded)
    assert error.retry_after_s is not None
    assert a1.lane is not None
    assert b1.lane is not None
    with pytest.raises(Overloaded):  # now it would have more than the one it takes from
        desk.queue.enter(desk.ticket("b"), 0.0)


def test_what_is_the_most_goes_by_weight() -> None:
    desk = Desk(limit=1, max_waiting=4)
    desk.runs()
    for _ in range(4):
        desk.waits("heavy", priority=8)
    light = desk.waits("light")
    assert len(desk.refused) == 1
    with pytest.raises(Overloaded):
        desk.queue.enter(desk.ticket("light"), 0.0)
    assert light.lane is not None


def test_the_only_one_of_a_key_is_never_pushed_out() -> None:
    desk = Desk(limit=1, max_waiting=2)
    desk.runs()
    for key in "ab":
        desk.waits(key)
    with pytest.raises(Overloaded):
        desk.queue.enter(desk.ticket("c", priority=100), 0.0)
    assert desk.refused == []


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────


def refuse(now: float) -> float | None:
    raise RateLimited("too many")


def test_what_a_claim_raises_at_once_is_raised_to_who_entered() -> None:
    desk = Desk()
    with pytest.raises(RateLimited):
        desk.queue.enter(desk.ticket(claim=refuse), 0.0)
    assert desk.is_empty()


def test_what_a_claim_raises_later_is_told_to_that_ticket_and_the_next_is_served() -> None:
    desk = Desk(limit=1)
    running = desk.runs("a")
    bad, good = desk.waits("a", claim=refuse), desk.waits("a")
    desk.queue.release(running)
    assert desk.queue.wake(0.0) == [good]
    ((ticket, error),) = desk.refused
    assert ticket is bad
    assert isinstance(error, GatewayError)


# ── those that run and need another upstream ────────────────────────────────────────────────────────


def test_one_that_moves_gives_its_upstream_back_and_keeps_its_other_places() -> None:
    desk = Desk(limit=1)
    one, other = Upstream(1), Upstream(1)
    ticket = Ticket("a", 1, 1, "model", one.claim, one.unclaim)
    assert desk.queue.enter(ticket, 0.0)
    ticket.claim, ticket.unclaim = other.claim, other.unclaim
    one.places = 1
    ticket.claimed = False
    assert desk.queue.again(ticket, 1.0)
    assert (one.places, other.places, desk.queue.in_flight) == (1, 0, 1)
    desk.queue.release(ticket)
    assert other.places == 1
    assert desk.is_empty()


def test_one_that_moves_comes_before_all_who_have_no_place_yet() -> None:
    desk = Desk(limit=2)
    upstream = Upstream(2)
    first, second = desk.runs("a", upstream=upstream), desk.runs("b", upstream=upstream)
    waiting = desk.waits("c", upstream=upstream)
    first.claimed = second.claimed = False  # their upstream is gone
    for ticket in (first, second):
        assert not desk.queue.again(ticket, 1.0)
    assert [desk.queue.position(ticket) for ticket in (first, second, waiting)] == [1, 2, 3]
    upstream.places = 1
    assert desk.queue.wake(2.0) == [first]
    upstream.places = 2
    assert desk.queue.wake(3.0) == [second]
    desk.queue.release(first)
    assert desk.queue.wake(4.0) == [waiting]


def test_one_that_moves_and_gives_up_keeps_its_other_places_until_it_is_over() -> None:
    desk = Desk(limit=1)
    upstream = Upstream(1)
    ticket = desk.runs(upstream=upstream)
    ticket.claim = Upstream(0).claim
    assert not desk.queue.again(ticket, 1.0)
    desk.queue.leave(ticket)
    assert (desk.queue.in_flight, desk.queue.waiting, upstream.places) == (1, 0, 1)
    desk.queue.release(ticket)
    assert desk.is_empty()


def test_what_a_claim_raises_to_one_that_moves_is_told_to_it_alone() -> None:
    desk = Desk()
    ticket = desk.runs()
    ticket.claim = Upstream(0).claim
    assert not desk.queue.again(ticket, 0.0)
    ticket.claim = refuse
    assert desk.queue.wake(1.0) == []
    assert desk.refused[0][0] is ticket
    assert ticket.holding


def test_where_nothing_may_wait_neither_does_one_that_moves() -> None:
    desk = Desk(max_waiting=0)
    ticket = desk.runs()
    ticket.claim = Upstream(0).claim
    with pytest.raises(Overloaded):
        desk.queue.again(ticket, 0.0)
    assert ticket.holding


def test_one_that_moves_waits_for_the_time_that_its_claim_said() -> None:
    desk = Desk()
    ticket = desk.runs()
    resting = Upstream(0, until=9.0)
    ticket.claim = resting.claim
    assert not desk.queue.again(ticket, 0.0)
    assert desk.queue.next_wake_at() == 9.0
    assert desk.queue.wake(1.0) == []
    assert desk.queue.next_wake_at() == 9.0


# ── put back ────────────────────────────────────────────────────────────────────────────────────────


def test_one_that_is_put_back_frees_its_places_and_is_the_next_of_its_lane() -> None:
    desk = Desk(limit=2)
    first, second = desk.runs("a"), desk.runs("a")
    third = desk.waits("a")
    desk.queue.put_back(second, 5.0, now=1.0)
    desk.queue.put_back(first, 5.0, now=1.0)
    assert desk.upstream.places == 1000
    assert desk.queue.in_flight == 0
    assert desk.queue.wake(4.9) == []
    assert desk.queue.next_wake_at() == 5.0
    assert [desk.queue.position(ticket) for ticket in (first, second, third)] == [1, 2, 3]
    assert desk.queue.wake(5.0) == [first]


def test_after_one_was_put_back_its_lane_is_tried_one_by_one() -> None:
    desk = Desk()
    tickets = [desk.runs() for _ in range(3)]
    for ticket in tickets:
        desk.queue.put_back(ticket, 5.0, now=0.0)
    assert desk.queue.wake(5.0) == tickets[:1]
    assert desk.queue.wake(5.1) == []
    assert desk.queue.next_wake_at() == math.inf
    desk.queue.confirm(tickets[0], 5.2)
    assert desk.queue.wake(5.2) == tickets[1:2]
    desk.queue.put_back(tickets[1], 6.0, now=5.3)
    assert desk.queue.wake(5.9) == []
    assert desk.queue.wake(6.0) == tickets[1:2]
    desk.queue.release(tickets[1])  # cancelled, say, before it was known
    assert desk.queue.wake(6.0) == tickets[2:]


def test_a_lane_that_is_put_back_holds_up_no_other() -> None:
    desk = Desk(limit=1)
    ticket = desk.runs("a")
    waiting = desk.waits("b")
    desk.queue.put_back(ticket, 5.0, now=0.0)
    assert desk.queue.wake(0.0) == [waiting]


def test_one_that_moves_and_is_put_back_keeps_its_other_places() -> None:
    desk = Desk(limit=1)
    ticket = desk.runs()
    assert desk.queue.again(ticket, 0.0)
    desk.queue.put_back(ticket, 5.0, now=0.0)
    assert ticket.holding
    assert not ticket.claimed
    assert desk.queue.next_wake_at() == 5.0
    assert desk.queue.wake(1.0) == []
    assert desk.queue.next_wake_at() == 5.0
    assert desk.queue.wake(5.0) == [ticket]


def test_where_nothing_may_wait_one_is_not_put_back() -> None:
    desk = Desk(max_waiting=0)
    ticket = desk.runs()
    with pytest.raises(Overloaded):
        desk.queue.put_back(ticket, 5.0, now=0.0)
    assert desk.is_empty()


# ── what those who wait are told ────────────────────────────────────────────────────────────────────


def test_the_position_counts_the_turns_of_others() -> None:
    desk = Desk(limit=1)
    running = desk.runs("a")
    waiting = [desk.waits("a") for _ in range(10)]
    late = desk.waits("b")
    assert [desk.queue.position(ticket) for ticket in waiting[:3]] == [1, 3, 4]
    assert desk.queue.position(late) == 2
    assert desk.queue.position(running) == 0


@pytest.mark.parametrize("priorities", [{"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 4, "c": 2}])
def test_with_one_place_the_position_comes_true(priorities: dict[str, int]) -> None:
    desk = Desk(limit=1)
    running = desk.runs("z")
    told: dict[int, list[Ticket]] = {}
    tickets = [desk.waits(key, priority=priorities[key]) for key in "aaabbbbbbcccccc"]
    for ticket in tickets:
        told.setdefault(desk.queue.position(ticket), []).append(ticket)
    for place in range(1, len(tickets) + 1):
        desk.queue.release(running)
        (running,) = desk.queue.wake(0.0)
        assert running in [ticket for near in (place - 1, place, place + 1) for ticket in told.get(near, [])]


def test_where_an_upstream_is_full_only_those_count_who_wait_for_it() -> None:
    desk = Desk()
    slow, quick = Upstream(0), Upstream(0)
    for _ in range(5):
        desk.waits("a", upstream=slow, group="slow")
        desk.waits("b", upstream=slow, group="slow")
    assert desk.queue.position(desk.waits("a", upstream=quick, group="quick")) == 1
    assert desk.queue.position(desk.waits("c", upstream=quick, group="quick")) == 2


def test_the_wait_is_estimated_by_how_fast_the_queue_moved() -> None:
    desk = Desk(limit=1)
    running = desk.runs("a", now=0.0)
    tickets = [desk.waits("a", now=0.0) for _ in range(12)]
    assert desk.queue.estimate_s(tickets[3], 0.0) is None
    for turn in range(1, 4):
        desk.queue.release(running)
        (running,) = desk.queue.wake(turn * 2.0)
    assert desk.queue.estimate_s(tickets[-1], 6.0) == pytest.approx(9 * 2.0)
    assert desk.queue.estimate_s(tickets[-1], 60.0) > 9 * 4.0  # type: ignore[operator]


def test_who_is_refused_is_told_when_there_might_be_room() -> None:
    desk = Desk(limit=1, max_waiting=2)
    running = desk.runs()
    desk.waits(now=0.0)
    desk.queue.release(running)
    assert len(desk.queue.wake(3.0)) == 1
    for _ in range(2):
        desk.waits(now=3.0)
    with pytest.raises(Overloaded) as caught:
        desk.queue.enter(desk.ticket(), 3.0)
    assert caught.value.retry_after_s == pytest.approx(9.0)
    assert desk.queue.retry_after_s(1e6) == RETRY_MOST_S


def test_the_pace_follows_what_is_usual_and_forgets_slowly() -> None:
    pace = Pace()
    assert pace.gap_s(5.0) is None
    pace.begin(10.0)
    pace.moved(12.0)
    assert pace.gap_s(12.0) == 2.0
    pace.begin(1000.0)  # nobody waited in between: that time says nothing
    assert pace.gap_s(1000.0) == 2.0
    for turn in range(1, 60):
        pace.moved(1000.0 + turn)
    assert pace.gap_s(1059.0) == pytest.approx(1.0, abs=0.01)


# ── whose turn ──────────────────────────────────────────────────────────────────────────────────────


def test_who_holds_its_share_or_more_is_passed_over() -> None:
    greedy, other = Party("greedy", 1, in_flight=3, turn=0.0), Party("other", 1, in_flight=1, turn=9.0)
    assert whose_turn([greedy, other]) is other


def test_below_their_shares_the_one_furthest_behind_is_next_and_then_the_first_to_come() -> None:
    behind, ahead = Party("behind", 1, turn=1.0, arrival=9), Party("ahead", 1, turn=2.0, arrival=1)
    assert whose_turn([ahead, behind]) is behind
    ahead.turn = 1.0
    assert whose_turn([behind, ahead]) is ahead


def test_having_been_passed_over_is_made_up_for_by_one_turn_only() -> None:
    turns = Turns()
    left, other = Party("left", 1), Party("other", 1)
    for party in (left, other):
        turns.join(party)
    for _ in range(50):
        turns.take(other, [other])
    turns.take(left, [left, other])
    assert left.turn >= other.turn


def test_the_bound_grows_with_the_weight_of_the_other() -> None:
    assert [most_turns_before(1, 1), most_turns_before(1, 4), most_turns_before(4, 1)] == [2, 5, 1]
