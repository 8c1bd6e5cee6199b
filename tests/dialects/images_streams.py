"""Shared by the tests of images: recorded shapes of real streams, small ones and forms made on the spot."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sluiceway.dialects.base import DialectRequest
from sluiceway.dialects.images import IMAGE_GENERATIONS
from sluiceway.wire.sse import EventSplitter

GOLDEN = Path(__file__).parents[1] / "golden" / "images"
STREAMS = {path.stem: path.read_bytes() for path in sorted(GOLDEN.glob("*.sse"))}
ANSWERS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob("*.json"))
}

ABOUT = {"background": "opaque", "output_format": "png", "quality": "high", "size": "64x64"}
COUNTED = {
    "input_tokens": 8,
    "input_tokens_details": {"image_tokens": 3, "text_tokens": 5},
    "output_tokens": 40,
    "total_tokens": 48,
}
DONE = b"data: [DONE]\n\n"
DEEP = b"[" * 100_000 + b"]" * 100_000


def asking_for(images: int = 1, **fields: Any) -> DialectRequest:
    """A request for so many images."""
    body = json.dumps({"model": "m", "prompt": "x", "stream": True, "n": images} | fields).encode()
    return IMAGE_GENERATIONS.read_request(body)


def images_in(name: str) -> DialectRequest:
    """The request that a golden stream answers: for as many images as its answer has, else for one."""
    return asking_for(len(ANSWERS[name]["data"]) if name in ANSWERS else 1)


def event(document: Any, name: str | None = None) -> bytes:
    """One event, named as its document says it is."""
    name = document.get("type") if name is None and isinstance(document, dict) else name
    line = f"event: {name}\n".encode() if name else b""
    return line + b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


def partial(b64: str = "cGFydA==", index: int = 0, **fields: Any) -> bytes:
    """One partial image of a generation."""
    head = {"type": "image_generation.partial_image", "b64_json": b64, "partial_image_index": index}
    return event(head | ABOUT | {"created_at": 1} | fields)


def completed(b64: str = "d2hvbGU=", **fields: Any) -> bytes:
    """One finished image of a generation."""
    head = {"type": "image_generation.completed", "b64_json": b64}
    return event(head | ABOUT | {"created_at": 2, "usage": COUNTED} | fields)


def blocks(pieces: Iterable[bytes], *, flush: bool = True) -> list[bytes]:
    """Network reads as the blocks of whole events that a dialect is fed; the unterminated end too."""
    splitter = EventSplitter(0)
    found = [splitter.feed(part) for part in pieces]
    if flush:
        found.append(splitter.flush())
    return [block for block in found if block]


def collect(request: DialectRequest, *pieces: bytes, flush: bool = True) -> dict[str, Any]:
    """The aggregated answer, decoded."""
    collector = IMAGE_GENERATIONS.collect(request, max_bytes=0)
    for block in blocks(pieces, flush=flush):
        collector.feed(block)
    answer: dict[str, Any] = json.loads(collector.result())
    return answer


FORM = b"multipart/form-data; boundary=frontier"


def part(name: str, value: bytes, *, filename: str | None = None, headers: bytes = b"") -> bytes:
    """One part of a form, from behind its boundary to the next."""
    file = f'; filename="{filename}"' if filename is not None else ""
    head = f'Content-Disposition: form-data; name="{name}"{file}\r\n'.encode()
    return head + headers + b"\r\n" + value + b"\r\n"


def form(*parts: bytes, boundary: bytes = b"frontier") -> bytes:
    """A whole form."""
    return b"".join(b"--" + boundary + b"\r\n" + each for each in parts) + b"--" + boundary + b"--\r\n"
