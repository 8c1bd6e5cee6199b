"""Objects that come in pieces, joined in linear time: the rule of every delta in a chat stream."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

NAMES: Final = frozenset({"id", "type", "name", "role"})
"""Fields that name a thing. Providers repeat them on each delta, so the first that is not empty stays."""


class Pieces:
    """A JSON object that grows by deltas; `whole` is what it has become.

    Strings and lists are pieces and are joined; of any other value the last stays, unless it is null.
    """

    __slots__ = ("_fields",)

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}

    def add(self, name: str, value: Any) -> None:
        """One field of a delta."""
        fields = self._fields
        if name in NAMES:
            if not fields.get(name):
                fields[name] = value
        elif isinstance(value, str | list):
            held = fields.get(name)
            if not isinstance(held, _Run):
                held = fields[name] = _Run()
            held.parts.append(value)
        else:
            self.keep(name, value)

    def add_object(self, name: str, value: dict[str, Any]) -> None:
        """One field of a delta that is itself a delta, such as the `function` of a tool call."""
        held = self._fields.get(name)
        if not isinstance(held, Pieces):
            held = self._fields[name] = Pieces()
        for inner, part in value.items():
            held.add(inner, part)

    def keep(self, name: str, value: Any) -> None:
        """One field that is never joined: the last stays, unless it is null."""
        if value is not None or name not in self._fields:
            self._fields[name] = value

    def whole(self) -> dict[str, Any]:
        """The object, its fields in the order in which they first came."""
        return {
            name: value.whole() if isinstance(value, Pieces | _Run) else value
            for name, value in self._fields.items()
        }


class _Run:
    """The strings and lists of one field, in order. A list of them: `+=` on the result is quadratic."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: list[str | list[Any]] = []

    def whole(self) -> str | list[Any]:
        """Strings joined, or lists joined.

        Where both came, a list in which each run of strings is a text part, `{"type": "text", "text"}`:
        Mistral's models send thoughts as lists of parts and the answer as strings, all in `content`.
        """
        if all(isinstance(part, str) for part in self.parts):
            return "".join(part for part in self.parts if isinstance(part, str))
        joined: list[Any] = []
        for is_text, run in groupby(self.parts, lambda part: isinstance(part, str)):
            if not is_text:
                joined += [item for part in run for item in part]
            elif text := "".join(part for part in run if isinstance(part, str)):
                joined.append({"type": "text", "text": text})
        return joined
