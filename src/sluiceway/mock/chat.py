"""Chat answers of the simulated provider: pure functions of the request, its settings and a seed.

The JSON answer and the chunks are two views of one `Answer`, so both agree to the last character, id
and token count. Shapes: the OpenAI API reference, chat.completion and chat.completion.chunk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import zip_longest
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from sluiceway.errors import InvalidRequest
from sluiceway.mock.settings import MAX_TOKENS, MockSettings
from sluiceway.mock.words import arguments, cut, seeded, split_text, words

MAX_CHOICES = 8
_CREATED = 1_700_000_000  # answers of one seed are made at one time
_CREATED_RANGE = 10_000_000
_CHARS_PER_TOKEN = 4

_JsonObject = dict[str, Any]


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

    @property
    def include_usage(self) -> bool:
        """Whether the client itself asks for usage on its stream."""
        return bool(self.stream_options and self.stream_options.get("include_usage"))


class ToolCall(msgspec.Struct, frozen=True):
    """One call; its arguments (JSON text) in the pieces they are streamed in."""

    id: str
    name: str
    pieces: tuple[str, ...]


class Choice(msgspec.Struct, frozen=True):
    """One choice, in tokens."""

    reasoning: tuple[str, ...]
    content: tuple[str, ...]
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str

    @property
    def token_count(self) -> int:
        """Tokens as usage counts them."""
        return len(self.reasoning) + len(self.content) + sum(len(call.pieces) for call in self.tool_calls)


class Answer(msgspec.Struct, frozen=True):
    """An answer before it has a form."""

    id: str
    created: int
    model: str
    choices: tuple[Choice, ...]
    prompt_tokens: int

    def usage(self, completion_tokens: int | None = None) -> _JsonObject:
        """The `usage` object; for a given number of tokens so far, or for all."""
        count = sum(choice.token_count for choice in self.choices)
        completion = count if completion_tokens is None else completion_tokens
        reasoning = sum(len(choice.reasoning) for choice in self.choices)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": min(reasoning, completion)},
        }


def read_request(body: bytes) -> ChatRequest:
    """Raises `InvalidRequest` that names the field at fault (`param`)."""
    try:
        return msgspec.json.decode(body, type=ChatRequest)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$")
        field = where.strip(".`") or (reason.split("`")[1] if "missing required field" in reason else None)
        raise InvalidRequest(f"{reason}{f' ({field})' if where else ''}.", param=field) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest("The request body is not valid JSON.") from None


def answer_for(request: ChatRequest, settings: MockSettings) -> _JsonObject:
    """The answer as a `chat.completion`."""
    answer = compose(request, settings)
    body = _envelope(answer, "chat.completion")
    body["choices"] = [
        {
            "index": index,
            "message": _message(choice),
            "logprobs": None,
            "finish_reason": choice.finish_reason,
        }
        for index, choice in enumerate(answer.choices)
    ]
    if settings.usage != "off":
        body["usage"] = answer.usage()
    return body


def chunks_for(request: ChatRequest, settings: MockSettings) -> list[_JsonObject]:
    """The answer as `chat.completion.chunk`s, in order; the end marker is not among them."""
    answer = compose(request, settings)
    usage_last = settings.usage == "on" or (settings.usage == "auto" and request.include_usage)
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
            chunk["usage"] = answer.usage(completion_tokens)
        elif settings.usage == "in_choices" and not open_choices:
            chunk["usage"] = answer.usage()
        elif usage_last:
            chunk["usage"] = None  # as OpenAI does: null until the last chunk
        chunks.append(chunk)
    if usage_last:
        chunks.append(_envelope(answer, "chat.completion.chunk") | {"choices": [], "usage": answer.usage()})
    return chunks


def carries_token(chunk: _JsonObject) -> bool:
    """Whether a chunk brings new text or arguments, and so has to wait for its token."""
    return any(
        choice["delta"].get("content")
        or choice["delta"].get("reasoning_content")
        or any(call["function"]["arguments"] for call in choice["delta"].get("tool_calls", ()))
        for choice in chunk["choices"]
    )


def compose(request: ChatRequest, settings: MockSettings) -> Answer:
    """What the answer says."""
    seed = seed_for(request, settings)
    digest = hashlib.sha256(str(seed).encode()).hexdigest()
    count = 1 if request.n is None else request.n
    return Answer(
        id=f"chatcmpl-{digest[:24]}",
        created=_CREATED + int(digest[24:32], 16) % _CREATED_RANGE,
        model=request.model,
        choices=tuple(_choice(request, settings, seed, index) for index in range(count)),
        prompt_tokens=3 + sum(4 + len(_text(message)) // _CHARS_PER_TOKEN for message in request.messages),
    )


def seed_for(request: ChatRequest, settings: MockSettings) -> int:
    """The knob, else the request's own seed, else one made from its messages."""
    if settings.seed is not None:
        return settings.seed
    if request.seed is not None:
        return request.seed
    canonical = msgspec.json.encode(request.messages, order="deterministic")
    return int.from_bytes(hashlib.sha256(canonical).digest()[:4])


def _choice(request: ChatRequest, settings: MockSettings, seed: int, index: int) -> Choice:
    rng = seeded(seed, index)
    reasoning = words(rng, settings.reasoning)
    calls = _tool_calls(request, settings, seed, index)
    if calls:
        return Choice(reasoning, (), calls, "tool_calls")
    content = split_text(_last_user_text(request)) if settings.echo else words(rng, settings.tokens)
    limit = min(request.max_completion_tokens or request.max_tokens or MAX_TOKENS, MAX_TOKENS)
    if len(content) > limit:
        return Choice(reasoning, content[:limit], (), "length")
    return Choice(reasoning, content, (), "stop")


def _tool_calls(request: ChatRequest, settings: MockSettings, seed: int, index: int) -> tuple[ToolCall, ...]:
    wanted = settings.tools if settings.tools is not None else int(bool(request.tools))
    if not wanted or request.tool_choice == "none" or request.messages[-1].get("role") == "tool":
        return ()
    functions = [_function(tool) for tool in request.tools or ()] or [{"name": "lookup"}]
    if isinstance(request.tool_choice, dict):
        chosen = _function(request.tool_choice).get("name")
        functions = [function for function in functions if function.get("name") == chosen] or functions
    calls = []
    for number in range(wanted):
        rng = seeded(seed, index, "tool", number)
        function = functions[number % len(functions)]
        text = arguments(rng, function.get("parameters"))
        name = str(function.get("name", "lookup"))
        calls.append(ToolCall(f"call_{rng.getrandbits(96):024x}", name, cut(rng, text)))
    return tuple(calls)


def _function(tool: _JsonObject) -> _JsonObject:
    function = tool.get("function")
    return function if isinstance(function, dict) else {}


def _text(message: _JsonObject) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def _last_user_text(request: ChatRequest) -> str:
    users = (message for message in reversed(request.messages) if message.get("role") == "user")
    return _text(next(users, {}))


def _envelope(answer: Answer, kind: str) -> _JsonObject:
    return {
        "id": answer.id,
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
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": "".join(call.pieces)},
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
            {"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]},
            None,
        )
        for piece in call.pieces:
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, None
    yield {}, choice.finish_reason
