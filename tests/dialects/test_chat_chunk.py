"""Counts, indexes and reasons are read where they are sound, and not made up where they are not."""

from __future__ import annotations

from typing import Any

import pytest

from sluiceway.dialects.base import Usage
from sluiceway.dialects.chat_chunk import read_finish_reason, read_index, read_usage


def test_all_five_counts_are_read() -> None:
    assert read_usage(
        {
            "prompt_tokens": 1,
            "completion_tokens": 2,
            "total_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 5},
        }
    ) == Usage(1, 2, 3, 4, 5)


def test_a_count_of_the_wrong_kind_is_not_said() -> None:
    odd = {"prompt_tokens": True, "completion_tokens": -1, "total_tokens": 3.0, "prompt_tokens_details": []}
    assert read_usage(odd | {"completion_tokens_details": {"reasoning_tokens": 0}}) == Usage(
        reasoning_tokens=0
    )


@pytest.mark.parametrize("value", [None, {}, [], "usage", 5, {"prompt_tokens": None}])
def test_usage_that_counts_nothing_is_none(value: Any) -> None:
    assert read_usage(value) is None


@pytest.mark.parametrize(
    ("value", "index"), [(0, 0), (7, 7), (None, None), ("1", None), (True, None), (1.0, None)]
)
def test_an_index_is_a_whole_number(value: Any, index: int | None) -> None:
    assert read_index({"index": value}) == index


@pytest.mark.parametrize(("value", "reason"), [("stop", "stop"), ("", None), (None, None), (0, None)])
def test_an_empty_reason_is_none(value: Any, reason: str | None) -> None:
    assert read_finish_reason({"finish_reason": value}) == reason
