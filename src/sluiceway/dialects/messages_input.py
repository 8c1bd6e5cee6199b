"""A tool's input that came in pieces of JSON, whole or cut short."""

from __future__ import annotations

import re
from typing import Any, Final

from sluiceway.dialects.json_text import read_json

# A string but for its last quote; then what may be left of a value, and of a member, that was cut anywhere.
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+'
_VALUE: Final = rb"(?:" + _STRING + rb"\\?|-?[\d.eE+-]*|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?)"
_MEMBER: Final = _STRING + rb'"\s*(?::\s*' + _VALUE + rb")?"
_CUT: Final = re.compile(rb"\s*(?:" + _MEMBER + rb"|" + _VALUE + rb")\s*", re.DOTALL)

# Brackets and separators; a whole string; a quote whose string has no end; a number or a word.
_TOKEN: Final = re.compile(rb"[{}\[\],:]|" + _STRING + rb'"|"|[^\s{}\[\],:"]++', re.DOTALL)


def read_input(text: str, *, cut_short: bool) -> Any:
    """The value of a tool's input. Raises one of `json_text.NOT_JSON`.

    `cut_short`: the model was stopped in mid-sentence (`max_tokens`), so its JSON may be, too. Then the value
    is what of it is whole, as in Anthropic's SDK: `{"city": "Paris", "un` is `{"city": "Paris"}`.
    """
    try:
        written = text.encode()
    except UnicodeEncodeError:  # the halves of a surrogate pair, cut apart by the upstream, are whole again
        written = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    try:
        return read_json(written)
    except ValueError:
        if not cut_short:
            raise
    return read_json(_completed(written))


def _completed(text: bytes) -> bytes:
    """Its longest beginning that holds whole values only, with the open brackets closed.

    `ValueError` where what follows is not the beginning of one more member: that is broken, not cut.
    """
    closers = bytearray()
    whole = 0  # where the last whole value, or the last bracket, ends
    before = last = b""
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token == b'"':
            break
        if token in b"{[":
            closers += b"}" if token == b"{" else b"]"
        elif token in b"}]":
            if not closers or closers.pop() != token[0]:
                raise ValueError("a bracket that was never opened")
        elif token in b",:" or (closers.endswith(b"}") and before != b":") or not _is_value(token):
            before = token
            continue
        before = last = token
        whole = found.end()
    rest = text[whole:].lstrip()
    if last not in b"{[" and rest:
        rest = rest.removeprefix(b",") if rest.startswith(b",") else b"?"
    if not closers or not _CUT.fullmatch(rest):
        raise ValueError("not the beginning of a JSON text")
    closers.reverse()  # since `whole`, no bracket was opened or closed
    return text[:whole] + closers


def _is_value(token: bytes) -> bool:
    """Whether this string, number or word is whole: `-`, `1.` and `tru` may be the last that came."""
    try:
        read_json(token)
    except ValueError:
        return False
    return True
