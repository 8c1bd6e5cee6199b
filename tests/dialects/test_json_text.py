"""JSON is read as leniently as clients do, and written so that every client can read it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.dialects.json_text import NOT_JSON, read_json, write_json

BIG = 123456789012345678901234567890


@given(st.recursive(st.none() | st.integers() | st.text(st.characters()), lambda inner: st.lists(inner)))
def test_what_is_written_is_read_again(value: Any) -> None:
    assert read_json(write_json(value)) == value
    assert json.loads(write_json(value)) == value


def test_halves_of_a_surrogate_pair_join_again() -> None:
    text = read_json(b'"\\ud83d"') + read_json(b'"\\ude00"')
    assert json.loads(write_json(text)) == "😀"


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    assert read_json(b'"a\xffb"') == "a�b"


def test_whole_numbers_of_any_size_stay_whole() -> None:
    assert read_json(str(BIG).encode()) == BIG
    assert write_json(BIG) == str(BIG).encode()


@pytest.mark.parametrize("text", [b"", b"{", b"NaN", b"[-Infinity]", b"'a'", b"[1,]", b"1 2", b"9" * 5000])
def test_what_no_client_reads_is_not_json(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(text)


def test_nesting_beyond_the_stack_is_not_json() -> None:
    with pytest.raises(NOT_JSON):
        read_json(b"[" * 100_000 + b"]" * 100_000)
