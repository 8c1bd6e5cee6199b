"""A response as the stream that would have carried it.

For upstreams that answer with JSON where the client wants a stream. Collecting the stream gives the
response back. Source: the order of events in OpenAI's API reference, and what its SDK's helper demands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sluiceway.dialects.json_text import read_json, write_json
from sluiceway.dialects.openai_errors import read_object_error
from sluiceway.dialects.responses_events import read_error
from sluiceway.errors import UpstreamInvalid
from sluiceway.wire.sse import SseEvent, encode_event

_Fields = dict[str, Any]

# What a response says only when it has ended: at its beginning each of them is null.
_SAID_AT_THE_END: Final = ("usage", "incomplete_details", "completed_at", "error")
_ENDED: Final = ("completed", "incomplete")


def explode(body: bytes) -> bytes:
    """See `base.Dialect.explode`. A response that is only queued, or still running, can't be told as a whole
    stream, and raises `UpstreamInvalid`."""
    try:
        return b"".join(
            encode_event(
                write_json({"type": kind} | fields | {"sequence_number": number}), event=kind.encode()
            )
            for number, (kind, fields) in enumerate(_write(read_json(body)))
        )
    except ValueError:
        raise UpstreamInvalid("the upstream's answer is not JSON") from None
    except RecursionError:
        raise UpstreamInvalid("the upstream's answer is nested too deeply") from None


def _write(response: Any) -> Iterator[tuple[str, _Fields]]:
    """Type and further fields of each event."""
    if not isinstance(response, dict):
        raise UpstreamInvalid("the upstream's answer is not a JSON object")
    output, status = response.get("output"), response.get("status", "completed")
    if status == "failed":
        failed = read_error(SseEvent(b"", event=b"response.failed"), {"response": response})
        assert failed is not None
        raise failed
    if (error := read_object_error(response)) is not None:
        raise error
    if not isinstance(output, list) or not all(isinstance(item, dict) for item in output):
        raise UpstreamInvalid("the upstream's answer has no list of output items")
    if status not in _ENDED:
        raise UpstreamInvalid(f"the upstream's response has not ended; its status is {str(status)[:40]!r}")
    begun = response | {"output": [], "status": "in_progress"}
    begun |= dict.fromkeys(name for name in _SAID_AT_THE_END if name in response)
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(output):
        yield from _write_item(item, {"output_index": index})
    yield f"response.{status}", {"response": response}


def _write_item(item: _Fields, place: _Fields) -> Iterator[tuple[str, _Fields]]:
    begun = dict(item)
    if "status" in item:
        begun["status"] = "in_progress"
    at = place | {"item_id": item.get("id")}
    kind, steps = item.get("type"), list[tuple[str, _Fields]]()
    if kind == "message":
        begun["content"] = []
        steps += _write_parts(item.get("content"), at)
    elif kind == "function_call":
        begun["arguments"] = ""
        arguments = item.get("arguments")
        steps.append(("response.function_call_arguments.delta", at | {"delta": arguments}))
        done = {"arguments": arguments, "name": item.get("name")}
        steps.append(("response.function_call_arguments.done", at | done))
    elif kind == "reasoning":
        begun["summary"] = []
        steps += _write_summary(item.get("summary"), at)
    elif kind == "image_generation_call":
        begun["result"] = None
        steps.append(("response.image_generation_call.completed", at))
    yield "response.output_item.added", place | {"item": begun}
    yield from steps
    yield "response.output_item.done", place | {"item": item}


def _write_parts(content: Any, at: _Fields) -> Iterator[tuple[str, _Fields]]:
    for index, part in enumerate(_objects(content)):
        here = at | {"content_index": index}
        if part.get("type") == "output_text":
            begun = part | {"text": "", "annotations": []}
            text, logprobs = part.get("text"), part.get("logprobs") or []
            yield "response.content_part.added", here | {"part": begun}
            yield "response.output_text.delta", here | {"delta": text, "logprobs": logprobs}
            for number, annotation in enumerate(_objects(part.get("annotations"))):
                noted = {"annotation_index": number, "annotation": annotation}
                yield "response.output_text.annotation.added", here | noted
            yield "response.output_text.done", here | {"text": text, "logprobs": logprobs}
        elif part.get("type") == "refusal":
            refusal = part.get("refusal")
            yield "response.content_part.added", here | {"part": part | {"refusal": ""}}
            yield "response.refusal.delta", here | {"delta": refusal}
            yield "response.refusal.done", here | {"refusal": refusal}
        else:
            yield "response.content_part.added", here | {"part": part}
        yield "response.content_part.done", here | {"part": part}


def _write_summary(summary: Any, at: _Fields) -> Iterator[tuple[str, _Fields]]:
    for index, part in enumerate(_objects(summary)):
        here = at | {"summary_index": index}
        text = part.get("text")
        yield "response.reasoning_summary_part.added", here | {"part": part | {"text": ""}}
        yield "response.reasoning_summary_text.delta", here | {"delta": text}
        yield "response.reasoning_summary_text.done", here | {"text": text}
        yield "response.reasoning_summary_part.done", here | {"part": part}


def _objects(value: Any) -> list[_Fields]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []
