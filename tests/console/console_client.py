"""The API in a loop of its own: a gateway that is never asked for an answer, fakes beside it, and a client."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from sluiceway.config.load import settings_from
from sluiceway.console.api import Api, build
from sluiceway.console.deps import Deps
from sluiceway.console.seams import Totals
from sluiceway.console.stored import Stored
from sluiceway.gateway import Gateway
from sluiceway.observe.captured import Captured
from sluiceway.observe.record import Record
from sluiceway.reload import Result
from sluiceway.store.opening import Store, StoreAway
from sluiceway.store.queries import Page, RecordFilter
from sluiceway.store.rows import record_row
from sluiceway.store.tables import metadata, records
from sluiceway.store.usage import Dimension, UsageRow, add, daily

UPSTREAM = {"name": "one", "base_url": "http://127.0.0.1:9/v1", "api_keys": ["sk-upstream-secret"]}
JSON = {"content-type": "application/json"}


class Answer:
    """A whole response."""

    def __init__(
        self, status: int, headers: list[tuple[bytes, bytes]], body: bytes, *, complete: bool
    ) -> None:
        self.status = status
        self.headers = {name.decode().lower(): value.decode() for name, value in headers}
        self.body = body
        self.complete = complete

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """What the error says."""
        error: dict[str, Any] = self.json["error"]
        return error


class Exchange:
    """One request that runs; `pieces` are those of the body so far."""

    def __init__(self, app: Api, scope: dict[str, Any], body: bytes, chunks: int = 1) -> None:
        size = -(-len(body) // chunks) or 1
        self._body = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
        self._left = asyncio.Event()
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.start: dict[str, Any] = {}
        self.pieces: list[bytes] = []
        self.complete = False
        self.wrote = asyncio.Event()
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    def leave(self) -> None:
        """The client closes its connection."""
        self._left.set()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for it, as pieces come."""
        async with asyncio.timeout(30):
            while not true():
                self.wrote.clear()
                await self.wrote.wait()

    async def _receive(self) -> dict[str, Any]:
        if self._body:
            piece = self._body.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self._body)}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        await self.may_write.wait()
        if message["type"] == "http.response.start":
            assert not self.start
            self.start = message
        else:
            assert not self.complete
            self.pieces.append(message["body"])
            self.complete = not message.get("more_body", False)
        self.wrote.set()


class Client:
    """Asks the API. `deps` is what it works on."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self._app = build(deps)

    def begin(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        peer: str = "127.0.0.1",
        chunks: int = 1,
        **headers: str,
    ) -> Exchange:
        """Send a request; names of headers have `_` for `-`."""
        given = {"host": "localhost", **({} if method in ("GET", "HEAD", "OPTIONS") else JSON)}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": raw,
            "raw_path": raw.encode(),
            "query_string": query.encode(),
            "http_version": "1.1",
            "client": (peer, 1234),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "extensions": {},
        }
        return Exchange(self._app, scope, body, chunks)

    async def ask(self, method: str, path: str, body: Any = b"", **headers: Any) -> Answer:
        """Send a request, and wait for the whole response. `body`: bytes, or what is to be JSON."""
        encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
        exchange = self.begin(method, path, encoded, **headers)
        async with asyncio.timeout(30):
            await exchange.task
        start = exchange.start
        return Answer(
            start["status"], start["headers"], b"".join(exchange.pieces), complete=exchange.complete
        )

    async def get(self, path: str, **headers: Any) -> Answer:
        """A GET from the machine itself."""
        return await self.ask("GET", path, **headers)

    async def post(self, path: str, body: Any = b"{}", **headers: Any) -> Answer:
        """A POST from the machine itself."""
        return await self.ask("POST", path, body, **headers)


@contextlib.asynccontextmanager
async def console(config: dict[str, Any] | None = None, **deps: Any) -> AsyncIterator[Client]:
    """The API of a gateway with this configuration; `deps` as `Deps` takes them."""
    config = {"upstreams": [UPSTREAM], **(config or {})}
    gateway = Gateway(settings_from(config, {}))
    await gateway.start()
    try:
        yield Client(Deps(gateway, **deps))
    finally:
        await gateway.close()


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """In a loop of its own."""
    asyncio.run(scenario)


def record(number: int = 0, **fields: Any) -> Record:
    """One of many records."""
    given = {
        "request_id": f"req_{number:024x}",
        "started": 1_700_000_000.0 + number,
        "method": "POST",
        "path": "/v1/chat/completions",
        "outcome": "ok",
        "model": "gpt-x",
        "key": "alice",
    }
    return Record(**{**given, **fields})


@contextlib.contextmanager
def database(folder: Path, kept: Sequence[Record]) -> Iterator[Stored]:
    """A real one, which holds these records."""
    store = Store(f"sqlite:///{folder / 'records.db'}")
    store.make_file()
    names = [column.name for column in records.c]
    rows = [dict(zip(names, record_row(one), strict=True)) for one in kept]
    with store.writing() as connection:
        metadata.create_all(connection)
        connection.execute(records.insert(), rows)
        add(connection, daily(kept), is_sqlite=True)
    try:
        yield Stored(store)
    finally:
        store.close()


class FakeReloader:
    """Reloads when it is told to: by the test, or `at_once`."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.last_result: Result | None = Result(time.time() - 60, "SIGHUP", ok=False)
        self.reasons: list[str] = []
        self.may_end = asyncio.Event()
        if at_once:
            self.may_end.set()

    async def reload(self, reason: str) -> Result:
        self.reasons.append(reason)
        await self.may_end.wait()
        self.last_result = Result(time.time(), reason, ok=True)
        return self.last_result


class FakeStore:
    """Records in memory, or made as they are asked for."""

    def __init__(self, records: Sequence[Record] = (), *, captures: Sequence[Captured] = ()) -> None:
        self.kept = records
        self.captures = {one.request_id: one for one in captures}
        self.rows: list[UsageRow] = []
        self.asked: list[tuple[Any, ...]] = []
        self.away = False

    def records(self, wanted: RecordFilter, limit: int = 50, cursor: str | None = None) -> Page:
        self._note("records", wanted, limit, cursor)
        begin = int(cursor) if cursor is not None else 0
        more = len(self.kept) > begin + limit
        return Page(tuple(self.kept[begin : begin + limit]), str(begin + limit) if more else None)

    def iter_records(self, wanted: RecordFilter) -> Iterator[Record]:
        self._note("iter_records", wanted)
        yield from self.kept

    def record(self, request_id: str) -> Record | None:
        self._note("record", request_id)
        return next((one for one in self.kept if one.request_id == request_id), None)

    def capture(self, request_id: str) -> Captured | None:
        self._note("capture", request_id)
        return self.captures.get(request_id)

    def usage(
        self,
        group: Sequence[Dimension] = (),
        *,
        since: datetime.date | None = None,
        until: datetime.date | None = None,
        key: str | None = None,
        model: str | None = None,
        upstream: str | None = None,
    ) -> list[UsageRow]:
        self._note("usage", tuple(group), since, until, key, model, upstream)
        return self.rows

    def totals(self, since: float) -> Totals:
        self._note("totals", since)
        return Totals(requests=7, errors=1, input_tokens=10, output_tokens=20, cost=0.5, first_event_ms=12.5)

    def _note(self, *question: Any) -> None:
        if self.away:
            raise StoreAway("connection refused")
        self.asked.append(question)
