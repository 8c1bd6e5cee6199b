"""Playing a script on a connection that is not well."""

from __future__ import annotations

import asyncio
from typing import Any

from sluiceway.mock.journal import Journal
from sluiceway.mock.perform import Performance, reset
from sluiceway.mock.scene import Act, Wait

SCOPE: dict[str, Any] = {"method": "GET", "path": "/", "headers": [], "client": ("127.0.0.1", 1)}


class FakeLink:
    """A connection that remembers what was done with it; `closing` from the start if asked to."""

    def __init__(self, *, closing: bool = False) -> None:
        self.transport = self
        self.closing = closing
        self.done: list[object] = []
        self.listener: Any = None

    def is_closing(self) -> bool:
        return self.closing

    def listen(self, listener: Any) -> None:
        self.listener = listener

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def complete(self, *, keep_alive: bool = True) -> None:
        self.done.append(f"complete, keep_alive={keep_alive}")

    def close(self) -> None:
        self.done.append("close")

    def abort(self) -> None:
        self.done.append("abort")


def perform(link: Any) -> Performance:
    return Performance(link, Journal().begin(SCOPE))


def test_nothing_is_written_to_a_client_that_has_left_already() -> None:
    link = FakeLink(closing=True)
    asyncio.run(perform(link).play(iter([b"hello", Act.DONE])))
    assert link.done == []


def test_a_reset_of_a_closed_connection_is_harmless() -> None:
    link: Any = FakeLink(closing=True)
    reset(link)
    assert link.done == ["abort"]


def test_a_whole_response_gives_the_connection_back_once() -> None:
    link = FakeLink()
    asyncio.run(perform(link).play(iter([b"a", b"", Act.DONE, Wait(0), Act.CLOSE])))
    assert link.done == [b"a", "complete, keep_alive=True", "close"]


def test_a_slow_reader_stops_the_script_and_its_return_does_not_cut_a_wait_short() -> None:
    async def scenario() -> float:
        link = FakeLink()
        performance = perform(link)
        loop = asyncio.get_running_loop()
        started = loop.time()
        playing = asyncio.create_task(performance.play(iter([b"a", Wait(0.1), b"b", Act.DONE])))
        await asyncio.sleep(0)
        performance.client_paused()
        await asyncio.sleep(0.05)
        assert link.done == [b"a"]
        performance.client_resumed()
        await asyncio.sleep(0.02)
        performance.client_paused()
        performance.client_resumed()
        await playing
        assert link.done == [b"a", b"b", "complete, keep_alive=True"]
        return loop.time() - started

    assert asyncio.run(scenario()) >= 0.149
