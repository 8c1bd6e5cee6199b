"""What each process answers for itself, so that whoever is asked can tell of all that share the port.

    handler ──► everyone(deps, PART, question) ──► each one's answer, by worker ──► merged by the handler

A process that is alone asks itself. Of several, those that can't be heard in time (they died, start, or are stuck)
are not among the answers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import msgspec

from sluiceway.console.deps import Deps
from sluiceway.console.operation import unavailable

log = logging.getLogger("sluiceway.console")

Q = TypeVar("Q", bound=msgspec.Struct)
A = TypeVar("A", bound=msgspec.Struct)


class Part(Generic[Q, A]):
    """A question to each process: its name, how it is answered, and the types of both, as they travel."""

    __slots__ = ("_kind", "_question", "answer", "name")

    def __init__(
        self, name: str, question: type[Q], kind: type[A], answer: Callable[[Deps, Q], Awaitable[A]]
    ) -> None:
        """`answer`: for this process alone; raises nothing."""
        self.name = name
        self.answer = answer
        self._question = question
        self._kind = kind

    async def answered(self, deps: Deps, question: bytes) -> bytes:
        """The same as it travels, for another process. Raises `msgspec.DecodeError` if that one is of another
        version of the program."""
        value = msgspec.msgpack.decode(question, type=self._question)
        return msgspec.msgpack.encode(await self.answer(deps, value))

    def understood(self, worker: int, answer: bytes | None) -> A | None:
        """The answer of another process; None if there is none that makes sense."""
        if answer is None:
            return None
        try:
            return msgspec.msgpack.decode(answer, type=self._kind)
        except (
            msgspec.DecodeError
        ) as error:  # after an upgrade, a worker that is started again is a newer one
            log.warning("another worker can't be understood: %s", error, extra={"worker": worker})
            return None


AnyPart = Part[Any, Any]


async def everyone(deps: Deps, part: Part[Q, A], question: Q) -> dict[int, A]:
    """What all processes answer, by worker, in their order; this one's is always there."""
    if deps.peers is None:
        return {deps.worker: await part.answer(deps, question)}
    answers = await _others(deps, part, question)
    answers[deps.worker] = await part.answer(deps, question)
    return dict(sorted(answers.items()))


async def first(
    deps: Deps, part: Part[Q, A], question: Q, knows: Callable[[A], bool]
) -> tuple[int, A] | None:
    """Who knows, and what; None if nobody does. Raises `Overloaded` if nobody does, but not all were heard."""
    own = await part.answer(deps, question)
    if knows(own):
        return deps.worker, own
    if deps.peers is None:
        return None
    answers = await _others(deps, part, question)
    for worker, answer in answers.items():
        if knows(answer):
            return worker, answer
    silent = sorted(set(range(deps.workers)) - {deps.worker, *answers})
    if silent:
        named = ", ".join(map(str, silent))
        raise unavailable(f"those that were heard do not know it, and these workers can't be heard: {named}")
    return None


async def one(deps: Deps, worker: int, part: Part[Q, A], question: Q) -> A | None:
    """What that process answers; None if it can't be heard."""
    if worker == deps.worker:
        return await part.answer(deps, question)
    if deps.peers is None:
        return None
    answer = await deps.peers.ask(worker, part.name, msgspec.msgpack.encode(question))
    return part.understood(worker, answer)


async def _others(deps: Deps, part: Part[Q, A], question: Q) -> dict[int, A]:
    """Of those that can be heard."""
    others = [worker for worker in range(deps.workers) if worker != deps.worker]
    answers = await asyncio.gather(*(one(deps, worker, part, question) for worker in others))
    return {worker: answer for worker, answer in zip(others, answers, strict=True) if answer is not None}
