"""What is read from the definition of a setting."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from sluiceway.config.fields import convert, describe_value, fields_of
from sluiceway.config.kinds import Secret


class Sample(msgspec.Struct):
    needed: str
    word: Annotated[Literal["b", "a"], Meta(description="A word.")] = "b"
    wait_s: Annotated[Annotated[float, Meta(ge=0)], Meta(description="A wait.")] = 1.0
    size_bytes: Annotated[int, Meta(ge=1)] = 1
    ratio: Annotated[float, Meta(ge=0, le=1)] = 0.5
    count: int = 0
    flag: bool = False
    names: tuple[str, ...] = ("x",)
    words: Annotated[tuple[Literal["b", "a"], ...], Meta(min_length=1)] = ("a",)
    key: Annotated[str, Meta(min_length=1)] = "x"
    secret: Secret = Secret("")
    table: Mapping[str, str] = msgspec.field(default_factory=dict)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("needed", "a string"),
        ("word", 'one of "b", "a"'),
        ("wait_s", "a number of seconds, 0 or more"),
        ("size_bytes", "a whole number of bytes, 1 or more"),
        ("ratio", "a number, 0 to 1"),
        ("count", "a whole number"),
        ("flag", "true or false"),
        ("names", "a list of strings"),
        ("words", 'a list of any of "b", "a", at least one'),
        ("key", "a string that is not empty"),
        ("secret", "a string"),
        ("table", "a table"),
    ],
)
def test_a_type_is_put_into_words(name: str, kind: str) -> None:
    assert fields_of(Sample)[name].kind == kind


def test_order_description_default_and_choices_are_kept() -> None:
    fields = fields_of(Sample)
    assert tuple(fields) == Sample.__struct_fields__
    assert [name for name, field in fields.items() if field.required] == ["needed"]
    assert (fields["word"].description, fields["word"].choices, fields["word"].default) == (
        "A word.",
        ("b", "a"),
        "b",
    )
    assert fields["wait_s"].description == "A wait."
    assert fields["table"].default == {}
    assert fields["words"].item is not None
    assert fields["words"].item.choices == ("b", "a")


def test_secrets_are_made_of_strings_only() -> None:
    assert convert(["k"], tuple[Secret, ...]) == (Secret("k"),)
    with pytest.raises(msgspec.ValidationError):
        convert(1, Secret)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "true"),
        (-1, "-1"),
        (1.5, "1.5"),
        (10**400, "a number out of range"),
        (float("inf"), "inf"),
        ("sk-secret", "a string"),
        (["sk-secret"], "a list"),
        ({"k": "sk-secret"}, "a table"),
        (datetime.time(1), "a date or time"),
        (datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC), "a date or time"),
        (None, "something else"),
    ],
)
def test_a_value_is_described_without_what_may_be_secret(value: object, words: str) -> None:
    assert describe_value(value) == words
