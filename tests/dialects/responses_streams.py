"""Shared by the tests of responses: shapes of real streams, small ones made on the spot, OpenAI's own client."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import openai

from sluiceway.dialects.base import DialectRequest
from sluiceway.dialects.responses import RESPONSES
from sluiceway.wire.sse import EventSplitter

GOLDEN = Path(__file__).parents[1] / "golden" / "responses"
STREAMS = {path.stem: path.read_bytes() for path in sorted(GOLDEN.glob("*.sse"))}
ANSWERS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob("*.json"))
}

REQUEST = DialectRequest(body=b"{}", fields={}, model="m", stream=True)
DONE = b"data: [DONE]\n\n"
DEEP = b"[" * 100_000 + b"]" * 100_000
COUNTED = {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}


def event(kind: str, *, name: str | None = None, **fields: Any) -> bytes:
    """One event of this type, named after it, or as `name` says (`""`: not at all)."""
    name = kind if name is None else name
    line = f"event: {name}\n".encode() if name else b""
    return line + b"data: " + json.dumps({"type": kind} | fields, separators=(",", ":")).encode() + b"\n\n"


def response(status: str = "completed", **fields: Any) -> dict[str, Any]:
    """A response with nothing in it, if nothing else is said."""
    return {"id": "r", "object": "response", "model": "m", "status": status, "output": []} | fields


def created(number: int = 0, **fields: Any) -> bytes:
    """The event that a response begins with."""
    return event("response.created", sequence_number=number, response=response("in_progress", **fields))


def delta(text: str = "x", *, name: str | None = None, **fields: Any) -> bytes:
    """More of a text."""
    at = {"output_index": 0, "content_index": 0, "delta": text}
    return event("response.output_text.delta", name=name, **fields, **at)


def added(index: int, item: Any) -> bytes:
    """An item begins."""
    return event("response.output_item.added", output_index=index, item=item)


def done(index: int, item: Any) -> bytes:
    """An item is whole."""
    return event("response.output_item.done", output_index=index, item=item)


def end(status: str = "completed", **fields: Any) -> bytes:
    """The event that a response ends with."""
    return event(f"response.{status}", response=response(status, **fields))


def item(name: str, text: str = "x") -> dict[str, Any]:
    """A message of one text."""
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"id": name, "type": "message", "role": "assistant", "status": "completed", "content": content}


def blocks(reads: Iterable[bytes], *, flush: bool = True) -> list[bytes]:
    """Network reads as the blocks of whole events that a dialect is fed; the unterminated end too."""
    splitter = EventSplitter(0)
    found = [splitter.feed(read) for read in reads]
    if flush:
        found.append(splitter.flush())
    return [block for block in found if block]


def cut(stream: bytes, at: Iterable[int]) -> list[bytes]:
    """A stream as the network reads that it comes in if it is cut in these places."""
    edges = [0, *sorted(min(place, len(stream)) for place in at), len(stream)]
    return [stream[begin:end] for begin, end in pairwise(edges)]


def collect(*reads: bytes, flush: bool = True) -> dict[str, Any]:
    """The aggregated answer, decoded."""
    collector = RESPONSES.collect(REQUEST, max_bytes=0)
    for block in blocks(reads, flush=flush):
        collector.feed(block)
    answer: dict[str, Any] = json.loads(collector.result())
    return answer


@contextmanager
def official_client(stream: bytes) -> Iterator[openai.OpenAI]:
    """OpenAI's client, to which every answer is this stream."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    with (
        httpx2.Client(transport=httpx2.MockTransport(answer)) as http,
        openai.OpenAI(
            api_key="any", base_url="http://upstream/v1", http_client=http, max_retries=0
        ) as client,
    ):
        yield client


def sdk_events(stream: bytes) -> list[Any]:
    """What OpenAI's client makes of this stream."""
    with official_client(stream) as client:
        return list(client.responses.create(model="m", input="x", stream=True))
