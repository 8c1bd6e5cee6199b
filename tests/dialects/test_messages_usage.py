"""Tokens of a message are counted so that they mean the same as in the other dialects."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.dialects.base import Usage
from sluiceway.dialects.messages_usage import merge_usage, read_plain_answer, read_usage

CACHED = {
    "input_tokens": 3,
    "cache_creation_input_tokens": 100,
    "cache_read_input_tokens": 2000,
    "output_tokens": 5,
    "output_tokens_details": {"thinking_tokens": 4},
    "service_tier": "standard",
}


def test_tokens_from_and_for_the_cache_are_input_too() -> None:
    assert read_usage(CACHED) == Usage(
        input_tokens=2103, output_tokens=5, total_tokens=2108, cached_tokens=2000, reasoning_tokens=4
    )


def test_what_was_not_counted_is_not_made_up() -> None:
    assert read_usage({"output_tokens": 5}) == Usage(output_tokens=5)
    assert read_usage({"input_tokens": 5}) == Usage(input_tokens=5)
    assert read_usage({"cache_read_input_tokens": 5, "output_tokens": 1}) == Usage(
        output_tokens=1, cached_tokens=5
    )


@pytest.mark.parametrize(
    "value",
    [None, 5, [], {}, {"input_tokens": "7"}, {"input_tokens": -1, "output_tokens": True}, {"x": 1}],
)
def test_what_counts_nothing_is_no_usage(value: Any) -> None:
    assert read_usage(value) is None


def test_a_later_usage_overrides_field_by_field_and_a_null_does_not() -> None:
    known: dict[str, Any] = {"input_tokens": 3, "output_tokens": 1, "cache_read_input_tokens": 9}
    merge_usage(known, {"output_tokens": 5, "input_tokens": None, "server_tool_use": None})
    for nothing in (None, 5, [1], "usage"):
        merge_usage(known, nothing)
    assert known == {
        "input_tokens": 3,
        "output_tokens": 5,
        "cache_read_input_tokens": 9,
        "server_tool_use": None,
    }


COUNTS = st.none() | st.integers(min_value=0, max_value=10**9)


@given(st.fixed_dictionaries({}, optional={name: COUNTS for name in CACHED if name.endswith("tokens")}))
def test_both_ways_of_reading_an_answer_agree(usage: dict[str, Any]) -> None:
    body = json.dumps({"type": "message", "usage": usage}).encode()
    assert read_plain_answer(body) == read_usage(usage)
    assert read_plain_answer(json.dumps({"usage": CACHED}).encode()) == read_usage(CACHED)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"type":"error"}',
        b'{"object":"error"}',
        b'{"error":"no"}',
        b'{"error":{}}',
        b'{"usage":[]}',
        b'{"usage":{"input_tokens":-1}}',
    ],
)
def test_anything_odd_is_left_to_the_lenient_reading(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of any kind
        read_plain_answer(body)
