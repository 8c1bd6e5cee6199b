"""What each fault promises, as checks of what arrived: one table for every API and both forms of an answer."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import msgspec
from mock_wire import HELLO, Raw, connected, header, read_answer, request

from sluiceway.mock.testing import RunningMock
from sluiceway.wire.sse import SseParser

VERSION = "anthropic-version: 2023-06-01"
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": HELLO, "stream_options": {"include_usage": True}}),
    "responses": ("/v1/responses", {"input": "Hello, 🌊"}),
    "messages": ("/v1/messages", {"messages": HELLO, "max_tokens": 100}),
    "images": ("/v1/images/generations", {"prompt": "a river", "size": "64x64", "partial_images": 1}),
}
# What the last event of a whole answer holds.
ENDS = {
    "chat": b"[DONE]",
    "responses": b"response.completed",
    "messages": b"message_stop",
    "images": b"image_generation.completed",
}
_FINISHES = {
    "chat": b'"finish_reason":"',
    "messages": b'"type":"message_delta"',
    "images": b'"type":"image_generation.completed"',
}
_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def ask_in(mock: RunningMock, dialect: str, knobs: str, *, stream: bool) -> Raw:
    """One request on a connection of its own, read to its end."""
    path, fields = ASKED[dialect]
    body = json.dumps(fields | {"model": f"m?{knobs}", "stream": stream}).encode()
    with connected(mock) as sock:
        sock.sendall(request(body, path, "POST", VERSION, "connection: close"))
        return read_answer(sock, to_end=True)


class Case(msgspec.Struct, frozen=True):
    """One answer under a fault, beside the body that it would have had without."""

    dialect: str
    stream: bool
    raw: Raw
    right: bytes

    @property
    def final(self) -> Raw:
        """The last response, after any informational ones."""
        data = self.raw.data
        while data.startswith(b"HTTP/1.1 1"):
            data = data.partition(b"\r\n\r\n")[2]
        return Raw(reads=[data])

    @property
    def body(self) -> bytes:
        """Decompressed."""
        coding = header(self.final.head, b"content-encoding")
        bits = _WINDOW_BITS.get(coding or "")
        return zlib.decompress(self.final.body, wbits=bits) if bits else self.final.body

    def told(self) -> Any:
        """The answer, whatever form it has: its events, or its JSON."""
        return events_of(self.body, ended=True) if self.stream else json.loads(self.body.decode("utf-8-sig"))

    def wanted(self) -> Any:
        """The same of the right answer."""
        return events_of(self.right, ended=True) if self.stream else json.loads(self.right)


Promise = Callable[[Case], None]
Told = tuple[bytes, bytes]


def events_of(body: bytes, *, ended: bool) -> list[Told]:
    """Name and data of each event; `ended`: an event without its blank line counts too."""
    parser = SseParser(0)
    events = parser.feed(body) + (parser.flush() if ended else [])
    return [(event.event, event.data) for event in events if event.data]


def same(case: Case) -> None:
    assert case.final.status == 200
    assert case.told() == case.wanted()


def broken_off(case: Case) -> None:
    assert case.final.status == 200
    if case.stream:
        told, wanted = events_of(case.body, ended=False), events_of(case.right, ended=True)
        assert told == wanted[: len(told)]
        assert len(told) < len(wanted)
    else:
        assert case.right.startswith(case.body)
        assert case.body != case.right


def nothing(case: Case) -> None:
    assert case.raw.data == b""
    assert case.raw.end == "rst"


def empty(case: Case) -> None:
    assert (case.final.status, case.final.body) == (200, b"")


def no_http(case: Case) -> None:
    assert not case.raw.data.startswith(b"HTTP")


def unreadable(case: Case) -> None:
    assert case.final.status == 200
    assert header(case.final.head, b"content-encoding") == "br"
    assert len(case.final.body) == len(case.right)
    assert case.final.body != case.right


def fails(status: int) -> Promise:
    """An HTTP error in the shape of the API."""

    def check(case: Case) -> None:
        assert case.final.status == status
        error = json.loads(case.body)
        if case.dialect == "messages":
            assert error.keys() == {"type", "error", "request_id"}
            assert error["error"].keys() == {"type", "message"}
        else:
            assert error.keys() == {"error"}
            assert error["error"].keys() == {"message", "type", "param", "code"}

    return check


def page(case: Case) -> None:
    assert case.final.status == 500
    assert b"<h1>Internal Server Error</h1>" in case.body


def error_event(case: Case) -> None:
    *told, (name, data) = events_of(case.body, ended=False)
    assert told == case.wanted()[: len(told)]
    error = json.loads(data)
    if case.dialect == "chat":
        assert (name, list(error)) == (b"", ["error"])
        return
    assert (name, error["type"]) == (b"error", "error")
    if case.dialect == "responses":
        assert error["sequence_number"] == len(told)
        assert error["message"]
        assert error["code"]
    else:
        assert error["error"]["message"]


def error_under_200(case: Case) -> None:
    assert case.final.status == 200
    assert "error" in json.loads(case.body)


def without_end(case: Case) -> None:
    assert case.told() == case.wanted()[:-1]
    assert ENDS[case.dialect] in case.wanted()[-1][0] + case.wanted()[-1][1]


def without_finish(case: Case) -> None:
    mark = _FINISHES[case.dialect]
    kept = [(name, data) for name, data in case.wanted() if mark not in data]
    assert case.told() == kept != case.wanted()


def without_usage(case: Case) -> None:
    def gone(value: Any) -> bool:
        if isinstance(value, dict):
            return not value.get("usage") and all(map(gone, value.values()))
        return all(map(gone, value)) if isinstance(value, list) else True

    assert case.final.status == 200
    answers = [data for _, data in case.told()] if case.stream else [case.body]
    assert all(gone(json.loads(answer)) for answer in answers if answer != b"[DONE]")
    assert b'"usage":{' in case.right
    assert ENDS[case.dialect] in case.body or not case.stream


def bad_json(case: Case) -> None:
    if not case.stream:
        broken_off(case)
        assert case.final.whole
        return
    told = case.told()
    (broken,) = [event for event in told if not _readable(event[1])]
    told.remove(broken)
    assert told == case.wanted()
    assert broken[0] in {name for name, _ in told}


def _readable(data: bytes) -> bool:
    try:
        json.loads(data)
    except json.JSONDecodeError:
        return data == b"[DONE]"
    return True


def of_chat(case: Case) -> None:
    """Refused elsewhere; what it does in chat is tested there."""
    if case.dialect == "chat":
        assert case.final.status == 200
    else:
        fails(400)(case)
        assert "chat" in json.loads(case.body)["error"]["message"]


def but(promise: Promise, **refused: Promise) -> Promise:
    """The promise, save in the APIs that are named."""

    def check(case: Case) -> None:
        refused.get(case.dialect, promise)(case)

    return check


# Fault: what it promises of a stream, and of JSON. The form is that which was asked for, unless the fault is
# about just that; what never comes to an end is tested apart.
PROMISES: dict[str, tuple[Promise, Promise]] = {
    "slow-headers:0": (same, same),
    "stall:0": (same, same),
    "stall-between:0": (same, same),
    "comments:0.01": (same, same),
    "rst": (broken_off, broken_off),
    "rst-before": (nothing, nothing),
    "eof": (broken_off, broken_off),
    "eof-mid-event": (broken_off, broken_off),
    "cut": (broken_off, broken_off),
    "connection-close": (same, same),
    "keepalive-close:0": (same, same),
    "stale": (same, same),
    "http-429": (fails(429), fails(429)),
    "http-500": (fails(500), fails(500)),
    "http-500-html": (page, page),
    "http-400": (fails(400), fails(400)),
    "error-first": (error_event, error_under_200),
    "error-mid": (error_event, fails(500)),
    "stream-only": (same, fails(400)),
    "split-utf8": (same, same),
    "byte-by-byte": (same, same),
    "crlf": (same, same),
    "cr": (same, same),
    "no-final-blank-line": (same, same),
    "bom": (same, same),
    "ids": (same, same),
    "one-big-chunk": (same, same),
    "gzip": (same, same),
    "deflate": (same, same),
    "br-label": (unreadable, unreadable),
    "wrong-content-type": (same, same),
    "1xx": (same, same),
    "empty-body": (empty, empty),
    "no-done": (but(without_end, images=fails(400)), but(same, images=fails(400))),
    "no-finish": (but(without_finish, responses=fails(400)), but(same, responses=fails(400))),
    "missing-tool-index": (of_chat, of_chat),
    "repeated-tool-ids": (of_chat, of_chat),
    "role-null": (of_chat, of_chat),
    "finish-empty": (of_chat, of_chat),
    "usage-none": (without_usage, without_usage),
    "bad-json": (bad_json, bad_json),
    "json-instead-of-stream": (same, same),
    "stream-instead-of-json": (same, same),
    "garbage": (no_http, no_http),
}
FORMS = {"json-instead-of-stream": False, "stream-instead-of-json": True}
