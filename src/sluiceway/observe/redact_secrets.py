"""What looks like a credential, wherever it stands in a body. Pure.

Found by the letters that such keys begin with, and by the names that people give to values that are secret. In JSON
and in event streams all that is replaced stands within one string, so the body stays what it was. Linear: each byte
is looked at a bounded number of times, whatever the body is.

A key that an answer spells out over several events is not found: no event holds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from sluiceway.observe.redact_spans import Pause, Span, begins_word, find_all, run_end, within_escape

# Known credentials that are shorter could be anything, as `true` or a year.
KNOWN_MIN_BYTES: Final = 12


class _Shape(NamedTuple):
    """A kind of key. `pattern` matches from the literal on, possessively. `dashes`: none may stand before it."""

    kind: str
    pattern: re.Pattern[bytes]
    dashes: bool = False
    needs_digit: bool = False


def _shape(kind: str, pattern: bytes, *, dashes: bool = False, needs_digit: bool = False) -> _Shape:
    return _Shape(kind, re.compile(pattern), dashes, needs_digit)


_GITHUB = _shape("github-token", rb"gh[pousr]_[A-Za-z0-9]{20,}+")
_AWS = _shape("aws-key", rb"A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])")
_BEARER = _shape("bearer", rb"[Bb]earer [A-Za-z0-9._~+/=-]{16,}+", needs_digit=True)  # RFC 6750 section 2.1

# Without a digit, `sk-` begins a word with many hyphens; `Bearer` stands before ordinary words, too.
_SHAPES: Final[dict[bytes, _Shape]] = {
    b"sk-": _shape(
        "api-key", rb"sk-[A-Za-z0-9_-]{16,}+", needs_digit=True
    ),  # OpenAI, Anthropic, OpenRouter, ours
    b"sk_live_": _shape("api-key", rb"sk_live_[A-Za-z0-9]{16,}+"),  # Stripe
    b"gsk_": _shape("api-key", rb"gsk_[A-Za-z0-9]{20,}+"),  # Groq
    b"xai-": _shape("api-key", rb"xai-[A-Za-z0-9]{20,}+"),
    b"pplx-": _shape("api-key", rb"pplx-[A-Za-z0-9]{20,}+"),
    b"hf_": _shape("api-key", rb"hf_[A-Za-z0-9]{20,}+"),
    b"r8_": _shape("api-key", rb"r8_[A-Za-z0-9]{20,}+"),
    b"npm_": _shape("api-key", rb"npm_[A-Za-z0-9]{30,}+"),
    b"glpat-": _shape("api-key", rb"glpat-[A-Za-z0-9_-]{16,}+"),
    b"AIza": _shape("google-key", rb"AIza[A-Za-z0-9_-]{30,}+"),
    b"AKIA": _AWS,
    b"ASIA": _AWS,
    b"ghp_": _GITHUB,
    b"gho_": _GITHUB,
    b"ghu_": _GITHUB,
    b"ghs_": _GITHUB,
    b"ghr_": _GITHUB,
    b"github_pat_": _shape("github-token", rb"github_pat_[A-Za-z0-9_]{20,}+"),
    b"xox": _shape("slack-token", rb"xox[a-z]-[A-Za-z0-9-]{10,}+"),
    b"eyJ": _shape(
        "jwt", rb"eyJ[A-Za-z0-9_-]{10,}+(?:\.[A-Za-z0-9_-]*+){1,4}+", dashes=True
    ),  # RFC 7515, 7516
    b"Bearer ": _BEARER,
    b"bearer ": _BEARER,
}

_PEM_BEGIN: Final = b"-----BEGIN "
_PEM_HEAD = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----")  # RFC 7468
_PEM_TAIL = re.compile(rb"-----END [A-Z0-9 ]{0,60}-----")
# Base64, the headers of old ones, and line ends: escaped in JSON, as they are in plain text. Hyphens only within
# words, so that no boundary of a form is taken for a part of the key.
_PEM_ESCAPED = re.compile(rb"(?:[A-Za-z0-9+/=:, \t.]++|\\[nrt\\/]|(?<=\w)-(?=\w))*+")
_PEM_PLAIN = re.compile(rb"(?:[A-Za-z0-9+/=:, \t.\r\n]++|\\[nrt\\/]|(?<=\w)-(?=\w))*+")

_NAMES = (
    rb"(?:authorization|api[_-]?key|(?:access|auth|authorization|bearer|id|refresh|security|session)[_-]?token"
    rb"|secret|passwo?r?d)"
)
# What one of those names holds at least, in lower case, to look for.
_NAME_LITERALS: Final = (
    b"authorization", b"api_key", b"api-key", b"apikey", b"_token", b"-token", b"secret", b"passw",
)  # fmt: skip
_NAME_MAX: Final = 48  # bytes before such a literal, back to the quote that begins the name
_MEMBER = re.compile(
    rb'(?i)"[a-z0-9_-]{0,40}' + _NAMES + rb'[a-z0-9_-]{0,20}\\{0,8}"[ \t]{0,8}:[ \t]{0,8}(\\{0,8})"'
)
# What follows such a literal where a value is assigned: in code, on a command line, in a header.
_ASSIGNED = re.compile(rb"(?i)[a-z0-9_-]{0,20}((?:\\{0,8}[\"']|[ \t:=]){1,8})(?=[A-Za-z0-9_.~+/=-]{16})")
_STRING = re.compile(rb'[^"\\\r\n]*+(?:\\[^\r\n][^"\\\r\n]*+)*+')
_NESTED_STRING = re.compile(
    rb'[^"\\\r\n]*+'
)  # a document within a string: its escapes are escaped themselves
_DIGIT = re.compile(rb"[0-9]")
_LETTER = re.compile(rb"[A-DF-Za-df-z]")  # no `e`, which numbers have
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/=-]+")


def marker(kind: str) -> bytes:
    """What takes the place of a credential; JSON strings can hold it as it is."""
    return b"[redacted:%b]" % kind.encode()


def known_secrets(values: Iterable[bytes]) -> tuple[bytes, ...]:
    """Of credentials that are known, those that can be looked for: they look like keys, and like nothing else in
    JSON."""
    return tuple(
        {
            value
            for value in values
            if len(value) >= KNOWN_MIN_BYTES and _TOKEN.fullmatch(value) and _LETTER.search(value)
        }
    )


def find_secrets(
    body: bytes, pause: Pause, *, known: tuple[bytes, ...] = (), one_line: bool = True
) -> Iterator[Span]:
    """Where credentials stand; spans may overlap. `known`: from `known_secrets`. `one_line`: the body is JSON or
    an event stream, where nothing goes on beyond its line."""
    yield from _shaped(body, pause)
    yield from _private_keys(body, pause, one_line=one_line)
    yield from _named(body, pause)
    for at, secret in find_all(body, known, pause) if known else ():
        if not within_escape(body, at):
            yield Span(at, at + len(secret), marker("credential"))


def _shaped(body: bytes, pause: Pause) -> Iterator[Span]:
    done = dict.fromkeys(_SHAPES, 0)
    for at, literal in find_all(body, tuple(_SHAPES), pause):
        shape = _SHAPES[literal]
        if at < done[literal] or not begins_word(body, at, dashes=shape.dashes) or within_escape(body, at):
            continue
        match = shape.pattern.match(body, at)
        if match is None:
            continue
        done[literal] = match.end()  # where no digit is found, none of what begins within can have one
        if not shape.needs_digit or _DIGIT.search(body, at, match.end()) is not None:
            yield Span(at, match.end(), marker(shape.kind))


def _private_keys(body: bytes, pause: Pause, *, one_line: bool) -> Iterator[Span]:
    done = 0
    for at, _ in find_all(body, (_PEM_BEGIN,), pause):
        if at < done or (head := _PEM_HEAD.match(body, at)) is None:
            continue
        done = run_end(_PEM_ESCAPED if one_line else _PEM_PLAIN, body, head.end(), pause)
        if (tail := _PEM_TAIL.match(body, done)) is not None:
            done = tail.end()
        yield Span(at, done, marker("private-key"))


def _named(body: bytes, pause: Pause) -> Iterator[Span]:
    """Values whose names say that they are secret: members of JSON, and what is assigned in other text."""
    done = 0
    for at, literal in find_all(body, _NAME_LITERALS, pause, any_case=True):
        begin = body.rfind(b'"', max(0, at - _NAME_MAX), at)
        if begin >= 0 and (member := _MEMBER.match(body, begin)) is not None:
            start = member.end()
            if start >= done:
                done = run_end(_NESTED_STRING if member[1] else _STRING, body, start, pause)
                if done > start:
                    yield Span(start, done, marker("secret"))
            continue
        assigned = _ASSIGNED.match(body, at + len(literal))
        if assigned is None or assigned.end() < done or {58, 61}.isdisjoint(assigned[1]):  # `:` and `=`
            continue
        start = assigned.end()
        done = run_end(_TOKEN, body, start, pause)
        if _DIGIT.search(body, start, done) and _LETTER.search(body, start, done):
            yield Span(start, done, marker("secret"))
