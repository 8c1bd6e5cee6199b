"""Responses answers of the simulated provider: pure functions of the request, its settings and a seed.

The JSON response and the events are two views of one list of output items. Shapes: the OpenAI API reference,
the response object and responses streaming events.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from sluiceway.mock.compose import Answer, compose
from sluiceway.mock.images import ImagesAnswer
from sluiceway.mock.responses_request import ResponsesRequest, asked_by
from sluiceway.mock.scene import Event
from sluiceway.mock.settings import MockSettings

_JsonObject = dict[str, Any]
_Kind = Literal["role", "token"]
_Step = tuple[_Kind, str, _JsonObject]  # of a stream: what it carries, its type, and its own fields


def response_for(
    request: ResponsesRequest, settings: MockSettings, picture: ImagesAnswer | None = None
) -> _JsonObject:
    """The answer as a `response`. `picture`: what the image tool drew, if it was offered."""
    answer = compose(asked_by(request), settings)
    cut_short = answer.choices[0].cut_short
    response = _begun(request, answer)
    response["status"] = "incomplete" if cut_short else "completed"
    response["completed_at"] = None if cut_short else answer.created
    response["incomplete_details"] = {"reason": "max_output_tokens"} if cut_short else None
    response["output"] = [item.done for item in _items(request, answer, picture)]
    if settings.usage != "off":
        response["usage"] = _usage(answer)
    return response


def events_for(
    request: ResponsesRequest, settings: MockSettings, picture: ImagesAnswer | None = None
) -> tuple[Event, ...]:
    """The answer as events, in order, from `response.created` to `response.completed` or `.incomplete`."""
    answer = compose(asked_by(request), settings)
    begun = _begun(request, answer)
    whole = response_for(request, settings, picture)
    steps: list[_Step] = [
        ("role", "response.created", {"response": begun}),
        ("role", "response.in_progress", {"response": begun}),
    ]
    for index, item in enumerate(_items(request, answer, picture)):
        steps.append(("role", "response.output_item.added", {"output_index": index, "item": item.added}))
        place = {"item_id": item.added["id"], "output_index": index}
        steps += [(kind, f"response.{name}", place | fields) for kind, name, fields in item.steps]
        steps.append(("role", "response.output_item.done", {"output_index": index, "item": item.done}))
    events = [_event(number, *step) for number, step in enumerate(steps)]
    end = _event(len(steps), "role", f"response.{whole['status']}", {"response": whole})
    return (*events, msgspec.structs.replace(end, kind="end"))


def _event(number: int, kind: _Kind, name: str, fields: _JsonObject) -> Event:
    return Event(kind, {"type": name, "sequence_number": number, **fields}, name)


class _Item(msgspec.Struct, frozen=True):
    """An output item: as it is added, what comes in between, and as it is done."""

    added: _JsonObject
    steps: tuple[_Step, ...]
    done: _JsonObject


def _items(request: ResponsesRequest, answer: Answer, picture: ImagesAnswer | None) -> list[_Item]:
    choice = answer.choices[0]
    items = []
    if choice.reasoning:
        seal = answer.seal if request.seals_thoughts else None
        items.append(_reasoning_item(answer.key, choice.reasoning, seal))
    if picture is not None:
        items.append(_picture_item(answer.key, picture))
    for call in choice.tool_calls:
        added = {
            "id": f"fc_{call.key}",
            "type": "function_call",
            "status": "in_progress",
            "call_id": f"call_{call.key}",
            "name": call.name,
            "arguments": "",
        }
        steps = _pieces("function_call_arguments", "arguments", call.pieces, {})
        items.append(_Item(added, tuple(steps), added | {"status": "completed", "arguments": call.arguments}))
    if not choice.tool_calls:
        items.append(_message_item(answer.key, choice.content, cut_short=choice.cut_short))
    return items


def _message_item(key: str, tokens: tuple[str, ...], *, cut_short: bool) -> _Item:
    added = {
        "id": f"msg_{key}",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }
    empty = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    part = empty | {"text": "".join(tokens)}
    place = {"content_index": 0}
    steps: tuple[_Step, ...] = (
        ("role", "content_part.added", place | {"part": empty}),
        *_pieces("output_text", "text", tokens, place | {"logprobs": []}),
        ("role", "content_part.done", place | {"part": part}),
    )
    done = added | {"status": "incomplete" if cut_short else "completed", "content": [part]}
    return _Item(added, steps, done)


def _reasoning_item(key: str, tokens: tuple[str, ...], seal: str | None) -> _Item:
    added = {"id": f"rs_{key}", "type": "reasoning", "summary": []}
    part = {"type": "summary_text", "text": "".join(tokens)}
    place = {"summary_index": 0}
    steps: tuple[_Step, ...] = (
        ("role", "reasoning_summary_part.added", place | {"part": part | {"text": ""}}),
        *_pieces("reasoning_summary_text", "text", tokens, place),
        ("role", "reasoning_summary_part.done", place | {"part": part}),
    )
    done = added | {"summary": [part]}
    return _Item(added, steps, done if seal is None else done | {"encrypted_content": seal})


def _picture_item(key: str, picture: ImagesAnswer) -> _Item:
    added = {"id": f"ig_{key}", "type": "image_generation_call", "status": "in_progress", "result": None}
    shot = picture.shots[0]
    partials: list[_Step] = [
        (
            "token",
            "image_generation_call.partial_image",
            {"partial_image_index": index, "partial_image_b64": partial, **picture.about},
        )
        for index, partial in enumerate(shot.partials)
    ]
    steps: tuple[_Step, ...] = (
        ("role", "image_generation_call.in_progress", {}),
        ("role", "image_generation_call.generating", {}),
        *partials,
        ("token", "image_generation_call.completed", {}),
    )
    return _Item(added, steps, added | {"status": "completed", "result": shot.final, **picture.about})


def _pieces(name: str, field: str, pieces: tuple[str, ...], fields: _JsonObject) -> Iterator[_Step]:
    """A text in deltas, then whole."""
    for piece in pieces:
        yield "token", f"{name}.delta", fields | {"delta": piece}
    yield "role", f"{name}.done", fields | {field: "".join(pieces)}


def _begun(request: ResponsesRequest, answer: Answer) -> _JsonObject:
    """The response as it starts."""
    return {
        "id": f"resp_{answer.key}",
        "object": "response",
        "created_at": answer.created,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "model": answer.model,
        "output": [],
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": None,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": request.tool_choice or "auto",
        "tools": request.tools or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "metadata": request.metadata or {},
    }


def _usage(answer: Answer) -> _JsonObject:
    return {
        "input_tokens": answer.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": answer.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
    }
