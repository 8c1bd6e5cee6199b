"""Shared by the tests of messages: shapes of real streams, small ones made on the spot, Anthropic's own client."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anthropic
import httpx2

from sluiceway.dialects.base import DialectRequest
from sluiceway.dialects.messages import MESSAGES
from sluiceway.wire.sse import EventSplitter

GOLDEN = Path(__file__).parents[1] / "golden" / "messages"
STREAMS = {path.stem: path.read_bytes() for path in sorted(GOLDEN.glob("*.sse"))}
ANSWERS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob("*.json"))
}

REQUEST = DialectRequest(body=b"{}", fields={}, model="m", stream=True)
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
DEEP = b"[" * 100_000 + b"]" * 100_000


def event(document: Any, name: str | None = None) -> bytes:
    """One event, named as its document says it is, or as `name` does (`""`: not at all)."""
    name = document["type"] if name is None else name
    line = f"event: {name}\n".encode() if name else b""
    return line + b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


def start(**fields: Any) -> bytes:
    """The event that a message begins with."""
    message = {"id": "msg", "type": "message", "role": "assistant", "model": "m", "content": []}
    nothing = {"stop_reason": None, "stop_sequence": None}
    counts = {"input_tokens": 7, "output_tokens": 1}
    return event({"type": "message_start", "message": message | nothing | {"usage": counts} | fields})


def block(index: int = 0, **fields: Any) -> bytes:
    """The start of a content block, of an empty text if nothing else is said."""
    started = fields or {"type": "text", "text": ""}
    return event({"type": "content_block_start", "index": index, "content_block": started})


def delta(index: int = 0, kind: str = "text_delta", **fields: Any) -> bytes:
    """More of a content block."""
    return event({"type": "content_block_delta", "index": index, "delta": {"type": kind} | fields})


def text(piece: str, index: int = 0) -> bytes:
    """More of a text."""
    return delta(index, text=piece)


def part(piece: str, index: int = 0) -> bytes:
    """More of a tool's input."""
    return delta(index, "input_json_delta", partial_json=piece)


def end(reason: str | None = "end_turn", *, counts: Any = None, **fields: Any) -> bytes:
    """The reason why the message ends, and what it cost."""
    said = {"stop_reason": reason, "stop_sequence": None} | fields
    return event({"type": "message_delta", "delta": said, "usage": counts or {"output_tokens": 5}})


BLOCK_END = event({"type": "content_block_stop", "index": 0})
STOP = event({"type": "message_stop"})
OVERLOADED = event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})


def blocks(pieces: Iterable[bytes], *, flush: bool = True) -> list[bytes]:
    """Network reads as the blocks of whole events that a dialect is fed; the unterminated end too."""
    splitter = EventSplitter(0)
    found = [splitter.feed(piece) for piece in pieces]
    if flush:
        found.append(splitter.flush())
    return [whole for whole in found if whole]


def collect(*pieces: bytes, flush: bool = True) -> dict[str, Any]:
    """The aggregated answer, decoded."""
    collector = MESSAGES.collect(REQUEST, max_bytes=0)
    for whole in blocks(pieces, flush=flush):
        collector.feed(whole)
    answer: dict[str, Any] = json.loads(collector.result())
    return answer


def content_of(*events: bytes, reason: str = "end_turn") -> list[dict[str, Any]]:
    """The content of the message that these events, which add to it, are the middle of."""
    content: list[dict[str, Any]] = collect(start(), *events, end(reason), STOP)["content"]
    return content


def client_for(status: int, body: bytes, content_type: str) -> anthropic.Anthropic:
    """Anthropic's own client, which gets this as its answer, whatever it asks."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers={"content-type": content_type}, content=body)

    http = anthropic.DefaultHttpxClient(transport=httpx2.MockTransport(answer))
    return anthropic.Anthropic(api_key="any", base_url="http://gateway", max_retries=0, http_client=http)


def sdk_message(stream: bytes) -> dict[str, Any]:
    """The message that Anthropic's own helper gathers from this stream."""
    with (
        client_for(200, stream, "text/event-stream") as client,
        client.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        ) as events,
    ):
        return events.get_final_message().to_dict(mode="json")


def sdk_error(status: int, body: bytes, content_type: str) -> anthropic.APIStatusError:
    """The error that Anthropic's own client raises for this answer to a streaming request."""
    with client_for(status, body, content_type) as client:
        try:
            with client.messages.stream(
                model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
            ) as events:
                events.get_final_message()
        except anthropic.APIStatusError as error:
            return error
    raise AssertionError("the client took it for an answer")


def without_nulls(value: Any) -> Any:
    """The same without members that are null: the SDK does not tell them from missing ones."""
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value
