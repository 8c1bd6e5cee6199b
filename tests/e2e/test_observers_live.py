"""Observers that hang, raise or are slow, under load: clients get what they get without them, and when."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flood import connected
from harness import RunningGateway, chat, running_gateway, wait_until

from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.observe.feed import EventFeed, Feed, Seen
from sluiceway.observe.onlookers import Observer
from sluiceway.observe.record import Record

STREAMS = 50
EVENTS = 40
ROOM = 8  # what may wait for an observer
NAP_S = 30.0  # of a slow one, at most: far longer than any pause of these streams

Watcher = Callable[[object], None]


class Stuck:
    """Observers that misbehave until the test is over."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def hang(self, _item: object) -> None:
        """For ever."""
        self.over.wait()

    def nap(self, _item: object) -> None:
        """Far too slow."""
        self.over.wait(NAP_S)

    def fail(self, _item: object) -> None:
        """On everything."""
        raise RuntimeError("an observer fails")


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    observers = Stuck()
    yield observers
    observers.over.set()


@pytest.fixture(scope="module")
def expected(mock: RunningMock) -> dict[int, bytes]:
    """What each client gets where nobody looks on."""
    with observed_gateway(mock) as running:
        return bodies(running.port)


@contextlib.contextmanager
def observed_gateway(
    mock: RunningMock, observers: tuple[Observer, ...] = (), events: tuple[EventFeed, ...] = ()
) -> Iterator[RunningGateway]:
    """A gateway with these to look on."""
    table = {"name": "mock", "base_url": mock.base_url, "include_usage": False}
    watchers = [feed.listener for feed in events]
    with running_gateway({"upstreams": [table]}, observers=observers, watchers=watchers) as running:
        yield running


def bodies(port: int) -> dict[int, bytes]:
    """Of `STREAMS` streams at once, by their number."""

    async def one(number: int) -> bytes:
        async with connected(port) as connection:
            return (await connection.ask(chat(f"mock-gpt?seed={number}&tokens={EVENTS}&tps=60"))).body

    async def all_of_them() -> dict[int, bytes]:
        return dict(enumerate(await asyncio.gather(*map(one, range(STREAMS)))))

    return asyncio.run(asyncio.wait_for(all_of_them(), 50))


def settled(feed: Feed[Any]) -> None:
    """Wait until every item that was given has become one of the three."""
    wait_until(lambda: feed.given == feed.taken + feed.dropped + feed.waiting)


@pytest.mark.parametrize("how", ["hang", "nap", "fail"])
def test_clients_notice_nothing_of_a_bad_observer_and_what_it_missed_is_counted(
    mock: RunningMock, stuck: Stuck, expected: dict[int, bytes], how: str
) -> None:
    bad: Watcher = getattr(stuck, how)
    got: dict[str, list[bytes]] = defaultdict(list)

    def good(seen: Seen) -> None:
        got[seen.request_id].append(seen.data)

    of_records: Feed[Record] = Feed(bad, max_items=ROOM, name="bad records")
    of_events = EventFeed(bad, max_items=ROOM, name="bad events")
    beside = EventFeed(good, name="good events")
    feeds: list[Feed[Any]] = [of_records, of_events.feed, beside.feed]
    with observed_gateway(mock, (of_records.feed,), (of_events, beside)) as running:
        assert bodies(running.port) == expected
        wait_until(lambda: running.idle and len(running.records) == STREAMS)
        assert {record.outcome for record in running.records} == {"ok"}
        gaps = [record.largest_gap_ms or 0.0 for record in running.records]
        assert max(gaps) < NAP_S * 1000 / 2  # which waiting for it would have made
    # The gateway has stopped in time (else `running_gateway` raises), and it is stuck still.
    assert beside.close(30)
    for feed in feeds:
        settled(feed)
    assert of_records.given == STREAMS
    assert of_events.feed.given == beside.feed.given >= STREAMS
    for feed in (of_records, of_events.feed):
        if how == "fail":  # quickly, so that it may keep up
            wait_until(lambda feed=feed: feed.waiting == 0)  # type: ignore[misc]
            assert feed.failed == feed.taken > 0
        else:
            # One of those that waited may be taken when nothing comes any more to fill its place.
            assert ROOM - 1 <= feed.waiting <= ROOM
            assert feed.dropped > 0
            assert feed.failed == 0
    if how == "hang":
        assert (of_records.taken, of_events.feed.taken) == (1, 1)
        assert of_records.dropped in (
            STREAMS - 1 - ROOM,
            STREAMS - ROOM,
        )  # it may all come before the first is taken
    # Whoever looks on beside a bad one sees every byte that a client got, in order.
    assert (beside.feed.dropped, beside.feed.failed) == (0, 0)
    assert sorted(b"".join(pieces) for pieces in got.values()) == sorted(expected.values())
    stuck.over.set()
    assert of_events.close(30)
    assert of_records.close(30)


def test_an_observer_of_records_that_raises_in_the_loop_harms_nobody(
    mock: RunningMock, stuck: Stuck, expected: dict[int, bytes]
) -> None:
    with observed_gateway(mock, (stuck.fail,)) as running:
        assert bodies(running.port) == expected
        wait_until(lambda: len(running.records) == STREAMS)


def test_what_waits_for_a_stuck_observer_is_bounded_in_bytes(
    mock: RunningMock, stuck: Stuck, expected: dict[int, bytes]
) -> None:
    feed = EventFeed(stuck.hang, max_bytes=4096)
    with observed_gateway(mock, events=(feed,)) as running:
        assert bodies(running.port) == expected
    settled(feed.feed)
    assert feed.feed.taken == 1
    assert 0 < feed.feed.waiting < 40  # of more than 100 bytes each
    assert not feed.close(0.05)
