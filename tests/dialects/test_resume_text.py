"""The text of a broken answer: where it goes in a request, and what of the continuation the client has already."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.dialects.resume_text import Overlap, join_text, mark_last, with_answer

SAID = "The quick brown fox"


def taken(before: str, pieces: list[str], *, echoes: bool = False) -> str:
    """All that is new in these pieces of a continuation."""
    overlap = Overlap(before, echoes=echoes)
    return "".join([overlap.take(piece) for piece in pieces]) + overlap.release()


def every_split(text: str) -> list[list[str]]:
    return [[text[:at], text[at:]] for at in range(len(text) + 1)] + [list(text)]


@pytest.mark.parametrize(
    ("before", "after", "new"),
    [
        ("Hello", " world", " world"),
        ("Hello ", " world", "world"),
        ("Hello ", "world", "world"),
        ("Hello\n\n", "\nWorld", "World"),
        ("Hello\n", "\n\nWorld", "\nWorld"),
        ("Hello \n", "\n x", "\n x"),
        ("Hello ", "", ""),
        ("Hello ", " ", ""),
    ],
)
def test_white_space_that_was_stripped_is_not_written_twice_however_it_is_cut(
    before: str, after: str, new: str
) -> None:
    for pieces in every_split(after):
        assert taken(before, pieces) == new


@pytest.mark.parametrize(
    ("after", "new"),
    [
        (SAID + " jumps", " jumps"),
        (SAID, ""),
        (" jumps", " jumps"),
        ("The quick dog", "The quick dog"),
        ("The quick", "The quick"),
        (SAID + SAID, SAID),
    ],
)
def test_an_answer_that_is_repeated_is_left_out_and_half_a_repetition_is_text(after: str, new: str) -> None:
    for pieces in every_split(after):
        assert taken(SAID, pieces, echoes=True) == new


def test_white_space_after_a_repetition_is_the_clients_too() -> None:
    for pieces in every_split(SAID + " jumps"):
        assert taken(SAID + " ", pieces, echoes=True) == "jumps"


def test_repetitions_are_the_models_own_where_the_upstream_makes_none() -> None:
    assert taken(SAID, [SAID]) == SAID


@given(st.text(), st.lists(st.text()))
def test_what_is_new_is_always_the_end_of_what_came(before: str, pieces: list[str]) -> None:
    after = "".join(pieces)
    new = taken(before, pieces)
    assert after.endswith(new)
    left_out = after[: len(after) - len(new)]
    assert before[len(before.rstrip()) :].startswith(left_out)


@given(st.text(min_size=1), st.text())
def test_an_upstream_that_repeats_loses_nothing_else(before: str, after: str) -> None:
    said = before.rstrip()
    if said:
        assert taken(said, list(said + after), echoes=True) == after


def test_pieces_of_text_join_to_one_and_halves_of_characters_to_whole_ones() -> None:
    assert join_text(["a", "", "b "]) == "ab "
    assert join_text(["x\ud83d", "\ude00"]) == "x😀"
    assert join_text(["x\ud83d"]) is None
    assert join_text([]) is None
    assert join_text([" ", "\n"]) is None


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


USER = {"role": "user", "content": "Go on"}


def test_the_answer_follows_the_conversation_without_the_white_space_at_its_end() -> None:
    conversation = msgspec.Raw(b'[ {"role":"user",  "content":"\\u0041", "seed": 1e0} ]')
    found = with_answer(conversation, "Hello \n", extend=True)
    assert found is not None
    assert bytes(found) == (
        b'[{"role":"user",  "content":"\\u0041", "seed": 1e0},{"role":"assistant","content":"Hello"}]'
    )


@pytest.mark.parametrize(
    ("begun", "went_on"),
    [
        ({"content": "{"}, {"content": '{"a":'}),
        ({"content": "{", "refusal": None}, {"content": '{"a":', "refusal": None}),
        (
            {"content": [{"type": "text", "text": "{", "cache_control": {}}]},
            {"content": [{"type": "text", "text": '{"a":', "cache_control": {}}]},
        ),
        ({"content": [{"type": "thinking"}, {"type": "text", "text": ""}]}, None),
    ],
)
def test_an_answer_that_the_client_began_is_added_to(begun: dict[str, Any], went_on: Any) -> None:
    found = with_answer(raw([USER, {"role": "assistant"} | begun]), '"a": ', extend=True)
    assert found is not None
    turns = json.loads(bytes(found))
    assert len(turns) == 2
    if went_on is None:
        went_on = {"content": [{"type": "thinking"}, {"type": "text", "text": '"a":'}]}
    assert turns[1] == {"role": "assistant"} | went_on
    assert with_answer(raw([USER, {"role": "assistant"} | begun]), "x", extend=False) is None


@pytest.mark.parametrize(
    "conversation",
    [
        "text",
        [],
        ["text"],
        [{"content": "no role"}, None],
        [{"role": "assistant"}],
        [{"role": "assistant", "content": None}],
        [{"role": "assistant", "content": []}],
        [{"role": "assistant", "content": [{"type": "image"}]}],
        [{"role": "assistant", "content": [{"type": "text", "text": 1}]}],
        [{"role": "assistant", "content": "", "tool_calls": [{}]}],
        [{"role": "assistant", "content": "", "prefix": True}],
    ],
)
def test_a_conversation_that_an_answer_can_not_end_is_refused(conversation: Any) -> None:
    assert with_answer(raw(conversation), "Hello", extend=True) is None


def test_a_mark_is_put_on_the_last_message_alone() -> None:
    marked = mark_last(raw([USER, {"role": "assistant", "content": "a"}]))
    assert json.loads(bytes(marked)) == [USER, {"role": "assistant", "content": "a", "prefix": True}]
