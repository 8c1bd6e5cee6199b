"""What images cost: the `usage` of a JSON answer, and the sum of those of a stream's completed events.

Each completed event counts its own image (OpenAI's SDK types: "the token usage information for the image
generation"), a JSON answer counts all of them. So the events' counts add up to the answer's. An upstream
that counts all images in one event, and none in the others, gives the same sum.
"""

from __future__ import annotations

from typing import Any, Final, TypeGuard

from sluiceway.dialects.base import Usage

_Counts = dict[str, Any]

_WHOLE_MAX: Final = 2**63


def add_usage(known: _Counts | None, said: Any) -> _Counts | None:
    """Both together: numbers added, also in the objects inside (`input_tokens_details`); else the last stays.

    `said`: the `usage` of one more completed event; anything but an object says nothing.
    """
    if not isinstance(said, dict):
        return known
    total = _add(known or {}, said)
    for name, value in said.items():
        held = (known or {}).get(name)
        if isinstance(value, dict) and isinstance(held, dict):
            total[name] = _add(held, value)
    return total


def zero_usage(usage: _Counts) -> _Counts:
    """The same shape, with nothing counted."""
    return {
        name: {inner: _zero(count) for inner, count in value.items()}
        if isinstance(value, dict)
        else _zero(value)
        for name, value in usage.items()
    }


def read_usage(value: Any) -> Usage | None:
    """A `usage` object; None where it counts nothing. `input_tokens` are those of text and images."""
    if not isinstance(value, dict):
        return None
    usage = Usage(
        input_tokens=_count(value, "input_tokens"),
        output_tokens=_count(value, "output_tokens"),
        total_tokens=_count(value, "total_tokens"),
        cached_tokens=_count(value.get("input_tokens_details"), "cached_tokens"),
        reasoning_tokens=_count(value.get("output_tokens_details"), "reasoning_tokens"),
        image_tokens=_image_tokens(value),
    )
    return None if usage == Usage() else usage


def _image_tokens(value: dict[str, Any]) -> int | None:
    counts = [
        count
        for details in ("input_tokens_details", "output_tokens_details")
        if (count := _count(value.get(details), "image_tokens")) is not None
    ]
    return sum(counts) if counts else None


def _add(known: _Counts, said: _Counts) -> _Counts:
    total = dict(known)
    for name, value in said.items():
        held = total.get(name)
        if _is_number(value) and _is_number(held):
            total[name] = held + value
        elif value is not None or name not in total:
            total[name] = value
    return total


def _zero(value: Any) -> Any:
    return 0 if _is_number(value) else value


def _is_number(value: Any) -> TypeGuard[int | float]:
    if isinstance(value, bool):
        return False
    # A whole number of any size is JSON, but can't be added to one that is not whole.
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < _WHOLE_MAX)


def _count(fields: Any, name: str) -> int | None:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
