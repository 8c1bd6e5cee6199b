"""A message as the stream that would have carried it.

For upstreams that answer with JSON where the client wants a stream. Collecting the stream gives the
message back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sluiceway.dialects.json_text import read_json, write_json
from sluiceway.dialects.openai_errors import read_object_error
from sluiceway.errors import UpstreamInvalid
from sluiceway.wire.sse import encode_event

_Fields = dict[str, Any]
_SAID_AT_THE_END = ("stop_reason", "stop_sequence")


def explode(body: bytes) -> bytes:
    """See `base.Dialect.explode`."""
    try:
        events = list(_write(read_json(body)))
        return b"".join(
            encode_event(write_json({"type": kind} | fields), event=kind.encode()) for kind, fields in events
        )
    except ValueError:
        raise UpstreamInvalid("the upstream's answer is not JSON") from None
    except RecursionError:
        raise UpstreamInvalid("the upstream's answer is nested too deeply") from None


def _write(message: Any) -> Iterator[tuple[str, _Fields]]:
    """Type and further fields of each event."""
    if not isinstance(message, dict):
        raise UpstreamInvalid("the upstream's answer is not a JSON object")
    if (error := read_object_error(message)) is not None:
        raise error
    content = message.get("content")
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise UpstreamInvalid("the upstream's answer has no list of content blocks")
    ends = {name: message[name] for name in _SAID_AT_THE_END if name in message}
    # Anthropic's SDK reads `usage.output_tokens` of each of these two events, so an imitator's answer without
    # usage gets a zero there.
    usage = message.get("usage")
    counts = usage if isinstance(usage, dict) else {"output_tokens": 0}
    begun = message | {"content": [], "usage": counts | {"output_tokens": 0}} | dict.fromkeys(ends)
    yield "message_start", {"message": begun}
    for index, block in enumerate(content):
        started, deltas = _open(block)
        yield "content_block_start", {"index": index, "content_block": started}
        for delta in deltas:
            yield "content_block_delta", {"index": index, "delta": delta}
        yield "content_block_stop", {"index": index}
    yield "message_delta", {"delta": ends, "usage": counts}
    yield "message_stop", {}


def _open(block: _Fields) -> tuple[_Fields, list[_Fields]]:
    """The block as it begins, and what makes it whole. Of a type that has no deltas: whole at once."""
    started, deltas = dict(block), []
    match block.get("type"):
        case "text":
            deltas += _empty(started, "text", "text_delta")
            citations = block.get("citations")
            if isinstance(citations, list) and citations:
                del started["citations"]
                deltas += [{"type": "citations_delta", "citation": citation} for citation in citations]
        case "thinking":
            deltas += _empty(started, "thinking", "thinking_delta")
            deltas += _empty(started, "signature", "signature_delta")
        case _ if isinstance(block.get("input"), dict) and block["input"]:
            started["input"] = {}
            text = write_json(block["input"]).decode()
            deltas.append({"type": "input_json_delta", "partial_json": text})
    return started, deltas


def _empty(started: _Fields, name: str, kind: str) -> list[_Fields]:
    """Take a text out of the block, for a delta."""
    text = started.get(name)
    if not isinstance(text, str) or not text:
        return []
    started[name] = ""
    return [{"type": kind, name: text}]
