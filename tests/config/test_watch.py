"""Ticks when a watched file may have changed. What a change is, and how it is put in force: test_reload."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from sluiceway.config import watch


async def ticks_while(files: list[Path], seconds: float, *acts: object) -> int:
    """How many came in that time; `acts` are called one after another meanwhile."""
    count = 0

    async def counting() -> None:
        nonlocal count
        async with contextlib.aclosing(watch.ticks(files)) as ticks:
            async for _ in ticks:
                count += 1

    task = asyncio.create_task(counting())
    for act in acts:
        await asyncio.sleep(seconds / (len(acts) + 1))
        assert callable(act)
        act()
    await asyncio.sleep(seconds / (len(acts) + 1))
    task.cancel()
    await asyncio.wait([task])
    return count


def test_a_change_in_the_folder_is_a_tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_MS", 60_000)
    file = tmp_path / "a"
    assert asyncio.run(ticks_while([file], 1.2, lambda: file.write_text("x"))) == 1


def test_without_any_change_it_ticks_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_MS", 250)
    assert asyncio.run(ticks_while([tmp_path / "a"], 1.5)) >= 2


def test_a_folder_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "POLL_MS", 250)
    file = tmp_path / "later" / "a"
    assert asyncio.run(ticks_while([file], 1.5, file.parent.mkdir, lambda: file.write_text("x"))) >= 2
