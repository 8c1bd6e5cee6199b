"""What follower, collector and plain answers read from the `usage` of a message."""

from __future__ import annotations

from typing import Any

from sluiceway.dialects.base import Usage


def merge_usage(known: dict[str, Any], said: Any) -> None:
    """`usage` of a later event: cumulative, and overrides field by field; a null says nothing.

    Source: the Anthropic API reference, "Streaming messages": the counts of `message_delta` are cumulative.
    """
    if isinstance(said, dict):
        for name, value in said.items():
            if value is not None or name not in known:
                known[name] = value


def read_usage(value: Any) -> Usage | None:
    """None where nothing is counted. `input_tokens` include what was read from and written to the cache,
    which Anthropic counts apart, so that they mean the same in every dialect."""
    if not isinstance(value, dict):
        return None
    fresh = _count(value, "input_tokens")
    read = _count(value, "cache_read_input_tokens")
    written = _count(value, "cache_creation_input_tokens")
    given = _count(value, "output_tokens")
    taken = None if fresh is None else fresh + (read or 0) + (written or 0)
    usage = Usage(
        input_tokens=taken,
        output_tokens=given,
        total_tokens=None if taken is None or given is None else taken + given,
        cached_tokens=read,
    )
    return None if usage == Usage() else usage


def _count(fields: dict[str, Any], name: str) -> int | None:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
