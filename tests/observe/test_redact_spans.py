"""Replacements: spans that overlap, searches in slices, the halves of escapes."""

from __future__ import annotations

import json
import re

import pytest

from sluiceway.observe.redact_spans import SLICE, Span, begins_word, find_all, run_end, splice, within_escape


def test_spans_are_replaced_whatever_their_order_and_of_those_that_overlap_one_is_made() -> None:
    spans = [Span(6, 8, b"<c>"), Span(0, 3, b"<a>"), Span(2, 5, b"<b>"), Span(5, 6, b"<d>")]
    assert splice(b"0123456789", spans) == (b"<a><d><c>89", 3)


def test_a_body_without_spans_is_the_same_object() -> None:
    body = b"0123"
    assert splice(body, [])[0] is body


@pytest.mark.parametrize("shift", range(-8, 3))
def test_what_stands_across_two_slices_is_found_once_and_in_order(shift: int) -> None:
    at = SLICE + shift
    body = b"ab." + b"." * (at - 3) + b"needle.ab." + b"." * SLICE + b"ab"
    found = [(0, b"ab"), (at, b"needle"), (at + 7, b"ab"), (len(body) - 2, b"ab")]
    assert list(find_all(body, (b"needle", b"ab"), lambda: None)) == found


def test_case_does_not_count_if_it_is_not_to() -> None:
    assert list(find_all(b"xAbC", (b"abc",), lambda: None, any_case=True)) == [(1, b"abc")]
    assert list(find_all(b"xAbC", (b"abc",), lambda: None)) == []


def test_a_run_goes_on_over_the_ends_of_slices() -> None:
    pauses: list[None] = []
    body = b'"' + b"a" * (3 * SLICE) + b'"'
    assert run_end(re.compile(rb"a*"), body, 1, lambda: pauses.append(None)) == len(body) - 1
    assert len(pauses) == 3
    assert run_end(re.compile(rb"a*"), body, 0, lambda: None) == 0


@pytest.mark.parametrize("text", ["\n", "é", "\\n", "\\\\n", "\\u00e9", '"n', "nnn", "\\é", "\b\f\r\t"])
def test_the_bytes_of_escapes_are_told_from_letters(text: str) -> None:
    """A letter that is replaced by another one leaves valid JSON exactly if it is no part of an escape's first
    letter, or of its digits."""
    body = json.dumps(text).encode()
    for at in range(1, len(body) - 1):
        if body[at] in b"nbfrtu0123456789abcdef":
            changed = body[:at] + b"Z" + body[at + 1 :]
            try:
                json.loads(changed)
            except ValueError:
                assert within_escape(body, at), (body, at)
            else:
                assert not within_escape(body, at), (body, at)


@pytest.mark.parametrize("before", [b"", b" ", b'"', b"\\n", b"\\u00e9", b"%20", b"-", b"\xc3\xa9"])
def test_a_word_begins_behind_whatever_is_no_letter(before: bytes) -> None:
    assert begins_word(before + b"sk", len(before))


@pytest.mark.parametrize("before", [b"a", b"Z", b"9", b"an", b"xe9"])
def test_no_word_begins_within_another(before: bytes) -> None:
    assert not begins_word(before + b"sk", len(before))


def test_dashes_may_count_as_letters() -> None:
    assert begins_word(b"-x", 1)
    assert not begins_word(b"-x", 1, dashes=True)
    assert not begins_word(b"_x", 1, dashes=True)
