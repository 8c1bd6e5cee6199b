"""Fuzz the SSE codec against the slow reference of `tests/wire/sse_reference.py`.

    python fuzz/fuzz_sse.py -max_total_time=60

An input is a body and a way to cut it. Half the inputs are spelled in the words of the format, since
plain bytes seldom make a field.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped]

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "wire"))

with atheris.instrument_imports():
    from sse_reference import interpret, observe

    from sluiceway.wire.sse import BOM, EventSplitter, SseEvent, encode_event, parse_events

WORDS = [b"\n", b"\r", b"\r\n", b":", b" ", b"\0", b"7", b"x", BOM, BOM[:2], b"\xc3", "\u2028".encode()]
FIELDS = [b"data", b"event", b"id", b"retry"]


def check(data: bytes) -> None:
    """One input: every property that tests/wire/test_sse.py states for all streams."""
    source = atheris.FuzzedDataProvider(data)
    cuts = [source.ConsumeIntInRange(0, 12) for _ in range(source.ConsumeIntInRange(0, 8))]
    spelled = source.ConsumeBool()
    body = source.ConsumeBytes(source.remaining_bytes())
    if spelled:
        spelling = WORDS + FIELDS
        body = b"".join(spelling[byte % len(spelling)] for byte in body)

    splitter = EventSplitter(0)
    blocks: list[bytes] = []
    start = 0
    for chunk_bytes in cuts:
        blocks.append(splitter.feed(body[start : start + chunk_bytes]))
        start += chunk_bytes
    blocks.append(splitter.feed(body[start:]))
    held_bytes = splitter.held_bytes
    rest = splitter.flush()
    blocks.append(rest)

    stream = body.removeprefix(BOM) + rest[held_bytes:]
    assert b"".join(blocks) == stream, "bytes were lost, added or moved"
    events: list[SseEvent] = [event for block in blocks for event in parse_events(block)]
    assert events == parse_events(stream), "the events depend on how the stream was cut"
    assert b"".join(event.raw for event in events) == stream, "raw is not what came"
    assert observe(events) == interpret(body + b"\n\n"), "the standard reads it differently"

    encoded = encode_event(body)
    assert [event.raw for event in parse_events(encoded)] == [encoded], "an encoded event is not one event"


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
