"""Tables against definitions: what is valid is kept, what is not is noted, nothing stops at the first."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from sluiceway.config.problems import BadValue, Problem
from sluiceway.config.reader import Reader


class Tap(msgspec.Struct):
    name: Annotated[str, Meta(description="What it is called. More.")]
    flow_s: Annotated[float, Meta(ge=0)] = 1.0
    marks: tuple[str, ...] = ()
    inner: dict[str, str] = msgspec.field(default_factory=dict)


class Pipe(msgspec.Struct):
    bore: int = 1


def reader() -> Reader:
    return Reader({"[tap]": Tap, "[pipe]": Pipe})


def test_valid_settings_are_converted_and_missing_ones_left_out() -> None:
    read = reader()
    assert read.settings(Tap, {"name": "a", "flow_s": 2, "marks": ["x"]}, "tap") == {
        "name": "a",
        "flow_s": 2.0,
        "marks": ("x",),
    }
    assert read.problems == []


def test_tables_within_and_keys_asked_for_are_returned_as_written() -> None:
    read = reader()
    given = read.settings(Tap, {"name": "a", "inner": 7, "more": 8}, "tap", also=["more"])
    assert given == {"name": "a", "inner": 7, "more": 8}
    assert read.problems == []


def test_each_problem_is_noted_and_the_rest_still_read() -> None:
    read = reader()
    given = read.settings(Tap, {"flow_s": -1, "marks": ["x", 2, 3], "bore": 1}, "taps[0]")
    assert given == {}
    assert read.problems == [
        Problem("taps[0].bore", "unknown key", "it belongs in [pipe]"),
        Problem("taps[0].flow_s", "expected a number of seconds, 0 or more, got -1"),
        Problem("taps[0].marks[1]", "expected a string, got 2"),
        Problem("taps[0].marks[2]", "expected a string, got 3"),
        Problem("taps[0].name", "is missing", "What it is called"),
    ]


def test_what_is_no_table_has_one_problem_and_no_missing_keys() -> None:
    read = reader()
    assert read.settings(Tap, 1, "taps[3]") == {}
    assert read.problems == [Problem("taps[3]", "expected a table, got 1", "write [[taps]]")]


def test_items_of_an_array_of_tables_have_their_paths() -> None:
    read = reader()
    assert list(read.tables([1, 2], "taps")) == [("taps[0]", 1), ("taps[1]", 2)]
    assert list(read.tables({}, "taps")) == []
    assert read.problems == [Problem("taps", "expected a list of tables, got a table", "write [[taps]]")]


def test_parsing_replaces_a_setting_or_notes_why_not() -> None:
    def shout(word: str) -> str:
        if word == "quiet":
            raise BadValue("won't", "try loud")
        return word.upper()

    read = reader()
    given = {"name": "a", "marks": ("b", "quiet", "c"), "other": "quiet"}
    for key in ("name", "marks", "other", "absent"):
        read.parse(given, key, "tap", shout)
    assert given == {"name": "A", "marks": ("B", "C")}
    assert read.problems == [
        Problem("tap.marks[1]", "won't", "try loud"),
        Problem("tap.other", "won't", "try loud"),
    ]


def test_values_that_have_to_be_unique_are_compared_without_case() -> None:
    read = reader()
    read.unique([{"name": "a"}, {"name": 1}, {}, 5, {"name": "A"}, {"name": "b"}], "taps", "name")
    read.unique({"name": "a"}, "taps", "name")
    assert read.problems == [Problem("taps[4].name", "is the same as taps[0].name")]
