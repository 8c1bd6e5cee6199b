"""Asking all processes: who is heard, who is not, and what can't be understood."""

from __future__ import annotations

import logging

import msgspec
import pytest
from console_client import console, run
from fleet import Near, fleet

from sluiceway.console.deps import Deps
from sluiceway.console.parts import Part, everyone, first, one
from sluiceway.errors import Overloaded


class Question(msgspec.Struct, frozen=True):
    """Who has it?"""

    worker: int


class Here(msgspec.Struct, frozen=True):
    """Whether it is here."""

    has: bool


async def _has(deps: Deps, question: Question) -> Here:
    return Here(deps.worker == question.worker)


HAS = Part("has", Question, Here, _has)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the fleet's workers."""
    monkeypatch.setattr("fleet.PARTS", (HAS,))


def has(answer: Here) -> bool:
    return answer.has


def test_a_process_that_is_alone_asks_itself() -> None:
    async def scenario() -> None:
        async with console() as client:
            assert await everyone(client.deps, HAS, Question(0)) == {0: Here(True)}
            assert await first(client.deps, HAS, Question(0), has) == (0, Here(True))
            assert await first(client.deps, HAS, Question(1), has) is None
            assert await one(client.deps, 1, HAS, Question(1)) is None

    run(scenario())


def test_all_answer_in_their_order_but_those_that_can_not_be_heard() -> None:
    async def scenario() -> None:
        async with fleet(3) as workers:
            deps = workers.clients[1].deps
            answers = await everyone(deps, HAS, Question(2))
            assert list(answers.items()) == [(0, Here(False)), (1, Here(False)), (2, Here(True))]
            workers.silent.add(0)
            assert list(await everyone(deps, HAS, Question(2))) == [1, 2]
            assert await one(deps, 0, HAS, Question(0)) is None
            assert await one(deps, 2, HAS, Question(2)) == Here(True)

    run(scenario())


def test_nobody_else_is_asked_for_what_is_here() -> None:
    async def scenario() -> None:
        async with fleet(3) as workers:
            deps = workers.clients[1].deps
            assert isinstance(deps.peers, Near)
            assert await first(deps, HAS, Question(1), has) == (1, Here(True))
            assert deps.peers.asked == []
            assert await first(deps, HAS, Question(2), has) == (2, Here(True))
            assert deps.peers.asked == [(0, "has"), (2, "has")]

    run(scenario())


def test_that_nobody_has_it_is_only_said_if_all_were_heard() -> None:
    async def scenario() -> None:
        async with fleet(3) as workers:
            deps = workers.clients[0].deps
            assert await first(deps, HAS, Question(7), has) is None
            workers.silent.update((1, 2))
            with pytest.raises(Overloaded, match="1, 2"):
                await first(deps, HAS, Question(7), has)
            workers.silent.discard(2)
            assert await first(deps, HAS, Question(2), has) == (2, Here(True))

    run(scenario())


def test_an_answer_of_another_version_is_none(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert HAS.understood(1, msgspec.msgpack.encode({"had": True})) is None
        assert HAS.understood(1, b"") is None
    assert [line.__dict__["worker"] for line in caplog.records] == [1, 1]
    assert HAS.understood(1, None) is None
    assert HAS.understood(1, msgspec.msgpack.encode({"has": True})) == Here(True)
