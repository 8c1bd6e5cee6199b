"""One client of the soak: asks as its wishes say, behaves as they say, reports what came."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import Callable

import httptools

from bench.soak.check import Answer, DishonestAnswer, judge
from bench.soak.load import Wish, draw, request

ANSWER_S = 40.0
"""Longer than every clock of the gateway together: an answer that is not over by then hangs."""

SLOW_BYTES, SLOW_PAUSE_S = 16_384, 0.02
LONG_PAUSE_S = 0.7
"""A slow reader takes so much at a time; once, in the middle, it pauses for longer."""

Note = Callable[[Wish, str, str], None]
"""Takes a wish, its outcome, and what was wrong with it ("" for nothing)."""


class _Reply:
    """Collects one response; httptools calls it."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.head = self.done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.head = True

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.done = True


class Client:
    """Asks one request after the other, on kept connections where it may."""

    def __init__(self, port: int, seed: str, note: Note) -> None:
        self._port = port
        self._rng = random.Random(seed)
        self._tag = seed.rpartition("/")[2]
        self._note = note
        self._kept: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, until: float) -> None:
        """Until that time of the monotonic clock."""
        number = 0
        while time.monotonic() < until:
            number += 1
            wish = draw(self._rng, f"{self._tag}r{number}")
            try:
                async with asyncio.timeout(ANSWER_S):
                    outcome, wrong = await self._one(wish), ""
            except DishonestAnswer as error:
                outcome, wrong = "dishonest", str(error)
            except TimeoutError:
                outcome, wrong = "hung", f"not over after {ANSWER_S:g} s"
            except OSError as error:
                outcome, wrong = "dishonest", f"no response: {error!r}"
            if wrong:
                await self._drop()
            self._note(wish, outcome, wrong)
            await asyncio.sleep(wish.think_s)
        await self._drop()

    async def _one(self, wish: Wish) -> str:
        data = request(wish, self._port)
        reused = self._kept is not None and wish.manner == "stays" and not wish.wrong_key
        reader, writer = await self._connection(wish, reused=reused)
        try:
            match wish.manner if wish.bad is None else "stays":
                case "leaves before the head":
                    writer.write(data)
                    await asyncio.sleep(wish.pause_s)
                    return "left"
                case "half sent":
                    writer.write(data[: 1 + wish.after_bytes % (len(data) - 1)])
                    await asyncio.sleep(wish.pause_s)
                    return "left"
                case "leaves midway":
                    writer.write(data)
                    await self._read(reader, after_bytes=wish.after_bytes)
                    return "left"
            writer.write(data)
            answer, keeps = await self._read(reader, slow=wish.manner == "reads slowly")
            if (
                answer is None and reused
            ):  # a kept connection may be closed at any time: once more, on a fresh one
                writer.close()
                reader, writer = await self._connection(wish, reused=False)
                writer.write(data)
                answer, keeps = await self._read(reader)
            if answer is None:
                if wish.bad is not None and 0 in wish.bad.statuses:
                    return "closed"
                raise DishonestAnswer("the connection was closed without a response")
            outcome = _judged(wish, answer)
            if keeps and wish.manner == "stays" and not wish.wrong_key:
                self._kept = reader, writer
            return outcome
        finally:
            if self._kept is None or self._kept[1] is not writer:
                _end(writer, rough=wish.rough)

    async def _connection(
        self, wish: Wish, *, reused: bool
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if reused and self._kept is not None:
            kept, self._kept = self._kept, None
            return kept
        await self._drop()
        sock = socket.socket()
        sock.setblocking(False)
        if wish.wrong_key:
            sock.bind(("127.0.0.2", 0))  # who guesses is refused by address, and must not stand for all
        if wish.manner == "reads slowly":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BYTES)
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self._port))
            return await asyncio.open_connection(sock=sock, limit=SLOW_BYTES)
        except BaseException:
            sock.close()
            raise

    async def _read(
        self, reader: asyncio.StreamReader, *, slow: bool = False, after_bytes: int = 0
    ) -> tuple[Answer | None, bool]:
        """One response, and whether the connection may be kept. None if nothing came.

        `after_bytes`: go no further than that.
        """
        reply = _Reply()
        parser = httptools.HttpResponseParser(reply)
        size = 0
        paused = False
        while not reply.done:
            try:
                data = await reader.read(SLOW_BYTES)
            except ConnectionError:
                data = b""
            if not data:
                break
            size += len(data)
            try:
                parser.feed_data(data)
            except httptools.HttpParserError as error:
                raise DishonestAnswer(f"not HTTP: {error!r} in {data[:100]!r}") from None
            if after_bytes and size >= after_bytes:
                break
            if slow:
                long = not paused and size > 100_000
                paused = paused or long
                await asyncio.sleep(LONG_PAUSE_S if long else SLOW_PAUSE_S)
        if not reply.head:
            return None, False
        answer = Answer(parser.get_status_code(), reply.headers, bytes(reply.body), reply.done)
        return answer, reply.done and parser.should_keep_alive()

    async def _drop(self) -> None:
        if self._kept is not None:
            self._kept[1].close()
            self._kept = None


def _judged(wish: Wish, answer: Answer) -> str:
    try:
        return judge(wish, answer)
    except DishonestAnswer as error:
        raise DishonestAnswer(f"{error} [{answer.headers.get('x-request-id')}]") from None


def _end(writer: asyncio.StreamWriter, *, rough: bool) -> None:
    with contextlib.suppress(OSError):
        if rough:
            writer.transport.abort()
        else:
            writer.close()
