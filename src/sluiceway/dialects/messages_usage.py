"""What follower, collector and plain answers read from the `usage` of a message."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from sluiceway.dialects.base import Usage


def merge_usage(known: dict[str, Any], said: Any) -> None:
    """`usage` of a later event: cumulative, and overrides field by field; a null says nothing.

    Source: the Anthropic API reference, "Streaming messages", and what the SDKs do.
    """
    if isinstance(said, dict):
        for name, value in said.items():
            if value is not None or name not in known:
                known[name] = value


def read_usage(value: Any) -> Usage | None:
    """A `usage` object; None where it counts nothing.

    Anthropic counts tokens that were read from the cache, or written to it, apart from `input_tokens`, OpenAI
    within. `Usage.input_tokens` has them all, so that it means the same in every dialect; `cached_tokens` are
    those that were read. Their total is not on the wire either: input and output together.
    """
    if not isinstance(value, dict):
        return None
    return _usage(
        fresh=_count(value, "input_tokens"),
        read=_count(value, "cache_read_input_tokens"),
        written=_count(value, "cache_creation_input_tokens"),
        given=_count(value, "output_tokens"),
        thought=_count(value.get("output_tokens_details"), "thinking_tokens"),
    )


_Count = Annotated[int, msgspec.Meta(ge=0)] | None


class _PlainDetails(msgspec.Struct, gc=False):
    thinking_tokens: _Count = None


class _PlainUsage(msgspec.Struct, gc=False):
    input_tokens: _Count = None
    cache_read_input_tokens: _Count = None
    cache_creation_input_tokens: _Count = None
    output_tokens: _Count = None
    output_tokens_details: _PlainDetails | None = None


class _Answer(msgspec.Struct, gc=False):
    type: str | None = None
    object: str | None = None
    error: None = None
    usage: _PlainUsage | None = None


_read_answer = msgspec.json.Decoder(_Answer).decode


def read_plain_answer(body: bytes) -> Usage | None:
    """The usage of a JSON answer, as `read_usage` would give it, without the rest being read.

    Raises `ValueError` (`msgspec.DecodeError` is one) or `RecursionError` where anything is not as it should
    be, an error object included; the lenient reading is for those.
    """
    answer = _read_answer(body)
    if "error" in (answer.type, answer.object):
        raise ValueError("an error object")
    plain = answer.usage
    if plain is None:
        return None
    details = plain.output_tokens_details
    return _usage(
        fresh=plain.input_tokens,
        read=plain.cache_read_input_tokens,
        written=plain.cache_creation_input_tokens,
        given=plain.output_tokens,
        thought=details.thinking_tokens if details else None,
    )


_NOTHING = Usage()


def _usage(
    *, fresh: int | None, read: int | None, written: int | None, given: int | None, thought: int | None
) -> Usage | None:
    taken = None if fresh is None else fresh + (read or 0) + (written or 0)
    usage = Usage(
        input_tokens=taken,
        output_tokens=given,
        total_tokens=None if taken is None or given is None else taken + given,
        cached_tokens=read,
        reasoning_tokens=thought,
    )
    return None if usage == _NOTHING else usage


def _count(fields: Any, name: str) -> int | None:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
