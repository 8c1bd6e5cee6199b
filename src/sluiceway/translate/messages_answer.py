"""A whole Messages answer in the neutral form, and back; what streams share with it: usage and stop reasons.

Source: the SDK's `message`, `usage` and `stop_reason`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sluiceway.dialects.json_text import NOT_JSON, write_json
from sluiceway.errors import UpstreamInvalid
from sluiceway.translate.messages_blocks import SEALED_BY
from sluiceway.translate.messages_turns import read_arguments
from sluiceway.translate.neutral import Answer, Call, Image, Refusal, Stop, Text, Thinking, Tokens

AnswerPart = Text | Thinking | Refusal | Call | Image

_STOP_OF: Final[dict[str, Stop]] = {
    "end_turn": "end",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "calls",
    "pause_turn": "pause",
    "refusal": "refusal",
    "model_context_window_exceeded": "length",
}
_REASON_OF: Final[dict[Stop, str]] = {
    "end": "end_turn",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "calls": "tool_use",
    "pause": "pause_turn",
    "refusal": "refusal",
    "filter": "refusal",  # "when streaming classifiers intervene", in the SDK's words
}

# ── reading ─────────────────────────────────────────────────────────────────────────────────────────


def read_answer(answer: dict[str, Any]) -> Answer:
    """See `neutral.Translator`. Raises `UpstreamInvalid` for content that has no neutral form, too."""
    content = answer.get("content")
    if not isinstance(content, list):
        raise UpstreamInvalid("the upstream's answer has no content")
    parts = [part for block in content for part in _read_block(block)]
    stop = read_stop(answer.get("stop_reason"))
    if explanation := read_explanation(answer.get("stop_details")):
        parts.append(Refusal(explanation))
    return Answer(
        id=text_of(answer, "id"),
        model=text_of(answer, "model"),
        parts=tuple(parts),
        stop=stop,
        stop_sequence=text_of(answer, "stop_sequence") or None,
        tokens=read_tokens(answer.get("usage")),
    )


def read_stop(reason: Any) -> Stop | None:
    """A `stop_reason`; None for one that is not known, since its meaning would have to be invented."""
    return _STOP_OF.get(reason) if isinstance(reason, str) else None


def read_explanation(details: Any) -> str:
    """Why the model declined, from `stop_details`; mostly the only words of such an answer."""
    return text_of(details, "explanation") if isinstance(details, dict) else ""


def read_tokens(usage: Any) -> Tokens | None:
    """A `usage`; None where it counts nothing.

    `input_tokens` leaves out what was read from the cache or written to it, so the three are added up. No
    request is empty, so an input of 0 is the placeholder of an upstream that does not know (yet), and so
    is an output of 0 beside it.
    """
    if not isinstance(usage, dict):
        return None
    cached, written = _count(usage, "cache_read_input_tokens"), _count(usage, "cache_creation_input_tokens")
    fresh = _count(usage, "input_tokens")
    output = _count(usage, "output_tokens")
    taken = None if fresh is None else (fresh + (cached or 0) + (written or 0)) or None
    tokens = Tokens(
        input=taken,
        output=output if taken or output else None,
        cached=cached if taken else None,
        cache_written=written if taken else None,
        reasoning=_count(usage.get("output_tokens_details"), "thinking_tokens"),
    )
    return None if tokens == Tokens() else tokens


def text_of(fields: dict[str, Any], name: str) -> str:
    """A string member, `""` where it is missing or something else."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def input_text(value: Any) -> str:
    """A `tool_use.input` as JSON text; `{}` where it is no object. Raises `UpstreamInvalid`."""
    try:
        return write_json(value if isinstance(value, dict) else {}).decode()
    except NOT_JSON:
        raise UpstreamInvalid("the arguments of a tool call in the upstream's answer are no JSON") from None


def unknown_block(kind: Any) -> UpstreamInvalid:
    """A block that has no neutral form: of a tool that runs at Anthropic, though no request asks for one."""
    return UpstreamInvalid(f"the upstream's answer has a content block of type {str(kind)[:100]!r}")


def _read_block(block: Any) -> list[AnswerPart]:
    kind = block.get("type") if isinstance(block, dict) else None
    read = _READ_BLOCK.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise unknown_block(kind)
    return read(block)


def _read_call(block: dict[str, Any]) -> list[AnswerPart]:
    return [Call(text_of(block, "id"), text_of(block, "name"), input_text(block.get("input")))]


_READ_BLOCK: Final[dict[str, Callable[[dict[str, Any]], list[AnswerPart]]]] = {
    "text": lambda block: [Text(text_of(block, "text"))],
    "thinking": lambda block: [
        Thinking(text=text_of(block, "thinking"), signature=text_of(block, "signature"))
    ],
    "redacted_thinking": lambda block: [Thinking(sealed=text_of(block, "data"), sealed_by=SEALED_BY)],
    "tool_use": _read_call,
}


def _count(fields: Any, name: str) -> int | None:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────


def write_answer(answer: Answer) -> dict[str, Any]:
    """See `neutral.Translator`. Raises `UpstreamInvalid` for what a message can't hold: a picture, or
    arguments that are no JSON object.

    Only where the answer was cut at its length are such arguments in order: the call that was cut off is
    left out, and `stop_reason` says why.
    """
    parts = answer.parts
    if answer.stop == "length" and parts and isinstance(last := parts[-1], Call):
        parts = parts if read_arguments(last.arguments) is not None else parts[:-1]
    return {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [block for part in parts if (block := _write_block(part)) is not None],
        "stop_reason": write_stop(answer.stop),
        "stop_sequence": answer.stop_sequence,
        "usage": write_usage(answer.tokens),
    }


def write_stop(stop: Stop | None) -> str | None:
    """The `stop_reason`; null where none was said."""
    return None if stop is None else _REASON_OF[stop]


def write_usage(tokens: Tokens | None) -> dict[str, Any]:
    """The `usage`, which every message has, with the two counts that must be numbers.

    0 where the upstream did not say. Null would be truer, but the API never sends it, and typed clients fail
    on it; Anthropic's own streams begin with placeholders too. Other counts are left out if not known.
    """
    tokens = tokens or Tokens()
    usage: dict[str, Any] = {"input_tokens": 0, "output_tokens": tokens.output or 0}
    if tokens.input is not None:
        cached = {
            "cache_creation_input_tokens": tokens.cache_written,
            "cache_read_input_tokens": tokens.cached,
        }
        known = {name: count for name, count in cached.items() if count is not None}
        usage |= known | {"input_tokens": max(0, tokens.input - sum(known.values()))}
    if tokens.reasoning is not None:
        usage["output_tokens_details"] = {"thinking_tokens": tokens.reasoning}
    return usage


def _write_block(part: AnswerPart) -> dict[str, Any] | None:
    match part:
        case Text(text) | Refusal(text):
            return {"type": "text", "text": text}
        case Thinking():
            return _write_thinking(part)
        case Call():
            value = read_arguments(part.arguments)
            if value is None:
                raise UpstreamInvalid(
                    f"the arguments of the upstream's call of {part.name[:100]!r} are no JSON object"
                )
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": value}
        case Image():
            raise UpstreamInvalid("the upstream's answer holds a picture, which a message can't")


def _write_thinking(thinking: Thinking) -> dict[str, Any] | None:
    """Without a signature it is empty: the SDK's types demand one."""
    if thinking.sealed and thinking.sealed_by == SEALED_BY:
        return {"type": "redacted_thinking", "data": thinking.sealed}
    if thinking.text or thinking.signature:
        return {"type": "thinking", "thinking": thinking.text, "signature": thinking.signature}
    return None
