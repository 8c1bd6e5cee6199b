"""A real gateway on a real port, in a thread with its own loop, in front of a simulated provider."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import uvloop

from sluiceway.config.load import settings_from
from sluiceway.config.stored_keys import StoredKeys
from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.observe.onlookers import Observer, Watcher
from sluiceway.observe.record import Record
from sluiceway.server import GatewayServer, bound_port, build_server
from sluiceway.watching import watching

# How long a test waits for what has to come. It costs nothing when all goes well, and a machine may be slow.
PATIENCE_S = 30.0


class RunningGateway:
    """`url` has no path; `base_url` ends in `/v1`; `records` are the requests that are over, oldest first."""

    def __init__(self, server: GatewayServer, records: list[Record], loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.records = records
        self._loop = loop
        self.port = bound_port(server)
        self.url = f"http://127.0.0.1:{self.port}"
        self.base_url = f"{self.url}/v1"

    def record(self, timeout_s: float = PATIENCE_S) -> Record:
        """The latest record; waits for the first one."""
        wait_until(lambda: bool(self.records), timeout_s)
        return self.records[-1]

    def record_of(self, model: str, timeout_s: float = PATIENCE_S) -> Record:
        """The latest record of that model, which tests that share a gateway name each for themselves; waits
        for it, since a client has its answer before the record is there."""
        wait_until(lambda: any(record.model == model for record in self.records), timeout_s)
        return next(record for record in reversed(self.records) if record.model == model)

    @property
    def in_flight(self) -> int:
        """Admitted and not yet released, over all upstreams."""
        return sum(upstream.in_flight for upstream in self.server.gateway.upstreams.values())

    @property
    def waiting(self) -> int:
        """Requests in its queue."""
        return self.server.gateway.admission.waiting

    @property
    def idle(self) -> bool:
        """Nothing runs or waits, and no place of any kind is taken."""
        gateway = self.server.gateway
        taken = self.in_flight + gateway.admission.in_flight + gateway.admission.waiting
        return not taken and not gateway.active

    def apply(self, config: dict[str, Any], stored: StoredKeys | None = None) -> None:
        """Put another configuration in force, as a reload does; `stored` is what the keys file then holds."""
        settings = settings_from(with_free_port(config), {})
        self.call(lambda: self.server.gateway.apply(settings, stored))

    def call(self, function: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
        """Have it called in the gateway's own loop, and wait for that."""

        async def called() -> None:
            function()

        asyncio.run_coroutine_threadsafe(called(), self._loop).result(timeout_s)


def wait_until(true: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    """Poll; raises `TimeoutError`."""
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.002)


@contextlib.contextmanager
def running_gateway(
    config: dict[str, Any],
    stored: StoredKeys | None = None,
    *,
    observers: Sequence[Observer] = (),
    watchers: Sequence[Watcher] = (),
) -> Iterator[RunningGateway]:
    """Run a gateway with this configuration (as its TOML would be) while the body runs.

    `stored`: what its keys file holds, None if there is none. `observers`, `watchers`: see `watching.watching`.
    """
    records: list[Record] = []
    loops: list[asyncio.AbstractEventLoop] = []
    settings = settings_from(with_free_port(config), {})
    with watching(settings, (records.append, *observers), watchers=watchers) as onlooking:
        server = build_server(settings, stored, onlooking=onlooking)

        async def serve() -> None:
            loops.append(asyncio.get_running_loop())
            await server.serve()

        thread = threading.Thread(target=lambda: uvloop.run(serve()), daemon=True)
        thread.start()
        wait_until(lambda: server.started or not thread.is_alive())
        try:
            yield RunningGateway(server, records, loops[0])
        finally:
            server.should_exit = True
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "the gateway did not stop"


def with_free_port(config: dict[str, Any]) -> dict[str, Any]:
    """That configuration, on a port that the system chooses unless it says otherwise."""
    return {**config, "server": {"port": 0, **config.get("server", {})}}


def key_table(name: str, plain: str = "", **settings: Any) -> dict[str, Any]:
    """A table of `[[keys]]`; the key itself is `sk-NAME` unless it is given."""
    digest = hashlib.sha256((plain or f"sk-{name}").encode()).hexdigest()
    return {"name": name, "sha256": digest, **settings}


def bearer(name: str, **more: str) -> dict[str, str]:
    """The headers of a request with the key of `key_table(name)`."""
    return {"authorization": f"Bearer sk-{name}", **more}


@contextlib.contextmanager
def gateway_and_mock(
    *, stream: dict[str, Any] | None = None, upstream: dict[str, Any] | None = None, **config: Any
) -> Iterator[tuple[RunningGateway, RunningMock]]:
    """A gateway with one upstream, the mock; `stream` and `upstream` are their tables' extra keys."""
    with running_mock() as mock:
        table = {"name": "mock", "base_url": mock.base_url, "api_keys": ["sk-upstream"], **(upstream or {})}
        with running_gateway({"upstreams": [table], "stream": stream or {}, **config}) as gateway:
            yield gateway, mock


class RawClient:
    """A socket that speaks HTTP by hand, for what no well-behaved client does."""

    def __init__(self, port: int, timeout_s: float = PATIENCE_S) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.received = b""

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def post(
        self, body: Any, *, path: str = "/v1/chat/completions", headers: dict[str, str] | None = None
    ) -> None:
        """A JSON request."""
        encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
        extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self.send(
            f"POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
            f"content-length: {len(encoded)}\r\n{extra}\r\n".encode()
            + encoded
        )

    def read_until(self, wanted: bytes) -> bytes:
        """Everything up to and with `wanted`; raises `EOFError` if the connection ends first."""
        while wanted not in self.received:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(self.received[-200:])
            self.received += data
        end = self.received.index(wanted) + len(wanted)
        taken, self.received = self.received[:end], self.received[end:]
        return taken

    def read_head(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the next response."""
        lines = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split(" ")[1]), headers

    def read_body(self, headers: dict[str, str]) -> bytes:
        """The body that belongs to that head; raises `EOFError` if it is cut off."""
        if "content-length" in headers:
            return self._take(int(headers["content-length"]))
        if headers.get("transfer-encoding") != "chunked":
            return self.read_to_end()
        body = b""
        while size := int(self.read_until(b"\r\n"), 16):
            body += self._take(size)
            self._take(2)
        self._take(2)
        return body

    def read_to_end(self) -> bytes:
        """Whatever comes until the connection ends; a reset is an end too."""
        with contextlib.suppress(ConnectionResetError):
            while data := self.socket.recv(65536):
                self.received += data
        taken, self.received = self.received, b""
        return taken

    def response(self) -> tuple[int, dict[str, str], bytes]:
        """One whole response."""
        status, headers = self.read_head()
        return status, headers, self.read_body(headers)

    def _take(self, size: int) -> bytes:
        while len(self.received) < size:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(self.received[-200:])
            self.received += data
        taken, self.received = self.received[:size], self.received[size:]
        return taken


def chat(
    model: str = "mock-gpt", *, stream: bool = True, text: str = "hello", **extra: Any
) -> dict[str, Any]:
    """A chat request."""
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}], **extra}
