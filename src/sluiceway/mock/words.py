"""Deterministic material for answers: words, pieces of text, and arguments that fit a tool's schema."""

from __future__ import annotations

import random
import re
from typing import Any

import msgspec

# Beyond ASCII on purpose: two, three and four bytes in UTF-8, a joined emoji, and U+2028, which
# str.splitlines() takes for a line end and the event stream format does not.
_WIDE = ("größer", "naïve", "Ørsted", "水門", "река", "🌊", "👩‍🔧", "a\u2028b", "…", "नदी")
_SENTENCE = (
    "the gate water level rises slowly and every stream that passes here keeps its own pace while we count "
    "drops not hours because rivers never hurry yet nothing upstream stays behind if channel banks hold so "
    "open close turn wait measure listen again until morning brings rain over hills into this quiet valley"
)
_PLAIN = tuple(_SENTENCE.split())
_WIDE_EVERY = 5  # one word in so many is wide; the second word always is
_PIECE_CHARS = 9  # the longest piece of a tool call's arguments


def seeded(*parts: object) -> random.Random:
    """A generator that yields the same for the same parts, on every run and machine."""
    return random.Random("/".join(map(str, parts)))  # noqa: S311 - for words, not for secrets


def words(rng: random.Random, count: int) -> tuple[str, ...]:
    """`count` tokens; joined, they are a line of text. Each but the first begins with its space."""
    tokens = []
    for position in range(count):
        wide = position == 1 or rng.randrange(_WIDE_EVERY) == 0
        word = rng.choice(_WIDE if wide and position else _PLAIN)
        tokens.append(f" {word}" if position else word.capitalize())
    return tuple(tokens)


def split_text(text: str) -> tuple[str, ...]:
    """A text as tokens: words with the white space before them. Joined, they are the text."""
    return tuple(re.findall(r"\s*\S+|\s+\Z", text))


def arguments(rng: random.Random, schema: Any) -> str:
    """A JSON object that fits the simple part of a JSON schema: types, enums, arrays, nested objects."""
    value = _value(rng, schema if isinstance(schema, dict) else {})
    return msgspec.json.encode(value if isinstance(value, dict) else {}).decode()


def _value(rng: random.Random, schema: dict[str, Any]) -> Any:
    if schema.get("enum"):
        return rng.choice(schema["enum"])
    match schema.get("type", "object"):
        case "integer":
            return rng.randrange(100)
        case "number":
            return rng.randrange(1000) / 10
        case "boolean":
            return rng.random() < 0.5
        case "array":
            items = schema.get("items")
            return [_value(rng, items if isinstance(items, dict) else {"type": "string"}) for _ in range(2)]
        case "object":
            properties = schema.get("properties") or {"query": {"type": "string"}}
            return {name: _value(rng, inner) for name, inner in properties.items() if isinstance(inner, dict)}
        case "null":
            return None
        case _:
            return " ".join(rng.choice(_WIDE) if i else rng.choice(_PLAIN) for i in range(2))


def cut(rng: random.Random, text: str) -> tuple[str, ...]:
    """A text in uneven pieces, none of them empty."""
    pieces = []
    while text:
        size = rng.randint(1, _PIECE_CHARS)
        pieces.append(text[:size])
        text = text[size:]
    return tuple(pieces)
