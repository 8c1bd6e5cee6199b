"""Questions to the store: in threads of their own, few at once, and refused when too many wait."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sluiceway.console.questions import MAX_OPEN, THREADS, Questions
from sluiceway.errors import Overloaded


def test_an_answer_or_an_error_comes_from_a_thread_of_its_own() -> None:
    asyncio.run(_answers())


def test_those_that_hang_are_bounded_and_stop_nobody_elses_threads() -> None:
    asyncio.run(_hangs())


async def _answers() -> None:
    questions = Questions()
    name = await questions.ask(lambda: threading.current_thread().name)
    assert name.startswith("sluiceway-console")
    with pytest.raises(ZeroDivisionError):
        await questions.ask(lambda: 1 // 0)


async def _hangs() -> None:
    questions, over = Questions(), threading.Event()
    asked = [asyncio.create_task(questions.ask(over.wait)) for _ in range(MAX_OPEN)]
    try:
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await questions.ask(over.wait)
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(lambda: "here") == "here"
        running = [one for one in threading.enumerate() if one.name.startswith("sluiceway-console_")]
        assert len(running) >= THREADS
    finally:
        over.set()
    assert await asyncio.gather(*asked) == [True] * MAX_OPEN
    assert await questions.ask(lambda: 1) == 1
