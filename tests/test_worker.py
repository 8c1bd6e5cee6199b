"""The supervisor, as a worker asks it: each answer finds its question."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from sluiceway import worker as worker_module
from sluiceway.config.settings import Settings
from sluiceway.orders import Answer, Message, Obeyed, Reload, SetDrained, Start, messages
from sluiceway.reload import Result
from sluiceway.worker import Superior

FIRST = Result(1.0, "SIGHUP", ok=True)
SECOND = Result(2.0, "mine", ok=False, problems=("wrong",))


@contextlib.asynccontextmanager
async def asking() -> AsyncIterator[tuple[Superior, AsyncIterator[Message]]]:
    """It, and what it says."""
    ours, theirs = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=ours)
    reader, other = await asyncio.open_connection(sock=theirs)
    start = Start(Settings(), None, 0, 2, 3, "x", files=("a.toml",), last_reload=FIRST)
    try:
        yield Superior(writer, start), messages(reader)
    finally:
        for one in (writer, other):
            one.close()
            await one.wait_closed()


def test_it_knows_what_its_predecessors_were_told() -> None:
    async def main() -> None:
        async with asking() as (superior, _):
            assert (superior.files, superior.last_result) == (("a.toml",), FIRST)

    asyncio.run(main())


def test_answers_find_their_questions_in_any_order() -> None:
    async def main() -> None:
        async with asking() as (superior, said):
            reloading = asyncio.create_task(superior.reload("mine"))
            draining = asyncio.create_task(superior.set_drained("u", True))
            assert await anext(said) == Reload(1, "mine")
            assert await anext(said) == SetDrained(2, "u", True)
            superior.answered(Answer(2))
            await draining
            assert not reloading.done()
            superior.answered(Answer(1, SECOND))
            assert await reloading is SECOND
            superior.answered(Answer(1, FIRST))  # nobody waits for it
            superior.obeyed()
            assert await anext(said) == Obeyed()

    asyncio.run(main())


def test_who_asks_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker_module, "PATIENCE_S", 0.05)

    async def main() -> None:
        async with asking() as (superior, _):
            await superior.set_drained("u", False)
            superior.answered(Answer(1))

    asyncio.run(main())
    assert [line.message for line in caplog.records] == ["not all workers have obeyed yet"]
