"""Chat answers of the simulated provider: pure functions of the request, its settings and a seed.

The JSON answer and the chunks are two views of one `Answer`, so both agree to the last character, id
and token count. Shapes: the OpenAI API reference, chat.completion and chat.completion.chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from sluiceway.mock.compose import (
    Answer,
    Asked,
    Choice,
    Function,
    compose,
    last_user_text,
    read_json,
    text_of,
)
from sluiceway.mock.settings import MockSettings

MAX_CHOICES = 8
MAX_STOPS = 4  # as OpenAI

_JsonObject = dict[str, Any]
_Stop = Annotated[str, Meta(min_length=1)]


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What of a request the answer depends on; everything else is accepted and ignored."""

    model: Annotated[str, Meta(min_length=1)]
    messages: Annotated[list[_JsonObject], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: _JsonObject | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_CHOICES)] | None = None
    seed: int | None = None
    tools: list[_JsonObject] | None = None
    tool_choice: str | _JsonObject | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    stop: _Stop | Annotated[list[_Stop], Meta(max_length=MAX_STOPS)] | None = None

    @property
    def include_usage(self) -> bool:
        """Whether the client itself asks for usage on its stream."""
        return bool(self.stream_options and self.stream_options.get("include_usage"))


def read_request(body: bytes) -> ChatRequest:
    """Raises `InvalidRequest` that names the field at fault (`param`)."""
    return read_json(body, ChatRequest)


def asked_by(request: ChatRequest) -> Asked:
    """What the answer depends on."""
    choice = request.tool_choice
    chosen = _function(choice).name if isinstance(choice, dict) else None
    return Asked(
        model=request.model,
        said=request.messages,
        texts=tuple(text_of(message.get("content")) for message in request.messages),
        last_user_text=last_user_text(request.messages),
        functions=tuple(_function(tool) for tool in request.tools or ()),
        chosen=chosen,
        may_call=choice != "none" and request.messages[-1].get("role") != "tool",
        limit=request.max_completion_tokens or request.max_tokens,
        stops=_stops(request),
        seed=request.seed,
        count=1 if request.n is None else request.n,
    )


def answer_for(request: ChatRequest, settings: MockSettings) -> _JsonObject:
    """The answer as a `chat.completion`."""
    answer = compose(asked_by(request), settings)
    body = _envelope(answer, "chat.completion")
    body["choices"] = [
        {
            "index": index,
            "message": _message(choice),
            "logprobs": None,
            "finish_reason": _finish_reason(choice),
        }
        for index, choice in enumerate(answer.choices)
    ]
    if settings.usage != "off":
        body["usage"] = _usage(answer)
    return body


def chunks_for(request: ChatRequest, settings: MockSettings) -> list[_JsonObject]:
    """The answer as `chat.completion.chunk`s, in order; the end marker is not among them."""
    answer = compose(asked_by(request), settings)
    wanted = request.include_usage or not request.stream  # what stands in for JSON has what JSON would have
    usage_last = settings.usage == "on" or (settings.usage == "auto" and wanted)
    chunks = []
    open_choices = len(answer.choices)
    completion_tokens = 0
    for index, delta, finish_reason in _interleaved(answer):
        chunk = _envelope(answer, "chat.completion.chunk")
        chunk["choices"] = [
            {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        ]
        completion_tokens += carries_token(chunk)
        open_choices -= finish_reason is not None
        if settings.usage == "every":
            chunk["usage"] = _usage(answer, completion_tokens)
        elif settings.usage == "in_choices" and not open_choices:
            chunk["usage"] = _usage(answer)
        elif usage_last:
            chunk["usage"] = None  # as OpenAI does: null until the last chunk
        chunks.append(chunk)
    if usage_last:
        chunks.append(_envelope(answer, "chat.completion.chunk") | {"choices": [], "usage": _usage(answer)})
    return chunks


def carries_token(chunk: _JsonObject) -> bool:
    """Whether a chunk brings new text or arguments, and so has to wait for its token."""
    return any(
        choice["delta"].get("content")
        or choice["delta"].get("reasoning_content")
        or any(call["function"]["arguments"] for call in choice["delta"].get("tool_calls", ()))
        for choice in chunk["choices"]
    )


def _usage(answer: Answer, so_far: int | None = None) -> _JsonObject:
    """The `usage` object; for a given number of tokens so far, or for all."""
    completion = answer.completion_tokens if so_far is None else so_far
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": answer.prompt_tokens + completion,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": min(answer.reasoning_tokens, completion)},
    }


def _function(tool: _JsonObject) -> Function:
    function = tool.get("function")
    if not isinstance(function, dict):
        return Function()
    return Function(str(function.get("name", "lookup")), function.get("parameters"))


def _stops(request: ChatRequest) -> tuple[str, ...]:
    return (request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ())


def _finish_reason(choice: Choice) -> str:
    if choice.tool_calls:
        return "tool_calls"
    return "length" if choice.cut_short else "stop"


def _envelope(answer: Answer, kind: str) -> _JsonObject:
    return {
        "id": f"chatcmpl-{answer.key}",
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "system_fingerprint": "fp_mock",
    }


def _message(choice: Choice) -> _JsonObject:
    message: _JsonObject = {"role": "assistant", "content": "".join(choice.content), "refusal": None}
    if choice.reasoning:
        message["reasoning_content"] = "".join(choice.reasoning)
    if choice.tool_calls:
        message["content"] = None
        message["tool_calls"] = [
            {
                "id": f"call_{call.key}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in choice.tool_calls
        ]
    return message


def _interleaved(answer: Answer) -> Iterator[tuple[int, _JsonObject, str | None]]:
    """Index, delta and finish reason of each chunk; several choices advance together."""
    for row in zip_longest(*(_deltas(choice) for choice in answer.choices)):
        for index, step in enumerate(row):
            if step is not None:
                yield index, *step


def _deltas(choice: Choice) -> Iterator[tuple[_JsonObject, str | None]]:
    yield {"role": "assistant", "content": None if choice.tool_calls else "", "refusal": None}, None
    for token in choice.reasoning:
        yield {"reasoning_content": token}, None
    for token in choice.content:
        yield {"content": token}, None
    for index, call in enumerate(choice.tool_calls):
        function = {"name": call.name, "arguments": ""}
        yield (
            {
                "tool_calls": [
                    {"index": index, "id": f"call_{call.key}", "type": "function", "function": function}
                ]
            },
            None,
        )
        for piece in call.pieces:
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, None
    yield {}, _finish_reason(choice)
