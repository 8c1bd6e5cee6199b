"""Shared by the chat tests: recorded shapes of real streams, and small ones made on the spot."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sluiceway.dialects.base import DialectRequest
from sluiceway.dialects.chat import CHAT
from sluiceway.wire.sse import EventSplitter

GOLDEN = Path(__file__).parents[1] / "golden" / "chat"
STREAMS = {path.stem: path.read_bytes() for path in sorted(GOLDEN.glob("*.sse"))}
ANSWERS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob("*.json"))
}

DONE = b"data: [DONE]\n\n"
REQUEST = DialectRequest(body=b"{}", fields={}, model="m", stream=True)


def event(document: Any) -> bytes:
    """One event of one data line."""
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


def chunk(*choices: dict[str, Any], **fields: Any) -> bytes:
    """One chunk event with these choices."""
    return event({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": choices} | fields)


def piece(
    content: str | None = None, *, index: int = 0, finish: str | None = None, **delta: Any
) -> dict[str, Any]:
    """One choice of a chunk."""
    if content is not None:
        delta["content"] = content
    return {"index": index, "delta": delta, "finish_reason": finish}


def blocks(pieces: Iterable[bytes], *, flush: bool = True) -> list[bytes]:
    """Network reads as the blocks of whole events that a dialect is fed; the unterminated end too."""
    splitter = EventSplitter(0)
    found = [splitter.feed(part) for part in pieces]
    if flush:
        found.append(splitter.flush())
    return [block for block in found if block]


def collect(*pieces: bytes, flush: bool = True) -> dict[str, Any]:
    """The aggregated answer, decoded."""
    collector = CHAT.collect(REQUEST, max_bytes=0)
    for block in blocks(pieces, flush=flush):
        collector.feed(block)
    answer: dict[str, Any] = json.loads(collector.result())
    return answer


@contextmanager
def small_stack() -> Iterator[None]:
    """Little of the stack left: what was decoded before may be nested too deeply to be encoded.

    Only where the interpreter counts C calls as its own (before 3.12) is that so.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 60)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def message_of(*deltas: dict[str, Any]) -> dict[str, Any]:
    """The message that these deltas of choice 0 become."""
    stream = [chunk({"index": 0, "delta": delta}) for delta in deltas]
    message: dict[str, Any] = collect(*stream, DONE)["choices"][0]["message"]
    return message
