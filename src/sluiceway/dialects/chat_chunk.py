"""What follower and collector both read from a `chat.completion.chunk`, however oddly it is written."""

from __future__ import annotations

from typing import Any

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
