"""A feed: whatever the observer does, whoever feeds it does not notice, and every item is accounted for."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from sluiceway.observe.feed import EventFeed, Feed, Seen
from sluiceway.relay.observe import Tape

PATIENCE_S = 30.0


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Gate:
    """An observer that is stuck until the gate opens."""

    def __init__(self) -> None:
        self.taken: list[object] = []
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self, item: object) -> None:
        self.taken.append(item)
        self.reached.set()
        assert self.open.wait(PATIENCE_S)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


def accounted(feed: Feed[int]) -> bool:
    return feed.given == feed.taken + feed.dropped + feed.waiting


def test_the_observer_gets_every_item_in_order_in_another_thread() -> None:
    taken: list[int] = []
    threads: set[int] = set()

    def observer(item: int) -> None:
        taken.append(item)
        threads.add(threading.get_ident())

    feed = Feed(observer, max_items=2000)
    for item in range(1000):
        assert feed.feed(item)
    assert feed.close(PATIENCE_S)
    assert taken == list(range(1000))
    assert threads.isdisjoint({threading.get_ident()})
    assert (feed.given, feed.taken, feed.dropped, feed.failed, feed.waiting) == (1000, 1000, 0, 0, 0)


def test_an_item_that_comes_long_after_the_others_is_taken() -> None:
    taken: list[int] = []
    feed = Feed(taken.append, max_items=10)
    for item in range(20):
        feed.feed(item)
        wait_until(lambda: len(taken) == item + 1)  # noqa: B023 - called within the loop
        if item % 5 == 0:
            time.sleep(0.03)  # so that its thread has gone to sleep
    assert feed.close(PATIENCE_S)
    assert feed.taken == 20


def test_a_stuck_observer_costs_its_own_items_and_nothing_else(gate: Gate) -> None:
    feed = Feed[int](gate, max_items=100)
    feed.feed(0)
    assert gate.reached.wait(PATIENCE_S)
    accepted = [feed.feed(item) for item in range(1, 100_001)]
    assert accepted == [True] * 100 + [False] * 99_900
    assert (feed.given, feed.taken, feed.dropped, feed.waiting) == (100_001, 1, 99_900, 100)
    gate.open.set()
    assert feed.close(PATIENCE_S)
    assert gate.taken == list(range(101))
    assert (feed.taken, feed.dropped, feed.waiting) == (101, 99_900, 0)


def test_closing_does_not_wait_for_a_stuck_observer(gate: Gate) -> None:
    feed = Feed[int](gate, max_items=10)
    for item in range(5):
        feed.feed(item)
    assert gate.reached.wait(PATIENCE_S)
    assert not feed.close(0.01)
    assert (feed.taken, feed.waiting) == (1, 4)
    assert not feed.feed(5)
    assert feed.dropped == 1
    gate.open.set()
    wait_until(lambda: not any(thread.name == "feed" for thread in threading.enumerate()))
    assert gate.taken == [0]  # who comes back too late gets no more
    assert accounted(feed)


def test_an_observer_that_raises_is_counted_and_goes_on() -> None:
    taken: list[int] = []

    def observer(item: int) -> None:
        if item % 2:
            raise ValueError(item)
        if item % 10 == 0:
            raise SystemExit  # which would end the thread
        taken.append(item)

    feed = Feed(observer, max_items=1000)
    for item in range(1000):
        feed.feed(item)
    assert feed.close(PATIENCE_S)
    assert (feed.given, feed.taken, feed.failed, feed.dropped) == (1000, 1000, 600, 0)
    assert taken == [item for item in range(1000) if item % 2 == 0 and item % 10]


def test_a_failing_observer_is_logged_seldom_and_without_what_it_saw(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def observer(item: str) -> None:
        raise ValueError(f"can't read {item}")

    with caplog.at_level(logging.DEBUG, "sluiceway"):
        feed = Feed(observer, max_items=1000, name="picky")
        for _ in range(1000):
            feed.feed("a prompt")
        feed.close(PATIENCE_S)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "the observer picky failed" in line
    assert "ValueError" in line
    assert "test_feed.py" in line
    assert "prompt" not in line
    assert feed.failed == 1000


def test_a_slow_observer_under_load_loses_items_and_every_one_is_accounted_for() -> None:
    taken: list[int] = []

    def observer(item: int) -> None:
        taken.append(item)
        if item % 50 == 0:
            time.sleep(0.0005)

    feed = Feed(observer, max_items=100)
    accepted = [item for item in range(50_000) if feed.feed(item)]
    assert feed.close(PATIENCE_S)
    assert feed.dropped > 0
    assert taken == accepted
    assert feed.given == 50_000
    assert feed.taken == len(taken)
    assert (feed.waiting, feed.failed) == (0, 0)
    assert accounted(feed)


def test_bytes_are_bounded_too(gate: Gate) -> None:
    feed = Feed[int](gate, max_items=1000, max_bytes=100)
    assert feed.feed(0, size=1_000_000)  # the only one
    assert gate.reached.wait(PATIENCE_S)
    assert [feed.feed(item, size=30) for item in range(1, 6)] == [True, True, True, False, False]
    assert feed.feed(6, size=10)
    gate.open.set()
    wait_until(lambda: feed.waiting == 0)
    assert feed.feed(7, size=30)
    assert feed.close(PATIENCE_S)
    assert gate.taken == [0, 1, 2, 3, 6, 7]


def test_closing_delivers_what_waits() -> None:
    for _ in range(50):
        taken: list[int] = []
        feed = Feed(taken.append, max_items=10)
        for item in range(10):
            feed.feed(item)
        assert feed.close(PATIENCE_S)
        assert len(taken) == 10


def test_a_feed_tells_how_it_is() -> None:
    feed = Feed[int](lambda _: None, max_items=1, name="it")
    feed.feed(1)
    feed.close(PATIENCE_S)
    assert repr(feed) == "<Feed it: 1 given, 1 taken, 0 dropped, 0 failed, 0 waiting>"


# ── events ──────────────────────────────────────────────────────────────────────────────────────────


def test_an_observer_sees_the_events_of_every_stream() -> None:
    seen: list[Seen] = []
    events = EventFeed(seen.append)
    one, two = (Tape(4, listeners=(events.listener(name),)) for name in ("req_1", "req_2"))
    one.wrote_events(1.0, b"data: a\n\n")
    two.wrote_events(1.5, b"data: b\n\n")
    one.wrote_events(2.0, b"data: c\n\ndata: d\n\n")
    two.wrote_bytes(2.5, b"{}")
    assert events.close(PATIENCE_S)
    assert seen == [
        ("req_1", 1.0, b"data: a\n\n"),
        ("req_2", 1.5, b"data: b\n\n"),
        ("req_1", 2.0, b"data: c\n\ndata: d\n\n"),
        ("req_2", 2.5, b"{}"),
    ]


def test_a_stuck_observer_of_events_holds_a_bounded_number_of_bytes(gate: Gate) -> None:
    events = EventFeed(gate, max_bytes=1000)
    tape = Tape(4, listeners=(events.listener("req_1"),))
    tape.wrote_events(0.0, b"data: first\n\n")
    assert gate.reached.wait(PATIENCE_S)
    for at in range(1000):
        tape.wrote_events(float(at), b"data: %b\n\n" % (b"x" * 92))
    assert (events.feed.waiting, events.feed.dropped) == (10, 990)
    assert tape.events == 1001
