"""One JSON object of a request, read so that no member of it is overlooked.

Whatever is neither taken nor dropped by name ends up in `Notes.lost`: a field that an API adds
tomorrow refuses a translated request instead of vanishing from it.
"""

from __future__ import annotations

from typing import Any, NoReturn

from sluiceway.errors import InvalidRequest


class Notes:
    """Paths of the fields that are not carried over, see `neutral.Conversation`."""

    __slots__ = ("dropped", "lost")

    def __init__(self) -> None:
        self.dropped: list[str] = []
        self.lost: list[str] = []


class Fields:
    """A JSON object at `path` in the request, `""` for the request itself. Null is as good as missing.

    All that read raise `InvalidRequest`, with the member's path as `param`, for a value of the wrong type;
    so does the creation of one from what is no object.
    """

    __slots__ = ("_left", "_notes", "_path")

    def __init__(self, value: Any, path: str, notes: Notes) -> None:
        if not isinstance(value, dict):
            raise InvalidRequest(f"{path or 'the request'} must be an object", param=path or None)
        self._left: dict[str, Any] = {name: inner for name, inner in value.items() if inner is not None}
        self._path = path
        self._notes = notes

    def path(self, name: str) -> str:
        """The path of a member."""
        return f"{self._path}.{name}" if self._path else name

    def take(self, name: str) -> Any:
        """The value as it is, None where there is none."""
        return self._left.pop(name, None)

    def text(self, name: str) -> str:
        """A string, `""` where there is none."""
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            self._refuse(name, "a string")
        return value or ""

    def required_text(self, name: str) -> str:
        """A string that must be there and not be empty."""
        return self.text(name) or self._refuse(name, "a string that is not empty")

    def flag(self, name: str) -> bool | None:
        """True, false, or None."""
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            self._refuse(name, "true or false")
        return value

    def count(self, name: str) -> int | None:
        """A whole number, not negative, or None."""
        value = self.take(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            self._refuse(name, "a whole number, 0 or more")
        return value

    def number(self, name: str) -> float | None:
        """A number, or None. Its type stays: what came as 1 is written as 1."""
        value = self.take(name)
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
            self._refuse(name, "a number")
        return value

    def json_object(self, name: str) -> dict[str, Any] | None:
        """An object that is carried over whole, or None."""
        value = self.take(name)
        if value is not None and not isinstance(value, dict):
            self._refuse(name, "an object")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings, empty where there is none."""
        items = self.items(name)
        for position, value in enumerate(items):
            if not isinstance(value, str):
                self._refuse(f"{name}[{position}]", "a string")
        return tuple(items)

    def items(self, name: str) -> list[Any]:
        """A list, empty where there is none."""
        value = self.take(name)
        if value is None:
            return []
        return value if isinstance(value, list) else self._refuse(name, "a list")

    def inner(self, name: str) -> Fields | None:
        """An object to be read member by member, or None."""
        value = self.take(name)
        return None if value is None else Fields(value, self.path(name), self._notes)

    def required_inner(self, name: str) -> Fields:
        """An object that must be there, to be read member by member."""
        return Fields(self.take(name), self.path(name), self._notes)

    def inners(self, name: str) -> list[Fields]:
        """A list of objects to be read member by member, empty where there is none."""
        return [
            Fields(value, self.path(f"{name}[{position}]"), self._notes)
            for position, value in enumerate(self.items(name))
        ]

    def blocks(self, name: str) -> list[Fields]:
        """Content: a list of blocks, or a string, which stands for one text block. `""` is no block."""
        if isinstance(self._left.get(name), str):
            text = self.take(name)
            return [Fields({"type": "text", "text": text}, self.path(name), self._notes)] if text else []
        return self.inners(name)

    def drop(self, *names: str) -> None:
        """Members that may go: losing them changes neither the meaning nor the cost of the answer."""
        self._notes.dropped += [self.path(name) for name in names if self.take(name) is not None]

    def drop_rest(self) -> None:
        """Of this object, whatever was not read may go."""
        self.drop(*list(self._left))

    def lose(self, name: str) -> None:
        """The request can't be carried over, because of this member."""
        self.take(name)
        self._notes.lost.append(self.path(name))

    def close(self) -> None:
        """All that is known was read: what is left is lost. Empty lists and objects ask for nothing."""
        for name, value in self._left.items():
            if value not in ([], {}):
                self._notes.lost.append(self.path(name))

    def abandon(self, name: str) -> None:
        """`lose` that member, and look at nothing else: its siblings have no meaning without it."""
        self._left.clear()
        self.lose(name)

    def _refuse(self, name: str, expected: str) -> NoReturn:
        path = self.path(name)
        raise InvalidRequest(f"{path} must be {expected}", param=path)
