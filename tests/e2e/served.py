"""What tests of records, metrics, captures and the console ask a gateway that runs as a process, and its load."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import psutil  # type: ignore[import-untyped]
from flood import Ends, connected, end_of
from harness import chat
from processes import ENVIRONMENT, Process, running

COMMAND_S = 50.0


class Reply(msgspec.Struct, frozen=True):
    """An answer. `headers`: names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return msgspec.json.decode(self.body)

    @property
    def request_id(self) -> str:
        """As the gateway calls the request."""
        return self.headers["x-request-id"]

    @property
    def code(self) -> str:
        """Of the error that it is."""
        return str(self.json["error"]["code"])


@contextlib.contextmanager
def asking(
    port: int, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> Iterator[http.client.HTTPResponse]:
    """A request on a connection of its own, and its response while it comes. `body`: bytes, or what becomes JSON."""
    encoded = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
    json = {"content-type": "application/json"} if method != "GET" else {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, encoded, {**json, **(headers or {})})
        yield connection.getresponse()
    finally:
        connection.close()


def ask(
    port: int, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """The whole response."""
    with asking(port, method, path, body, headers) as response:
        head = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, head, response.read())


def get(port: int, path: str, headers: Mapping[str, str] | None = None) -> Any:
    """The JSON that a GET is answered with, status 200."""
    reply = ask(port, "GET", path, None, headers)
    assert reply.status == 200, reply
    return reply.json


def post(port: int, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
    """The JSON that a POST is answered with, status 200 or 201."""
    reply = ask(port, "POST", path, body, headers)
    assert reply.status in (200, 201), reply
    return reply.json


def completion(
    port: int, model: str = "mock-gpt", headers: Mapping[str, str] | None = None, *, stream: bool = False
) -> Reply:
    """One chat request."""
    return ask(port, "POST", "/v1/chat/completions", chat(model, stream=stream), headers)


def eventually(true: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Poll what is not free to ask. Raises `TimeoutError`."""
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


def command(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The `sluiceway` command in that folder, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "sluiceway", *arguments],
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        env={**ENVIRONMENT, **environment},
        cwd=folder,
        check=False,
    )


@contextlib.contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Process]:
    """`sluiceway serve` in that folder, where its configuration is. Its workers end with it, whatever happens."""
    with running(folder, "serve", *arguments) as process:
        workers = psutil.Process(process.process.pid).children()
        try:
            yield process
        finally:
            for worker in workers:
                with contextlib.suppress(psutil.NoSuchProcess):
                    worker.kill()


class Load:
    """Clients that ask again and again. `answered`: when each request's last byte came, by its id, in monotonic
    seconds; `ends`: how they ended."""

    def __init__(self) -> None:
        self.answered: dict[str, float] = {}
        self.ends = Ends()

    def since(self, count: int, timeout_s: float = 30.0) -> None:
        """Wait until so many more were answered."""
        goal = len(self.answered) + count
        eventually(lambda: len(self.answered) >= goal or self.ends.over, timeout_s)
        assert len(self.answered) >= goal, self.ends

    async def client(self, port: int, body: dict[str, Any], pause_s: float) -> None:
        """One of them, on a connection that is kept while it lasts. Until `over`, or nobody listens."""
        while not self.ends.over:
            try:
                async with connected(port) as connection:
                    is_kept = True
                    while is_kept and not self.ends.over:
                        answer = await connection.ask(body)
                        self.answered[answer.headers["x-request-id"]] = time.monotonic()
                        self.ends[answer.end] += 1
                        is_kept = not answer.is_last
                        await asyncio.sleep(pause_s)
            except (OSError, EOFError, ValueError) as error:
                self.ends[end_of(error)] += 1
                self.ends.over = True


@contextlib.contextmanager
def under_load(port: int, *, clients: int = 6, pause_s: float = 0.01) -> Iterator[Load]:
    """Half of the clients want streams, the others JSON. At the end of the block they finish what they began."""
    load = Load()

    async def main() -> None:
        bodies = [chat("mock-gpt?tokens=4", stream=stream) for stream in (True, False)]
        everybody = (load.client(port, bodies[number % 2], pause_s) for number in range(clients))
        await asyncio.wait_for(asyncio.gather(*everybody), 50)

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    try:
        yield load
    finally:
        load.ends.over = True
        thread.join(30)
        assert not thread.is_alive(), "clients hang"
