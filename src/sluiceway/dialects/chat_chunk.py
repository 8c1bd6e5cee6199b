"""What follower and collector both read from a `chat.completion.chunk`, however oddly it is written."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from sluiceway.dialects.base import Usage


def read_usage(value: Any) -> Usage | None:
    """A `usage` object; None where it counts nothing, so that a stub can't replace a real one.

    `prompt_tokens` include cached ones, `completion_tokens` include reasoning.
    """
    if not isinstance(value, dict):
        return None
    usage = Usage(
        input_tokens=_count(value, "prompt_tokens"),
        output_tokens=_count(value, "completion_tokens"),
        total_tokens=_count(value, "total_tokens"),
        cached_tokens=_count(value.get("prompt_tokens_details"), "cached_tokens"),
        reasoning_tokens=_count(value.get("completion_tokens_details"), "reasoning_tokens"),
    )
    return None if usage == _NOTHING else usage


_Count = Annotated[int, msgspec.Meta(ge=0)] | None


class _InputDetails(msgspec.Struct, gc=False):
    cached_tokens: _Count = None


class _OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: _Count = None


class _PlainUsage(msgspec.Struct, gc=False):
    prompt_tokens: _Count = None
    completion_tokens: _Count = None
    total_tokens: _Count = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


class _Answer(msgspec.Struct, gc=False):
    usage: _PlainUsage | None = None
    error: None = None
    object: str | None = None


_read_answer = msgspec.json.Decoder(_Answer).decode


def read_plain_answer(body: bytes) -> Usage | None:
    """The usage of a JSON answer, as `read_usage` would give it, at a third of the cost.

    Raises `ValueError` (`msgspec.DecodeError` is one) or `RecursionError` where anything is not as it should
    be, an error object included; the lenient reading is for those.
    """
    answer = _read_answer(body)
    if answer.object == "error":
        raise ValueError("an error object")
    plain = answer.usage
    if plain is None:
        return None
    taken, given = plain.prompt_tokens_details, plain.completion_tokens_details
    usage = Usage(
        plain.prompt_tokens,
        plain.completion_tokens,
        plain.total_tokens,
        taken.cached_tokens if taken else None,
        given.reasoning_tokens if given else None,
    )
    return None if usage == _NOTHING else usage


def read_index(fields: dict[str, Any]) -> int | None:
    """The `index` of a choice or a tool call, None if it has none."""
    index = fields.get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) else None


def read_finish_reason(choice: dict[str, Any]) -> str | None:
    """Some providers send `""` until the last chunk, where OpenAI sends null."""
    reason = choice.get("finish_reason")
    return reason if isinstance(reason, str) and reason else None


_NOTHING = Usage()


def _count(fields: Any, name: str) -> int | None:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
