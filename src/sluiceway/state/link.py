"""The connection to Redis: batches of script calls, one batch at a time.

One connection and one batch at a time mean that Redis runs everything in the order in which it was sent, and
that every outcome is known when the next batch is put together. Under load a batch holds what many requests
ask for, which costs a fraction of a round trip for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, ResponseError

from sluiceway.state.lua import Script

_Command = tuple[bytes | str | int, ...]


class LinkDown(Exception):
    """Redis did not do all that it was asked, or nobody knows. `stale`: a connection broke that had worked
    before, so a new one may be all that is needed."""

    def __init__(self, reason: str, *, stale: bool = False) -> None:
        super().__init__(reason)
        self.stale = stale


class Call(msgspec.Struct, frozen=True):
    """One script with its keys and arguments."""

    script: Script
    keys: Sequence[str]
    args: Sequence[str | int]


class Link:
    """Connects when it is needed, and again after a failure. `timeout_s`: for connecting and a batch together;
    0 is unlimited."""

    def __init__(self, url: str, timeout_s: float) -> None:
        # The pool only reads the URL, and knows which kind of connection it asks for. The older protocol needs no
        # HELLO, which not every server and proxy knows, and nothing of the newer one is used here.
        pool = ConnectionPool.from_url(url, protocol=2, socket_timeout=None, socket_connect_timeout=None)
        self._connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
        self._timeout_s = timeout_s or None
        self._loaded: dict[str, str] = {}  # scripts by their SHA-1 that this connection has seen to

    async def run(self, calls: Sequence[Call]) -> list[Any]:
        """The answers, in order. Raises `LinkDown`; it is then not known which calls were run."""
        stale = self._connection.is_connected
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._run(calls)
        except asyncio.CancelledError:
            await self.close()
            raise
        except ResponseError as error:
            await self.close()
            raise LinkDown(str(error)) from None
        except TimeoutError:
            await self.close()
            raise LinkDown(f"no answer within {self._timeout_s} s") from None
        except (
            Exception
        ) as error:  # the client's own, the system's, or a defect: requests wait, and must go on
            await self.close()
            raise LinkDown(str(error) or repr(error), stale=stale) from None

    async def close(self) -> None:
        """Drop the connection, if there is one."""
        self._loaded = {}
        await self._connection.disconnect(nowait=True)

    async def _run(self, calls: Sequence[Call]) -> list[Any]:
        new = {call.script.sha: call.script.text for call in calls if call.script.sha not in self._loaded}
        # A script is loaded ahead of its first call, not after it failed, so that calls run in their order.
        answers = await self._ask([*_loading(new), *map(_calling, calls)])
        answers = answers[len(new) :]
        self._loaded |= new
        unknown = [i for i, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:  # somebody had Redis forget its scripts
            loading = _loading(self._loaded)
            again = await self._ask([*loading, *(_calling(calls[i]) for i in unknown)])
            for i, answer in zip(unknown, again[len(loading) :], strict=True):
                answers[i] = answer
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise answer
        return answers

    async def _ask(self, commands: Sequence[_Command]) -> list[Any]:
        """All commands at once; their answers, errors among them."""
        connection = self._connection
        await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        answers: list[Any] = []
        for _ in commands:
            try:
                answers.append(await connection.read_response())
            except ResponseError as error:
                answers.append(error)
        return answers


def _loading(scripts: Mapping[str, str]) -> list[_Command]:
    return [(b"SCRIPT", b"LOAD", text) for text in scripts.values()]


def _calling(call: Call) -> _Command:
    return (b"EVALSHA", call.script.sha, len(call.keys), *call.keys, *call.args)
