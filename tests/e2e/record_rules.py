"""What must hold of every record, whatever became of its request: it tells what the client saw."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import msgspec
from harness import RawClient, RunningGateway, running_gateway, wait_until

from sluiceway.mock.testing import RunningMock
from sluiceway.observe.record import Record
from sluiceway.wire.sse import SseEvent, parse_events

Table = dict[str, Any]

# In every prompt and every key of these tests, and so in no record.
PROMPT = "tell nobody of the zebra"
SECRETS = (b"zebra", b"sk-")

HELLO = [{"role": "user", "content": PROMPT}]
VERSION = {"anthropic-version": "2023-06-01"}
ASKED: dict[str, tuple[str, Table]] = {
    "chat": ("/v1/chat/completions", {"messages": HELLO}),
    "responses": ("/v1/responses", {"input": PROMPT}),
    "messages": ("/v1/messages", {"messages": HELLO, "max_tokens": 99}),
    "images": ("/v1/images/generations", {"prompt": PROMPT, "size": "64x64", "partial_images": 2}),
}
DIALECTS = tuple(ASKED)

UNKNOWN = -1  # how much of a request was received, where that is a matter of chance

# One that fails is as good as new for the next test.
UNMOVED = {"max_failures": 0, "max_error_rate": 0.0, "cooldown_s": 0.0}

_BEAT = re.compile(rb"^: (?:heartbeat|queued, [^\n]*)\n", re.MULTILINE)
_PING = b'{"type": "ping"}'
_PHASES = ("queued_ms", "head_ms", "first_event_ms", "first_content_ms", "last_event_ms", "duration_ms")


class Seen(msgspec.Struct):
    """A response as its client got it: `body` without framing, `sent` the bytes of the request's body. `whole`:
    read to its proper end; `left`: the client did not want to."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent: int
    whole: bool = True
    left: bool = False

    @property
    def streamed(self) -> bool:
        """Whether it is an event stream."""
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def events(self) -> list[SseEvent]:
        """Without what only keeps the stream alive."""
        if not self.streamed:
            return []
        return [one for one in parse_events(self.body) if one.data is not None and one.data != _PING]

    @property
    def heartbeats(self) -> int:
        """Comments and pings of the gateway's on a stream, white space ahead of JSON."""
        if not self.streamed:
            return len(self.body) - len(self.body.lstrip(b"\n"))
        pings = sum(one.data == _PING for one in parse_events(self.body))
        return pings or len(_BEAT.findall(self.body))

    @property
    def error(self) -> str | None:
        """The code, or the type where there is none, of the error that the client was told."""
        documents = [self.body] if not self.streamed else [one.data or b"" for one in self.events]
        for document in reversed(documents):
            with contextlib.suppress(msgspec.DecodeError):
                told = msgspec.json.decode(document)
                if isinstance(told, dict) and (told.get("error") or told.get("type") == "error"):
                    error = told.get("error") or told
                    return str(error.get("code") or error["type"])
        return None


def request_of(dialect: str, model: str = "m", *, stream: bool, **more: Any) -> tuple[str, bytes]:
    """Path and body."""
    path, fields = ASKED[dialect]
    return path, msgspec.json.encode({"model": model, "stream": stream, **fields, **more})


def read_response(client: RawClient, sent: int, *, bodiless: bool = False) -> Seen:
    """A response to its end, which may be an early one."""
    status, headers = client.read_head()
    seen = Seen(status, headers, b"", sent)
    if bodiless:
        return seen
    try:
        if headers.get("transfer-encoding") == "chunked":
            while size := int(client.read_until(b"\r\n"), 16):
                seen.body += client._take(size)
                client._take(2)
            client._take(2)
        else:
            seen.body = client._take(int(headers["content-length"]))
    except (EOFError, ConnectionResetError):
        seen.whole = False
    return seen


class Watched:
    """A gateway before the mock, each of whose records is looked at once, and checked."""

    def __init__(self, gateway: RunningGateway, mock: RunningMock) -> None:
        self.gateway = gateway
        self.mock = mock

    def configure(self, *upstreams: Table, **config: Any) -> None:
        """One upstream, or several, called `a`, `b`, …, each with these settings beside the usual ones."""
        tables = []
        for name, table in zip("abc", upstreams or ({},), strict=False):
            usual = {"name": name, "base_url": self.mock.base_url, "api_keys": ["sk-upstream"]}
            tables.append({**usual, "health": UNMOVED, **table})
        config = {"failover": {"max_attempts": 1}, **config}
        self.gateway.apply({"upstreams": tables, **config})
        self.gateway.records.clear()

    def ask(
        self, path: str, body: bytes, *, headers: dict[str, str] | None = None, method: str = "POST"
    ) -> tuple[Record, Seen]:
        """One request on a connection of its own: its record, checked, and the response."""
        with RawClient(self.gateway.port) as client:
            post(client, path, body, headers=headers, method=method)
            seen = read_response(client, len(body), bodiless=method == "HEAD")
            return self.record(seen), seen

    def record(self, seen: Seen | None) -> Record:
        """The only record since the last one that was looked at. `seen` None: the client left before it saw any."""
        records = self.gateway.records
        wait_until(lambda: bool(records) and self.gateway.idle)
        assert len(records) == 1, [(one.model, one.outcome) for one in records]
        record = records.pop()
        check(record, seen)
        return record

    def records(self, *seen: Seen | None) -> list[Record]:
        """So many, in the order in which they ended."""
        records = self.gateway.records
        wait_until(lambda: len(records) >= len(seen) and self.gateway.idle)
        assert len(records) == len(seen), [(one.model, one.outcome) for one in records]
        taken = list(records)
        records.clear()
        for record, response in zip(taken, seen, strict=True):
            check(record, response)
        return taken


