"""A response as the stream that would have carried it.

For a client that streams, from an upstream that does not. Collecting the stream gives the response back,
and OpenAI's SDKs put it together from the events. Every item begins, goes on in one event per text, and
comes whole. Source: the order of events in OpenAI's API reference, and what its SDK's helper demands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sluiceway.dialects.json_text import read_json, write_json
from sluiceway.dialects.openai_errors import read_object_error
from sluiceway.dialects.responses_events import failure_of
from sluiceway.errors import UpstreamInvalid
from sluiceway.wire.sse import encode_event

_Fields = dict[str, Any]
_Step = tuple[str, _Fields]  # an event's type, without `response.`, and its own members

# What a response says only when it has ended: at its beginning each of them is null.
_SAID_AT_THE_END: Final = ("usage", "incomplete_details", "completed_at", "error")
_ENDED: Final = ("completed", "incomplete")

# By type of item: the member that is a text and comes in deltas, and the name of its events. Those of other
# types, `web_search_call` or one that is yet to be invented, have nothing between their begin and end.
_TEXT_OF_ITEM: Final = {
    "function_call": ("arguments", "function_call_arguments"),
    "custom_tool_call": ("input", "custom_tool_call_input"),
    "mcp_call": ("arguments", "mcp_call_arguments"),
    "code_interpreter_call": ("code", "code_interpreter_call_code"),
}

# By type of content part: likewise.
_TEXT_OF_PART: Final = {
    "output_text": ("text", "output_text"),
    "refusal": ("refusal", "refusal"),
    "reasoning_text": ("text", "reasoning_text"),
    "summary_text": ("text", "reasoning_summary_text"),
}


def explode(body: bytes) -> bytes:
    """See `base.Dialect.explode`.

    A response that is only queued or still running (`background`) can't be told as a whole stream, and
    raises `UpstreamInvalid`; one that has failed raises `UpstreamReported`.
    """
    try:
        return b"".join(
            _encode(kind, number, fields) for number, (kind, fields) in enumerate(_write(read_json(body)))
        )
    except ValueError:
        raise UpstreamInvalid("the upstream's answer is not JSON") from None
    except RecursionError:
        raise UpstreamInvalid("the upstream's answer is nested too deeply") from None


def _encode(kind: str, number: int, fields: _Fields) -> bytes:
    data = {"type": f"response.{kind}", "sequence_number": number} | fields
    return encode_event(write_json(data), event=f"response.{kind}".encode())


def _write(response: Any) -> Iterator[_Step]:
    if not isinstance(response, dict):
        raise UpstreamInvalid("the upstream's answer is not a JSON object")
    status = response.get("status") or "completed"  # some imitators give none
    if status == "failed":
        raise failure_of(response)
    if (error := read_object_error(response)) is not None:
        raise error
    if status not in _ENDED:
        raise UpstreamInvalid(
            f"the upstream's response has not ended, so it can't be streamed: its status is {str(status)[:40]!r}"
        )
    output = response.get("output")
    if not isinstance(output, list) or not all(isinstance(item, dict) for item in output):
        raise UpstreamInvalid("the upstream's answer has no list of output items")
    begun = response | {"status": "in_progress", "output": []}
    begun |= dict.fromkeys(name for name in _SAID_AT_THE_END if name in response)
    yield "created", {"response": begun}
    yield "in_progress", {"response": begun}
    for index, item in enumerate(output):
        yield from _write_item(item, index)
    yield status, {"response": response}


def _write_item(item: _Fields, index: int) -> Iterator[_Step]:
    at: _Fields = {"item_id": _text(item.get("id")), "output_index": index}
    kind = _text(item.get("type"))
    begun = item | ({"status": "in_progress"} if "status" in item else {})
    steps: list[_Step] = []
    if kind in ("message", "reasoning"):
        begun |= {member: [] for member in ("summary", "content") if isinstance(item.get(member), list)}
        steps += _write_parts(item.get("summary"), at, "summary_index", "reasoning_summary_part")
        steps += _write_parts(item.get("content"), at, "content_index", "content_part")
    elif kind == "image_generation_call" and item.get("result"):
        begun["result"] = None
        steps.append(("image_generation_call.completed", at))
    elif kind in _TEXT_OF_ITEM:
        member, name = _TEXT_OF_ITEM[kind]
        if isinstance(text := item.get(member), str):
            begun[member] = ""
            steps = [(f"{name}.delta", at | {"delta": text})] if text else []
            steps.append((f"{name}.done", at | {member: text}))
    yield "output_item.added", {"output_index": index, "item": begun}
    yield from steps
    yield "output_item.done", {"output_index": index, "item": item}


def _write_parts(parts: Any, at: _Fields, counter: str, event: str) -> Iterator[_Step]:
    """The parts of a message's or a thought's content, or of a thought's summary."""
    for index, part in enumerate(parts if isinstance(parts, list) else ()):
        where = at | {counter: index}
        kind = _text(part.get("type")) if isinstance(part, dict) else ""
        begun, steps = part, list[_Step]()
        if kind in _TEXT_OF_PART:
            member, name = _TEXT_OF_PART[kind]
            begun = part | {member: ""}
            text, besides = _text(part.get(member)), dict[str, Any]()
            if kind == "output_text":
                begun |= {"annotations": []} | ({"logprobs": []} if "logprobs" in part else {})
                besides = {"logprobs": part.get("logprobs") or []}
            if text:
                steps.append((f"{name}.delta", where | {"delta": text} | besides))
            steps += _write_annotations(part.get("annotations"), where)
            steps.append((f"{name}.done", where | {member: text} | besides))
        yield f"{event}.added", where | {"part": begun}
        yield from steps
        yield f"{event}.done", where | {"part": part}


def _write_annotations(annotations: Any, where: _Fields) -> Iterator[_Step]:
    for number, annotation in enumerate(annotations if isinstance(annotations, list) else ()):
        noted = {"annotation_index": number, "annotation": annotation}
        yield "output_text.annotation.added", where | noted


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
