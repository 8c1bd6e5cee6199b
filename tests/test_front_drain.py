"""How a connection of the front takes leave: a transcript of one, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from sluiceway import front as front_module
from sluiceway.client_transport import ClientTransport, client_transport
from sluiceway.front import FrontProtocol

REQUEST = b"POST /x HTTP/1.1\r\nhost: g\r\ncontent-length: 4\r\n\r\nbody"
HEAD = b"GET /x HTTP/1.1\r\nhost: g\r\n\r\n"


class Wire(asyncio.Transport):
    """What was written, and how it ended: `open`, `half` (our side has ended) or `closed`."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.state = "open"
        self.unsent = 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert self.state == "open", "nothing may be written after the end"
        self.written += bytes(data)

    def write_eof(self) -> None:
        assert self.state == "open"
        self.state = "half"

    def close(self) -> None:
        self.state = "closed"

    def is_closing(self) -> bool:
        return self.state == "closed"

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return self.unsent


class Scene:
    """One connection; `links` are the requests that came, each to be answered by `answer`."""

    def __init__(self) -> None:
        self.links: list[ClientTransport] = []

        class Front(FrontProtocol):
            pass

        self.kind = Front
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
        )
        config.load()
        self.wire = Wire()
        self.front = Front(config, ServerState(), {}, asyncio.get_running_loop())
        self.front.connection_made(self.wire)

    async def _app(self, scope: Any, receive: Any, _send: Any) -> None:
        link = client_transport(scope)
        assert link is not None
        self.links.append(link)
        while (await receive())["type"] != "http.disconnect":
            pass

    async def gets(self, data: bytes) -> None:
        self.front.data_received(data)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def begins(self, number: int = -1) -> bytes:
        """The head of an answer, as a sink writes it."""
        link = self.links[number]
        link.begin()
        head = b"HTTP/1.1 200 OK\r\n" + (b"" if link.keep_alive else b"connection: close\r\n") + b"\r\n"
        self.wire.write(head)
        return head

    def ends(self, number: int = -1) -> None:
        self.links[number].complete()

    def drains(self) -> None:
        self.kind.draining = True
        self.front.ask_to_leave()


def play(script: Callable[[Scene], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_module, "FAREWELL_S", 0.02)

    async def main() -> None:
        scene = Scene()
        await script(scene)
        scene.front.connection_lost(None)
        await asyncio.sleep(0)

    asyncio.run(main())


def test_an_answer_that_has_not_begun_tells_its_client_to_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(scene: Scene) -> None:
        await scene.gets(REQUEST)
        scene.drains()
        assert b"connection: close" in scene.begins()
        scene.ends()
        assert scene.wire.state == "half"

    play(script, monkeypatch)


def test_an_answer_that_has_begun_keeps_its_promise_and_the_next_one_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def script(scene: Scene) -> None:
        await scene.gets(REQUEST)
        assert b"connection" not in scene.begins()
        scene.drains()
        scene.ends()
        assert scene.wire.state == "open"
        await scene.gets(REQUEST)
        assert b"connection: close" in scene.begins()
        scene.ends()
        assert scene.wire.state == "half"

    play(script, monkeypatch)


def test_after_the_goodbye_what_still_comes_is_thrown_away_until_the_connection_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def script(scene: Scene) -> None:
        scene.drains()
        scene.front.leave()
        assert scene.wire.state == "half"
        await scene.gets(REQUEST)
        await scene.gets(b"no HTTP at all\r\n\r\n")
        assert (scene.links, scene.wire.written) == ([], b"")
        scene.front.leave()  # asked again, it does nothing
        await asyncio.sleep(0.05)
        assert scene.wire.state == "closed"

    play(script, monkeypatch)


@pytest.mark.parametrize("part", [REQUEST[:10], REQUEST[:-2]], ids=["half a head", "half a body"])
def test_a_request_that_never_came_whole_is_refused(monkeypatch: pytest.MonkeyPatch, part: bytes) -> None:
    async def script(scene: Scene) -> None:
        await scene.gets(part)
        assert scene.front.is_busy
        scene.drains()
        scene.front.leave()
        assert scene.wire.written.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"connection: close" in scene.wire.written
        assert b'"code":"draining"' in scene.wire.written
        assert scene.wire.state == "half"
        assert not scene.front.is_busy

    play(script, monkeypatch)


def test_an_answer_that_is_being_written_is_not_spoken_into(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where half of the next request came behind it, nor where its own is still coming."""

    async def script(scene: Scene) -> None:
        await scene.gets(REQUEST)
        head = scene.begins()
        await scene.gets(HEAD[:10])
        scene.drains()
        scene.front.leave()
        assert (scene.wire.written, scene.wire.state) == (head, "open")
        scene.ends()
        scene.front.leave()
        assert b"503" in scene.wire.written
        assert scene.wire.state == "half"

    async def early_answer(scene: Scene) -> None:
        await scene.gets(REQUEST[:-2])
        head = scene.begins()
        scene.drains()
        scene.front.leave()
        assert (scene.wire.written, scene.wire.state) == (head, "open")

    play(script, monkeypatch)
    play(early_answer, monkeypatch)


def test_pipelined_requests_are_answered_in_turn_and_the_last_one_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def script(scene: Scene) -> None:
        await scene.gets(HEAD + HEAD)
        assert len(scene.links) == 1
        scene.drains()
        scene.front.leave()
        assert b"connection" not in scene.begins()
        scene.ends()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(scene.links) == 2
        assert scene.wire.state == "open"
        assert b"connection: close" in scene.begins()
        scene.ends()
        assert scene.wire.state == "half"

    play(script, monkeypatch)


def test_what_has_not_been_sent_yet_keeps_a_connection_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(scene: Scene) -> None:
        assert not scene.front.is_busy
        scene.wire.unsent = 1
        assert scene.front.is_busy

    play(script, monkeypatch)
