"""A message as the event stream that would have carried it.

For a client that streams, from an upstream that does not. Everything in the message is in the stream:
collecting the stream gives the message back, and so does Anthropic's SDK.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sluiceway.dialects.anthropic_errors import read_object_error
from sluiceway.dialects.json_text import read_json, write_json
from sluiceway.errors import UpstreamInvalid
from sluiceway.wire.sse import encode_event

_Fields = dict[str, Any]

# A real stream tells these in `message_delta`, and the SDK overwrites them with what it finds there.
_AT_THE_END: Final = ("stop_reason", "stop_sequence", "stop_details", "container")
_TOOLS: Final = ("tool_use", "server_tool_use", "mcp_tool_use")  # whose input the SDK joins


def explode(body: bytes) -> bytes:
    """See `base.Dialect.explode`."""
    try:
        return b"".join(
            encode_event(write_json({"type": kind} | fields), event=kind.encode())
            for kind, fields in _write(read_json(body))
        )
    except ValueError:
        raise UpstreamInvalid("the upstream's answer is not JSON") from None
    except RecursionError:
        raise UpstreamInvalid("the upstream's answer is nested too deeply") from None


def _write(message: Any) -> Iterator[tuple[str, _Fields]]:
    """Kind and further fields of each event."""
    if not isinstance(message, dict):
        raise UpstreamInvalid("the upstream's answer is not a JSON object")
    if (error := read_object_error(message)) is not None:
        raise error
    content = message.get("content")
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise UpstreamInvalid("the upstream's answer has no list of content blocks")
    ends = {name: message[name] for name in _AT_THE_END if name in message}
    # The SDK fails where either of the two events has no `usage.output_tokens`, so that the answer of an
    # imitator who counts nothing gets zeros.
    usage = message.get("usage")
    counts = {"output_tokens": 0} | (usage if isinstance(usage, dict) else {})
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
    """The block as it starts, and its deltas. One of a type that has no deltas starts whole."""
    started, deltas = dict(block), []
    kind = block.get("type")
    if kind == "text":
        deltas += _take_text(started, "text")
        citations = block.get("citations")
        if isinstance(citations, list):
            started["citations"] = []
            deltas += [{"type": "citations_delta", "citation": citation} for citation in citations]
    elif kind == "thinking":
        deltas += _take_text(started, "thinking")
        deltas += _take_text(started, "signature")
    elif kind in _TOOLS and isinstance(block.get("input"), dict) and block["input"]:
        started["input"] = {}
        deltas.append({"type": "input_json_delta", "partial_json": write_json(block["input"]).decode()})
    return started, deltas


def _take_text(started: _Fields, name: str) -> list[_Fields]:
    """Move a text out of the block into a delta, where there is one."""
    text = started.get(name)
    if not isinstance(text, str) or not text:
        return []
    started[name] = ""
    return [{"type": f"{name}_delta", name: text}]
