"""Words, pieces and arguments."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from sluiceway.mock.words import arguments, cut, seeded, split_text, words


def test_the_same_parts_give_the_same_words() -> None:
    assert words(seeded(1, "a"), 20) == words(seeded(1, "a"), 20)
    assert words(seeded(1, "a"), 20) != words(seeded(2, "a"), 20)


def test_an_answer_of_two_words_already_leaves_ascii() -> None:
    assert all(not "".join(words(seeded(seed), 2)).isascii() for seed in range(50))


def test_there_are_as_many_words_as_asked_for() -> None:
    assert [len(words(seeded(0), count)) for count in (0, 1, 2, 100)] == [0, 1, 2, 100]


@given(st.text())
def test_a_split_text_joins_to_itself(text: str) -> None:
    pieces = split_text(text)
    assert "".join(pieces) == text
    assert all(pieces)


@given(st.text(), st.integers())
def test_a_cut_text_joins_to_itself(text: str, seed: int) -> None:
    pieces = cut(seeded(seed), text)
    assert "".join(pieces) == text
    assert all(pieces)


def test_arguments_fit_the_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"enum": ["c", "f"]},
            "days": {"type": "integer"},
            "limit": {"type": "number"},
            "exact": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "integer"}},
            "rest": {"type": "array"},
            "none": {"type": "null"},
            "where": {"type": "object", "properties": {"lat": {"type": "number"}}},
        },
    }
    value = json.loads(arguments(seeded(3), schema))
    assert value["unit"] in ("c", "f")
    assert isinstance(value["days"], int)
    assert isinstance(value["limit"], float)
    assert isinstance(value["exact"], bool)
    assert [type(tag) for tag in value["tags"]] == [int, int]
    assert [type(item) for item in value["rest"]] == [str, str]
    assert value["none"] is None
    assert list(value["where"]) == ["lat"]
    assert not value["city"].isascii()


def test_arguments_without_a_usable_schema_are_still_an_object() -> None:
    schemas: tuple[object, ...] = (None, "nonsense", {"type": "string"}, {"properties": {}})
    for schema in schemas:
        assert isinstance(json.loads(arguments(seeded(1), schema)), dict)
