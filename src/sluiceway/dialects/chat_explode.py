"""A `chat.completion` as the event stream that would have carried it.

For a client that streams, from an upstream that does not. Everything in the answer is in the stream:
collecting the stream gives the answer back. Thoughts come before the text, as they do in a real stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sluiceway.dialects.chat_chunk import read_index
from sluiceway.dialects.chat_follow import DONE
from sluiceway.dialects.json_text import read_json, write_json
from sluiceway.dialects.openai_errors import read_object_error
from sluiceway.errors import UpstreamInvalid
from sluiceway.wire.sse import encode_event

_THOUGHTS: Final = ("reasoning_content", "reasoning", "reasoning_details")
_PER_CHOICE: Final = frozenset({"index", "message", "logprobs", "finish_reason"})


def explode(body: bytes, *, include_usage: bool) -> bytes:
    """See `base.Dialect.explode`."""
    try:
        return b"".join(map(encode_event, _write(read_json(body), include_usage=include_usage)))
    except ValueError:
        raise UpstreamInvalid("the upstream's answer is not JSON") from None
    except RecursionError:
        raise UpstreamInvalid("the upstream's answer is nested too deeply") from None


def _write(answer: Any, *, include_usage: bool) -> Iterator[bytes]:
    """The data of each event."""
    if not isinstance(answer, dict):
        raise UpstreamInvalid("the upstream's answer is not a JSON object")
    if (error := read_object_error(answer)) is not None:
        raise error
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        raise UpstreamInvalid("the upstream's answer has no choices")
    envelope = {name: value for name, value in answer.items() if name not in ("choices", "usage")}
    envelope["object"] = "chat.completion.chunk"
    for position, choice in enumerate(choices):
        for piece in _explode_choice(choice, position):
            yield write_json(envelope | {"choices": [piece]})
    usage = answer.get("usage")
    if include_usage and usage is not None:
        yield write_json(envelope | {"choices": [], "usage": usage})
    yield DONE


def _explode_choice(choice: Any, position: int) -> Iterator[dict[str, Any]]:
    """Role; thoughts; everything else but tool calls, with logprobs; tool calls; finish reason."""
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise UpstreamInvalid("the upstream's answer has a choice without a message")
    index = read_index(choice)
    index = position if index is None else index
    calls = message.get("tool_calls")
    thoughts = {name: message[name] for name in _THOUGHTS if message.get(name)}
    rest = {name: value for name, value in message.items() if name not in ("role", "tool_calls", *thoughts)}
    logprobs = choice.get("logprobs")

    yield _piece(index, {"role": message.get("role") or "assistant"})
    if thoughts:
        yield _piece(index, thoughts)
    yield _piece(index, rest) | ({} if logprobs is None else {"logprobs": logprobs})
    if isinstance(calls, list) and calls:
        yield _piece(index, {"tool_calls": [_numbered(call, number) for number, call in enumerate(calls)]})
    extras = {name: value for name, value in choice.items() if name not in _PER_CHOICE}
    yield _piece(index, {}) | {"finish_reason": choice.get("finish_reason")} | extras


def _piece(index: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": None}


def _numbered(call: Any, number: int) -> dict[str, Any]:
    if not isinstance(call, dict):
        raise UpstreamInvalid("the upstream's answer has a tool call that is no object")
    return {"index": number} | {name: value for name, value in call.items() if name != "index"}
