"""The operator's patterns see what a body says, and can't break what it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from sluiceway.observe.redact_patterns import MARKER, OVERLAP, WINDOW, Patterns
from sluiceway.observe.redact_spans import splice


def in_json(body: bytes, *patterns: str) -> bytes:
    return splice(body, Patterns(patterns).in_json(body, lambda: None))[0]


def in_events(body: bytes, *patterns: str) -> bytes:
    return splice(body, Patterns(patterns).in_events(body, lambda: None))[0]


def in_text(body: bytes, *patterns: str) -> bytes:
    return splice(body, Patterns(patterns).in_text(body, lambda: None))[0]


def test_strings_are_matched_as_they_are_meant() -> None:
    body = rb'{"a": "\nbob@example.com\t", "b": "caf\u00e9 \"x\"", "c": "caf\u00e9"}'
    assert in_json(body, r"[\w.]+@[\w.]+", 'é "x"') == (
        rb'{"a": "\n[redacted]\t", "b": "caf[redacted]", "c": "caf\u00e9"}'
    )


def test_a_pattern_that_spans_strings_finds_nothing() -> None:
    body = b'{"password": "x", "b": "y"}'
    assert in_json(body, r'"password": "[^"]*"') == body


def test_a_number_becomes_a_string() -> None:
    assert in_json(b'{"card": 4111111111111111, "n": -1.5e3}', r"\d{16}") == (
        b'{"card": "[redacted]", "n": -1.5e3}'
    )


def test_the_string_that_is_cut_off_is_searched_too() -> None:
    assert in_json(b'{"a": "x", "b": "my secret wo', "secret") == b'{"a": "x", "b": "my [redacted] wo'


def test_what_is_no_json_is_text_whatever_its_content_type_says() -> None:
    assert in_json(b"my secret", "secret") == b"my [redacted]"
    assert in_json(rb'{"a": "\x secret"}', "secret") == rb'{"a": "\x [redacted]"}'
    assert in_json(b'{"a": "\xff secret"}', "secret") == b'{"a": "\xff [redacted]"}'


def test_half_a_surrogate_pair_survives() -> None:
    assert json.loads(in_json(rb'{"a": "\ud83d secret"}', "secret")) == {"a": "\ud83d [redacted]"}


def test_events_keep_their_fields_and_line_ends() -> None:
    body = (
        b'id: 7\r\nevent: delta\r\ndata: {"delta":"a secret"}\r\n\r\n'
        b": secret\n\ndata: a secret, without quotes\n\ndata: [DONE]\n\nsecret"
    )
    assert in_events(body, "secret", "data|event") == (
        b'id: 7\r\nevent: delta\r\ndata: {"delta":"a [redacted]"}\r\n\r\n'
        b": [redacted]\n\ndata: a [redacted], without quotes\n\ndata: [DONE]\n\n[redacted]"
    )


def test_bytes_that_are_no_text_stay_as_they_are() -> None:
    assert in_text(b"\xff\xfe secret \x80", "secret") == b"\xff\xfe [redacted] \x80"
    assert in_text(b"\xff\xfe \x80", "secret") == b"\xff\xfe \x80"


def test_several_patterns_are_applied_in_their_order() -> None:
    assert in_text(b"abc", "b", r"a\[redacted\]") == b"[redacted]c"


def test_an_empty_match_is_none() -> None:
    assert in_text(b"abc", "x*", "^", "$", r"\b") == b"abc"


def test_without_patterns_there_is_nothing_to_do() -> None:
    assert not Patterns(())
    assert Patterns(["a"])


def test_a_pattern_that_is_none_is_an_error() -> None:
    with pytest.raises(re.error):
        Patterns(["("])


# ── windows ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("length", [1, 16, OVERLAP, OVERLAP + 1, WINDOW])
@pytest.mark.parametrize(
    "at", [0, 1, WINDOW - OVERLAP - 1, WINDOW - 8, WINDOW - 1, WINDOW, WINDOW + 1, 20_000]
)
def test_a_match_is_found_wherever_it_stands_in_a_long_text(length: int, at: int) -> None:
    body = b"." * at + b"x" * length + b"." * 20_000
    assert in_text(body, "x+") == b"." * at + MARKER.encode() + b"." * 20_000


def test_many_matches_are_those_that_one_search_finds() -> None:
    text = "".join(f"{number} word-{number % 7} " for number in range(20_000))
    pattern = r"word-[35] \d+|\d*7 word"
    assert in_text(text.encode(), pattern).decode() == re.sub(pattern, MARKER, text)


def test_a_pattern_sees_no_more_than_a_window() -> None:
    """Else one that takes quadratic time would take for ever in a long text."""
    assert in_text(b"a" + b"." * WINDOW + b"b", "a.*b") == b"a" + b"." * WINDOW + b"b"
    assert in_text(b"x" * 50_000, "x*y") == b"x" * 50_000


def test_whoever_waits_can_give_up_between_windows() -> None:
    calls = 0

    def give_up() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise TimeoutError

    body = b"." * (WINDOW * 10)
    ways: list[Callable[[], object]] = [
        lambda: list(Patterns(["x"]).in_text(body, give_up)),
        lambda: list(Patterns(["x"]).in_json(b'["' + body + b'"]', give_up)),
        lambda: list(Patterns(["x"]).in_json(b'["a",' * 10, give_up)),
    ]
    for way in ways:
        calls = 0
        with pytest.raises(TimeoutError):
            way()