@contextlib.contextmanager
def watched_gateway(mock: RunningMock, **config: Any) -> Any:
    """A gateway that leaves no record behind that nobody looked at."""
    with running_gateway({"upstreams": [{"name": "a", "base_url": mock.base_url}], **config}) as gateway:
        yield Watched(gateway, mock)
        assert gateway.records == []


def post(
    client: RawClient, path: str, body: bytes, *, headers: dict[str, str] | None = None, method: str = "POST"
) -> None:
    """A JSON request, or one of another type if its headers say so."""
    fields = {**VERSION, "content-type": "application/json", **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    length = f"content-length: {len(body)}\r\n" if body else ""
    client.send(f"{method} {path} HTTP/1.1\r\nhost: gateway\r\n{length}{lines}\r\n".encode() + body)


# ── the rules ───────────────────────────────────────────────────────────────────────────────────────


def check(record: Record, seen: Seen | None) -> None:
    """Everything that is true of every record."""
    told = msgspec.json.encode(record)
    assert not any(secret in told for secret in SECRETS), told
    assert msgspec.json.decode(told, type=Record) == record
    msgspec.json.encode(record.as_log())
    try:
        check_outcome(record)
        check_times(record)
        check_attempts(record)
        check_seen(record, seen)
    except AssertionError as error:
        error.add_note(f"{record}\n{seen}")
        raise
    assert record.usage_estimated is False
    assert record.started > 1e9
    assert record.client == "127.0.0.1"


def check_outcome(record: Record) -> None:
    """Outcome, error and client's leaving say the same."""
    if record.outcome == "ok":
        assert (record.error_code, record.error_message, record.client_left) == (None, None, False)
    else:
        assert record.error_code is not None or record.client_left
    assert record.outcome != "failed"
    assert record.finish_reason is None or record.outcome in ("ok", "client_gone", "upstream_error")
    if record.error_message is not None:
        assert record.error_code is not None


def check_times(record: Record) -> None:
    """What came first has the smaller number."""
    passed = [
        (getattr(record, name), name)
        for name in _PHASES
        # A stream that was taken up has the head of whoever ended it, after events of whoever began it.
        if getattr(record, name) is not None and not (record.continued and name == "head_ms")
    ]
    in_order = sorted(passed, key=lambda each: each[0])
    assert in_order == passed
    assert record.queued_ms >= 0
    assert record.duration_ms >= 0
    if record.connect_ms is not None and record.head_ms is not None:
        assert 0 <= record.connect_ms <= record.head_ms
    assert (record.last_event_ms is not None) == (record.events > 0)
    assert (record.largest_gap_ms is not None) == (record.events > 1)
    if record.largest_gap_ms is not None and record.last_event_ms is not None:
        assert 0 <= record.largest_gap_ms <= record.last_event_ms
    if record.first_content_ms is not None:
        assert record.stream


def check_attempts(record: Record) -> None:
    """They are those that were asked, in order, and the record's own figures are those of one of them."""
    attempts = record.attempts
    assert (record.upstream is None) == (not attempts)
    assert record.outcome != "overloaded" or not attempts
    if not attempts:
        assert (record.upstream_status, record.connect_ms, record.head_ms) == (None, None, None)
        return
    began = [one.after_ms for one in attempts]
    assert began == sorted(began)
    answering = next((one for one in reversed(attempts) if one.upstream == record.upstream), None)
    assert answering is not None
    assert record.upstream_status == answering.status
    assert record.connect_ms == answering.connect_ms
    assert (record.head_ms is None) == (answering.head_ms is None)
    if record.head_ms is not None and answering.head_ms is not None:
        assert abs(record.head_ms - answering.after_ms - answering.head_ms) < 0.01
    for one in attempts:
        assert one.over_ms is not None
        passed = [one.head_ms or 0.0, one.first_event_ms or one.head_ms or 0.0, one.over_ms]
        assert passed == sorted(passed)
        assert one.after_ms + one.over_ms <= record.duration_ms + 0.01
    if record.outcome == "ok":
        assert answering.error_code is None
    assert record.hedged or record.continued <= len(attempts) - 1


def check_seen(record: Record, seen: Seen | None) -> None:
    """The client's side of it."""
    if seen is None:
        assert (record.status, record.outcome) == (499, "client_gone")
        assert (record.committed_by, record.bytes_out, record.events) == (None, 0, 0)
        return
    assert record.status == seen.status
    assert record.committed_by is not None
    assert (record.committed_by == "silence") <= seen.whole or record.error_code is not None
    assert record.bytes_in == seen.sent or seen.sent == UNKNOWN
    got = (len(seen.body), len(seen.events), seen.heartbeats)
    told = (record.bytes_out, record.events, record.heartbeats)
    if seen.left or not seen.whole:  # some of it may have been on its way
        assert all(one >= other for one, other in zip(told, got, strict=True)), (told, got)
    else:
        assert told == got, "bytes, events, heartbeats"
        assert not record.client_left
