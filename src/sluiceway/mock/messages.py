"""Messages answers of the simulated provider: pure functions of the request, its settings and a seed.

The JSON message and the events are two views of one `Answer`. Shapes: the Anthropic API reference, Messages
and Streaming Messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from sluiceway.errors import InvalidRequest
from sluiceway.mock.compose import (
    Answer,
    Asked,
    Choice,
    Function,
    compose,
    last_user_text,
    prompt_tokens,
    read_json,
    text_of,
)
from sluiceway.mock.scene import Event
from sluiceway.mock.settings import MockSettings

MIN_BUDGET_TOKENS = 1024  # the least that Anthropic takes for `thinking`
_THOUGHTS = 8  # tokens, if thinking is asked for and the knob says nothing

_JsonObject = dict[str, Any]


class Turn(msgspec.Struct, frozen=True):
    """One message of the conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | list[_JsonObject]


class Thinking(msgspec.Struct, frozen=True):
    """Whether, and how much, the client wants the model to think."""

    type: Literal["enabled", "adaptive", "disabled"]
    budget_tokens: Annotated[int, Meta(ge=MIN_BUDGET_TOKENS)] | None = None


class CountRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the price of a prompt depends on."""

    model: Annotated[str, Meta(min_length=1)]
    messages: Annotated[list[Turn], Meta(min_length=1)]
    system: str | list[_JsonObject] | None = None
    tools: list[_JsonObject] | None = None
    tool_choice: _JsonObject | None = None
    thinking: Thinking | None = None


class MessagesRequest(CountRequest, frozen=True, kw_only=True):
    """What of a request the answer depends on; everything else is accepted and ignored."""

    max_tokens: Annotated[int, Meta(ge=1)]
    stop_sequences: list[Annotated[str, Meta(min_length=1)]] | None = None
    stream: bool | None = None


def read_request(body: bytes) -> MessagesRequest:
    """Raises `InvalidRequest` that names the field at fault (`param`)."""
    request = read_json(body, MessagesRequest)
    thinking = request.thinking
    if thinking is not None and thinking.type == "enabled":
        if thinking.budget_tokens is None:
            raise InvalidRequest(
                "thinking.enabled.budget_tokens: Field required.", param="thinking.budget_tokens"
            )
        if thinking.budget_tokens >= request.max_tokens:
            raise InvalidRequest(
                "`max_tokens` must be greater than `thinking.budget_tokens`.", param="max_tokens"
            )
    return request


def count_for(body: bytes) -> _JsonObject:
    """The answer to `count_tokens`; raises `InvalidRequest` as `read_request` does."""
    return {"input_tokens": prompt_tokens(asked_by(read_json(body, CountRequest)))}


def asked_by(request: CountRequest) -> Asked:
    """What the answer depends on."""
    turns = [{"role": turn.role, "content": turn.content} for turn in request.messages]
    system = () if request.system is None else (request.system,)
    choice = request.tool_choice or {}
    thinks = request.thinking is not None and request.thinking.type != "disabled"
    ends: _JsonObject = {}
    if isinstance(request, MessagesRequest):  # counting has no answer to end
        ends = {"limit": request.max_tokens, "stops": tuple(request.stop_sequences or ())}
    return Asked(
        model=request.model,
        said=turns,
        texts=tuple(text_of(content) for content in (*system, *(turn.content for turn in request.messages))),
        last_user_text=last_user_text(turns),
        functions=tuple(_function(tool) for tool in request.tools or ()),
        chosen=str(choice.get("name")) if choice.get("type") == "tool" else None,
        may_call=choice.get("type") != "none" and not _holds_result(request.messages[-1]),
        reasoning=_THOUGHTS if thinks else 0,
        **ends,
    )


def message_for(request: MessagesRequest, settings: MockSettings) -> _JsonObject:
    """The answer as a `message`."""
    answer = compose(asked_by(request), settings)
    message = _envelope(answer)
    message["content"] = [_whole(block) for block in _blocks(answer)]
    message |= _stop(answer.choices[0])
    if settings.usage != "off":
        message["usage"] |= _final_usage(answer)
    else:
        del message["usage"]
    return message


def events_for(request: MessagesRequest, settings: MockSettings) -> tuple[Event, ...]:
    """The answer as events, in order, from `message_start` to `message_stop`."""
    answer = compose(asked_by(request), settings)
    message = _envelope(answer)
    stop = _stop(answer.choices[0])
    end: _JsonObject = {"type": "message_delta", "delta": stop, "usage": _final_usage(answer)}
    if settings.usage == "off":
        del message["usage"], end["usage"]
    events = [_event("role", {"type": "message_start", "message": message}), _event("role", {"type": "ping"})]
    for index, block in enumerate(_blocks(answer)):
        events.append(
            _event("role", {"type": "content_block_start", "index": index, "content_block": block.empty})
        )
        events += [
            _event(kind, {"type": "content_block_delta", "index": index, "delta": piece})
            for kind, piece in block.deltas()
        ]
        events.append(_event("role", {"type": "content_block_stop", "index": index}))
    return (*events, _event("finish", end), _event("end", {"type": "message_stop"}))


class _Block(msgspec.Struct, frozen=True):
    """A content block: as it starts, what its deltas are called, and its tokens."""

    empty: _JsonObject
    field: Literal["text", "thinking", "partial_json"]
    pieces: tuple[str, ...]
    signature: str = ""

    def deltas(self) -> Iterator[tuple[Literal["role", "token"], _JsonObject]]:
        """Each delta, and whether it carries a token."""
        name = "input_json_delta" if self.field == "partial_json" else f"{self.field}_delta"
        for piece in self.pieces:
            yield "token", {"type": name, self.field: piece}
        if self.signature:
            yield "role", {"type": "signature_delta", "signature": self.signature}


def _blocks(answer: Answer) -> list[_Block]:
    choice = answer.choices[0]
    blocks = []
    if choice.reasoning:
        empty = {"type": "thinking", "thinking": "", "signature": ""}
        blocks.append(_Block(empty, "thinking", choice.reasoning, answer.seal))
    if choice.content:
        blocks.append(_Block({"type": "text", "text": ""}, "text", choice.content))
    for call in choice.tool_calls:
        called: _JsonObject = {"type": "tool_use", "id": f"toolu_{call.key}", "name": call.name, "input": {}}
        blocks.append(_Block(called, "partial_json", call.pieces))
    return blocks


def _whole(block: _Block) -> _JsonObject:
    text = "".join(block.pieces)
    if block.field == "partial_json":
        return block.empty | {"input": msgspec.json.decode(text)}
    whole = block.empty | {block.field: text}
    return whole | {"signature": block.signature} if block.signature else whole


def _envelope(answer: Answer) -> _JsonObject:
    """The message as it starts."""
    return {
        "id": f"msg_{answer.key}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**_input_usage(answer), "output_tokens": 1, "service_tier": "standard"},
    }


def _input_usage(answer: Answer) -> _JsonObject:
    return {
        "input_tokens": answer.prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }


def _final_usage(answer: Answer) -> _JsonObject:
    usage = {**_input_usage(answer), "output_tokens": answer.completion_tokens}
    if answer.reasoning_tokens:
        usage["output_tokens_details"] = {"thinking_tokens": answer.reasoning_tokens}
    return usage


def _stop(choice: Choice) -> _JsonObject:
    """Why the message ends."""
    reason = "max_tokens" if choice.cut_short else "end_turn"
    if choice.stopped_by is not None:
        reason = "stop_sequence"
    elif choice.tool_calls:
        reason = "tool_use"
    return {"stop_reason": reason, "stop_sequence": choice.stopped_by}


def _function(tool: _JsonObject) -> Function:
    return Function(str(tool.get("name", "lookup")), tool.get("input_schema"))


def _holds_result(turn: Turn) -> bool:
    return isinstance(turn.content, list) and any(
        block.get("type") == "tool_result" for block in turn.content
    )


def _event(kind: Literal["role", "token", "finish", "end"], data: _JsonObject) -> Event:
    return Event(kind, data, data["type"])
