"""The counts of several images are one sum, in which nothing is invented."""

from __future__ import annotations

from typing import Any

import pytest
from images_streams import COUNTED

from sluiceway.dialects.base import Usage
from sluiceway.dialects.images_usage import add_usage, read_usage, zero_usage


def test_counts_are_added_also_inside_of_details() -> None:
    once = add_usage(None, COUNTED)
    assert once == COUNTED
    assert add_usage(once, COUNTED) == {
        "input_tokens": 16,
        "input_tokens_details": {"image_tokens": 6, "text_tokens": 10},
        "output_tokens": 80,
        "total_tokens": 96,
    }
    assert COUNTED["total_tokens"] == 48, "what came stays as it was"


@pytest.mark.parametrize("said", [None, 5, "x", [1]])
def test_what_is_no_object_says_nothing(said: Any) -> None:
    assert add_usage(None, said) is None
    assert add_usage({"a": 1}, said) == {"a": 1}


@pytest.mark.parametrize(
    ("known", "said", "both"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": None, "b": None}, {"a": 1, "b": None}),
        ({"cost": 0.25}, {"cost": 1}, {"cost": 1.25}),
        ({"unit": "token"}, {"unit": "image"}, {"unit": "image"}),
        ({"a": True}, {"a": True}, {"a": True}),
        ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
        ({"a": 2}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, {"a": {"b": 3, "c": 3}}),
        ({"a": 1.5}, {"a": 10**400}, {"a": 10**400}),
    ],
)
def test_only_numbers_are_added(known: dict[str, Any], said: dict[str, Any], both: dict[str, Any]) -> None:
    assert add_usage(known, said) == both


def test_zero_has_the_same_shape_and_adds_nothing() -> None:
    usage = COUNTED | {"unit": "token", "cached": None}
    zero = zero_usage(usage)
    assert zero.keys() == usage.keys()
    assert zero["input_tokens_details"] == {"image_tokens": 0, "text_tokens": 0}
    assert add_usage(zero, usage) == usage


@pytest.mark.parametrize(
    "value", [None, 5, {}, {"input_tokens": "8"}, {"input_tokens": True}, {"total_tokens": -1}]
)
def test_what_counts_nothing_is_no_usage(value: Any) -> None:
    assert read_usage(value) is None


def test_what_imitators_count_besides_is_read_too() -> None:
    usage = read_usage(
        COUNTED
        | {"input_tokens_details": {"cached_tokens": 2}, "output_tokens_details": {"reasoning_tokens": 4}}
    )
    assert usage == Usage(8, 40, 48, 2, 4)
