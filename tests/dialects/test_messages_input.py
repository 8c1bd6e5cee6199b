"""A tool's input is read as it is, and as far as it is whole where the model was cut short."""

from __future__ import annotations

import json
import time
from typing import Any

import jiter
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.dialects.json_text import NOT_JSON
from sluiceway.dialects.messages_input import read_input

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**9), max_value=10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
INPUTS = st.dictionaries(st.text(), VALUES, max_size=4)


@given(INPUTS, st.booleans(), st.sampled_from([None, 1]))
def test_what_is_whole_is_read_whole(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    for cut_short in (False, True):
        assert read_input(text, cut_short=cut_short) == value


@given(INPUTS, st.sampled_from([None, 1]), st.integers(min_value=1, max_value=300))
def test_what_is_cut_is_read_as_the_official_sdk_reads_it(value: Any, indent: int | None, at: int) -> None:
    cut = json.dumps(value, ensure_ascii=False, indent=indent)[:at]
    assert read_input(cut, cut_short=True) == jiter.from_json(cut.encode(), partial_mode=True)


@pytest.mark.parametrize(
    ("cut", "value"),
    [
        ("{", {}),
        ('{"a', {}),
        ('{"a\\', {}),
        ('{"a"', {}),
        ('{"a" : ', {}),
        ('{"a":"x\\"', {}),
        ('{"a":"x"', {"a": "x"}),
        ('{"a":1, ', {"a": 1}),
        ('{"a":-', {}),
        ('{"a":1.', {}),
        ('{"a":1.5e', {}),
        ('{"a":fals', {}),
        ('{"a":{"b":[1,{"c":nul', {"a": {"b": [1, {}]}}),
        ('{"a":{"b":[]}', {"a": {"b": []}}),
        ("[1,[", [1, []]),
    ],
)
def test_of_what_is_cut_only_whole_values_count(cut: str, value: Any) -> None:
    assert read_input(cut, cut_short=True) == value
    with pytest.raises(NOT_JSON):
        read_input(cut, cut_short=False)


@pytest.mark.parametrize(
    "broken",
    [
        '{"a":"b" "c',
        '{"a":1} and so on',
        '{"a":1}}',
        '{"a":1},',
        '{"a":1]',
        '{"a": xyz',
        '{"a":truth',
        "{a",
        "{,",
        "{:",
        '{"a"}',
        '{"a"::',
        '{"a":1,}',
        "[1,,",
        "[,",
        "}",
        "tru",
        '"text',
        "<html>",
        "[NaN, 1",
    ],
)
def test_what_is_broken_is_not_taken_for_cut(broken: str) -> None:
    for cut_short in (False, True):
        with pytest.raises(NOT_JSON):
            read_input(broken, cut_short=cut_short)


def test_halves_of_a_surrogate_pair_join_again() -> None:
    assert read_input('{"a":"' + "\ud83d" + "\ude80" + '"}', cut_short=False) == {"a": "🚀"}
    assert read_input('{"a":"' + "\ud83d" + '"}', cut_short=False) == {"a": "�"}


def test_reading_takes_linear_time() -> None:
    def seconds(size: int) -> float:
        begin = time.process_time()
        for hard in ('{"a":"' + "\\" * size, '{"a":[' + '"x",' * size, "[" * 100 + '{"a":"' + "x" * size):
            read_input(hard, cut_short=True)
        return time.process_time() - begin

    seconds(1000)
    assert seconds(200_000) < 40 * max(seconds(20_000), 0.001)
