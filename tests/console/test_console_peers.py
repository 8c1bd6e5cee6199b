"""Siblings over their sockets: heard, dead, stuck, newer."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from console_client import console, run

from sluiceway.console import peers
from sluiceway.console.deps import Deps
from sluiceway.console.parts import AnyPart, Part
from sluiceway.console.peers import Siblings, answering


class Text(msgspec.Struct, frozen=True):
    """Some."""

    text: str


async def _echo(deps: Deps, question: Text) -> Text:
    if question.text == "fail":
        raise ZeroDivisionError
    if question.text == "sleep":
        await asyncio.sleep(5)
    return Text(f"{deps.worker}: {question.text}")


PARTS: tuple[AnyPart, ...] = (Part("echo", Text, Text, _echo),)


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short path: that of a Unix socket has 108 bytes, sockaddr_un says."""
    with tempfile.TemporaryDirectory(prefix="sluiceway-") as path:
        yield Path(path)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy is not a worker that is stuck."""
    monkeypatch.setattr(peers, "PATIENCE_S", 30.0)


async def asked(folder: Path, worker: int, text: str, part: str = "echo") -> str | None:
    answer = await Siblings(folder).ask(worker, part, msgspec.msgpack.encode(Text(text)))
    return None if answer is None else msgspec.msgpack.decode(answer, type=Text).text


def test_a_sibling_answers_many_at_once_and_what_is_long(folder: Path) -> None:
    async def scenario() -> None:
        async with console(worker=3) as client, answering(client.deps, PARTS, folder):
            answers = await asyncio.gather(*(asked(folder, 3, f"{number}") for number in range(50)))
            assert answers == [f"3: {number}" for number in range(50)]
            long = "x" * 3_000_000
            assert await asked(folder, 3, long) == f"3: {long}"

    run(scenario())


def test_one_that_is_not_there_or_died_is_not_heard_and_a_successor_is(folder: Path) -> None:
    async def scenario() -> None:
        assert await asked(folder, 0, "hello") is None
        with socket.socket(socket.AF_UNIX) as dead:  # which leaves its file behind
            dead.bind(str(folder / "0.console"))
            dead.listen()
        assert await asked(folder, 0, "hello") is None
        async with console() as client, answering(client.deps, PARTS, folder):
            assert await asked(folder, 0, "hello") == "0: hello"
        assert await asked(folder, 0, "hello") is None

    run(scenario())


def test_one_that_is_stuck_is_left_out_after_a_while(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PATIENCE_S", 0.5)

    async def scenario() -> None:
        with socket.socket(socket.AF_UNIX) as stuck:
            stuck.bind(str(folder / "0.console"))
            stuck.listen(1)
            answers = await asyncio.gather(*(asked(folder, 0, "hello") for _ in range(20)))
            assert answers == [None] * 20
        async with console() as client, answering(client.deps, PARTS, folder):
            assert await asked(folder, 0, "sleep") is None
            assert await asked(folder, 0, "hello") == "0: hello"

    run(scenario())


def test_what_can_not_be_answered_is_logged_and_breaks_nothing(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with console() as client, answering(client.deps, PARTS, folder):
            assert await asked(folder, 0, "fail") is None
            assert await asked(folder, 0, "hello", "a part of a newer version") is None
            _, writer = await asyncio.open_unix_connection(str(folder / "0.console"))
            writer.close()  # it asks nothing
            await writer.wait_closed()
            assert await asked(folder, 0, "hello") == "0: hello"

    with caplog.at_level(logging.ERROR):
        run(scenario())
    assert [line.message for line in caplog.records] == ["another worker could not be answered"] * 2


def test_where_there_can_be_no_socket_it_is_said_and_all_else_goes_on(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        deep = folder / ("x" * 120)
        deep.mkdir()
        async with console() as client, answering(client.deps, PARTS, deep):
            assert await asked(deep, 0, "hello") is None

    run(scenario())
    (line,) = caplog.records
    assert line.message.startswith("the console of other workers can't tell of this one: ")


def test_nothing_stays_open(folder: Path) -> None:
    async def scenario() -> None:
        async with console() as client, answering(client.deps, PARTS, folder):
            await asked(folder, 0, "hello")
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(20):
                await asked(folder, 0, "hello")
            async with asyncio.timeout(30):
                while len(os.listdir("/proc/self/fd")) > before:
                    await asyncio.sleep(0.01)

    run(scenario())
